"""How a plan decides on lanes, packs and compiling: once, for reasons it tells, without torch."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from phasegrok import plan, sizing, work
from phasegrok.cells import Config, Run, runs
from phasegrok.config import check, compose
from phasegrok.engine import Mode
from phasegrok.engine.graphs import MOST_UPDATES, largest_divisor
from phasegrok.engine.memory import lanes_within
from phasegrok.errors import InputError
from phasegrok.plan import Plan, packs
from phasegrok.worker import train
from tests.sweeping import command

# The same on every machine that these tests run on.
ON = ("launch.device=cpu", "launch.workers=2")
FULL = sizing.RUNS_PER_LANE


def composed(*arguments: str) -> Config:
    config = compose([*ON, *arguments])
    check(config, arguments)
    return config


@pytest.fixture
def planned(tmp_path: Path):
    """Plans of a command's arguments, of which nothing is written."""

    def make(*arguments: str) -> Plan:
        return plan.prepare(composed(*arguments, f"out={tmp_path / 'none'}", "dry_run=true"))

    return make


@pytest.fixture
def compiler(require) -> None:
    require("g++", sizing.has_compiler("cpu"), "apt-get install g++ python3-dev")


def auto_lanes(config: Config, compiled: bool) -> int:
    (groups,) = packs._programs(runs(config))
    return sizing.lanes(config, groups, compiled)


# ---------------------------------------------------------------------------------------- lanes


@pytest.mark.parametrize("lanes", [1, 3, 16, 30])
@pytest.mark.parametrize("compiled", ["true", "false"])
def test_lanes_that_are_asked_for_are_taken(planned, compiler, lanes, compiled):
    found = planned("+sweep=wd_vs_frac", f"train.lanes={lanes}", f"train.compile={compiled}")
    assert {pack.width for pack in found.packs} == {lanes}


def test_a_pack_has_no_lane_that_none_of_its_programs_packs_could_ever_fill(planned):
    found = planned("+sweep=quick", "train.lanes=1000")
    assert {pack.width for pack in found.packs} == {max(len(pack.runs) for pack in found.packs)}


@pytest.mark.parametrize("compiled", [True, False])
def test_the_more_arithmetic_a_step_is_the_fewer_lanes_it_gets(compiled):
    widths = [2**power for power in range(2, 14)]
    configs = [composed("+sweep=wd_vs_frac", f"model.width={width}") for width in widths]
    arithmetic = [work.of_run(runs(config)[0].config) for config in configs]
    lanes = [auto_lanes(config, compiled) for config in configs]
    assert all(one and other and one.step < other.step for one, other in pairwise(arithmetic))
    assert all(one >= other for one, other in pairwise(lanes))
    assert lanes[0] > 4 and lanes[-1] == 1
    assert set(lanes) <= {1, 2, 4, 8, 16}


def test_a_network_of_unknown_work_gets_as_many_lanes_as_one_of_middling_work():
    own = composed("+sweep=quick", "model=own", "model.name=tests.test_own_networks:Own",
                   "model.width=null")  # fmt: skip
    assert work.of_run(runs(own)[0].config) is None
    assert 1 < auto_lanes(own, False) < sizing.MOST_CPU_LANES


def test_a_compiled_pack_gets_no_more_lanes_than_its_runs_keep_full():
    few = composed("+sweep=quick", "seeds=1")  # 4 runs of each training-set size
    assert auto_lanes(few, compiled=True) == 1
    assert auto_lanes(few, compiled=False) == sizing.MOST_CPU_LANES


def test_a_power_of_two_is_the_nearest_in_ratio_and_at_least_one():
    assert [sizing.power_of_2(n) for n in (0, 0.1, 1, 1.4, 1.5, 2.8, 2.9, 6, 11, 12, 16)] == [
        1, 1, 1, 1, 2, 2, 4, 8, 8, 16, 16]  # fmt: skip


def test_all_packs_of_a_program_have_one_width_and_another_program_may_have_another(planned):
    found = planned("+sweep=wd_vs_frac", "sweep.y={param: model.width, values: [16, 2048]}",
                    "seeds=12")  # fmt: skip
    widths: dict[int, set[int]] = {}
    for pack in found.packs:
        (program,) = {run.config["model"]["width"] for run in pack.runs}
        widths.setdefault(program, set()).add(pack.width)
    assert {program: len(found) for program, found in widths.items()} == {16: 1, 2048: 1}
    assert max(widths[16]) > max(widths[2048])


@pytest.mark.parametrize("each, most, lanes", [
    (10.0, 512, 10), (10.0, 4, 4), (1e9, 512, 1), (0.0, 512, 100), (100.1, 512, 1)
])  # fmt: skip
def test_lanes_fit_into_memory_and_are_at_least_one(each, most, lanes):
    assert lanes_within(100, each, most) == lanes


def test_a_graph_holds_as_many_updates_as_divide_an_evaluation_interval():
    for steps in range(1, 200):
        each = largest_divisor(steps, MOST_UPDATES)
        assert steps % each == 0
        assert not [d for d in range(each + 1, MOST_UPDATES + 1) if steps % d == 0]


# ---------------------------------------------------------------------------------------- packs

SIZES = [(groups, of_group, width, workers)
         for groups in (1, 3) for of_group in (1, 2, 7, 8, 9, 31, 64, 65, 400, 5000)
         for width in (1, 2, 8, 16, 500) for workers in (1, 2, 5, 16, 200)]  # fmt: skip


def cut(groups: int, of_group: int, width: int, workers: int) -> list[Any]:
    """The packs of one of several groups of so many runs (numbers stand for them)."""
    config = {"launch": {"workers": workers}}
    of_one: list[Any] = list(range(of_group))
    return list(sizing.pieces(of_one, groups * of_group, width, config))


def test_packs_hold_every_run_once_in_order():
    for groups, of_group, width, workers in SIZES:
        found = cut(groups, of_group, width, workers)
        assert [run for piece in found for run in piece] == list(range(of_group))
        assert all(found)


def test_packs_of_a_program_differ_by_one_run_and_none_is_too_large():
    for case in SIZES:
        lengths = [len(piece) for piece in cut(*case)]
        assert max(lengths) <= sizing.MOST_RUNS_IN_A_PACK
        assert max(lengths) - min(lengths) <= 1


def test_a_pack_is_no_larger_than_a_workers_share_if_that_fills_its_lanes():
    for groups, of_group, width, workers in SIZES:
        share = -(-groups * of_group // workers)
        assert max(map(len, cut(groups, of_group, width, workers))) <= max(share, width)


def test_lanes_are_filled_several_times_where_that_leaves_no_worker_idle():
    """To equal packs within a factor of two: a few runs more than a pack holds make two packs."""
    for groups, of_group, width, workers in SIZES:
        share = -(-groups * of_group // workers)
        wanted = min(FULL * width, share, of_group, sizing.MOST_RUNS_IN_A_PACK)
        found = cut(groups, of_group, width, workers)
        assert min(map(len, found)) >= wanted // 2
        assert len(found) <= -(-of_group // wanted)


def test_the_longest_packs_are_begun_first(planned):
    found = planned("+sweep=lr_vs_frac")
    lengths = [pack.length for pack in found.packs]
    fractions = [pack.runs[0].config["task"]["train_fraction"] for pack in found.packs]
    assert len(set(lengths)) > 3
    assert lengths == sorted(lengths, reverse=True)
    assert fractions == sorted(fractions, reverse=True)  # more data, more arithmetic


# ------------------------------------------------------------------------------------- compiling


def words(found: Plan) -> str:
    return plan.describe(found)


def compiles(found: Plan) -> set[bool]:
    return {pack.compiled for pack in found.packs}


def test_what_is_short_stays_eager_and_what_is_long_is_compiled(planned, compiler):
    quick, default = planned("+sweep=quick"), planned("+sweep=wd_vs_frac")
    assert compiles(quick) == {False}
    assert "eager: not compiled, since so few run-steps do not pay for it" in words(quick)
    assert compiles(default) == {True}
    assert "compiled: tens of seconds at first, cached for later" in words(default)


def test_whether_compiling_pays_is_judged_by_all_runs_not_by_the_smallest(compiler):
    """The first runs of an axis of train_fraction have the least to do."""
    config = composed("+sweep=wd_vs_frac", "seeds=2", "sweep.y.num=10")
    (groups,) = packs._programs(runs(config))
    steps = [work.of_run(group[0].config) for group in groups]
    assert steps[0] is not None and steps[-1] is not None and 2 * steps[0].step < steps[-1].step
    of_the_smallest = [groups[0]] * len(groups)
    assert sizing.compiling_pays(config, groups)
    assert not sizing.compiling_pays(config, of_the_smallest)


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("sweep", ["quick", "wd_vs_frac"])
def test_compiling_that_is_asked_for_or_refused_is_done_or_not(planned, compiler, sweep, asked):
    found = planned(f"+sweep={sweep}", f"train.compile={str(asked).lower()}")
    assert compiles(found) == {asked}
    assert "do not pay" not in words(found)
    assert ("eager: not compiled (train.compile=true compiles)" in words(found)) is not asked


@pytest.mark.parametrize("asked", ["auto", "true"])
@pytest.mark.parametrize("missing", ["PATH", "CXX"])
def test_without_a_compiler_all_is_eager_and_the_plan_says_so_once(
    planned, monkeypatch, tmp_path, asked, missing
):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv(missing, str(tmp_path / "no-compiler"))
    found = planned("+sweep=wd_vs_frac", f"train.compile={asked}")
    assert compiles(found) == {False}
    assert words(found).count("there is no C++ compiler (g++) here") == 1


def test_without_pythons_headers_there_is_no_compiler_for_a_cpu(monkeypatch, tmp_path, compiler):
    assert sizing.has_compiler("cpu")
    monkeypatch.setattr(sysconfig, "get_paths", lambda: {"include": str(tmp_path)})
    assert not sizing.has_compiler("cpu")
    (tmp_path / "Python.h").touch()
    assert sizing.has_compiler("cpu")


def test_lanes_in_a_loop_are_never_compiled(planned):
    found = planned("+sweep=wd_vs_frac", "train.vectorise=false", "train.compile=true")
    assert compiles(found) == {False}
    assert "eager, one lane after another: train.vectorise=false" in words(found)


# -------------------------------------------------------------------------------- without torch

WITHOUT_TORCH = """
import sys
from phasegrok import plan, sizing, work
from phasegrok.config import compose
config = compose(["+sweep=wd_vs_frac", "dry_run=true", "out=" + sys.argv[1]])
print(plan.describe(plan.prepare(config)))
assert sizing.device_of(config) and sizing.has_compiler("cpu") in (True, False)
assert work.of_run(plan.cells.runs(config)[0].config).step > 0
sys.exit(f"torch was imported" if "torch" in sys.modules else 0)
"""


def test_a_plan_is_made_and_told_without_torch(tmp_path):
    done = subprocess.run([sys.executable, "-c", WITHOUT_TORCH, str(tmp_path / "none")],
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_a_dry_run_says_how_it_will_run_and_why_and_writes_nothing(tmp_path):
    done = command("+sweep=quick", *ON, "dry_run=true", f"out={tmp_path / 'none'}")
    assert done.returncode == 0, done.stderr
    assert "packs of 8 lanes, at most 12,800 run-steps; local on cpu" in done.stdout
    (how,) = [line for line in done.stdout.splitlines() if line.startswith(("eager", "compiled"))]
    assert "since so few run-steps do not pay for it" in how or "no C++ compiler" in how
    assert list(tmp_path.iterdir()) == []


# --------------------------------------------------------------------- a plan that is made again


def test_a_pack_stays_compiled_only_where_there_is_a_compiler(tmp_path, monkeypatch, compiler):
    asked = ["+sweep=wd_vs_frac", f"out={tmp_path / 'o'}"]
    first = written(*asked)
    assert all(pack.compiled for pack in first.packs)
    assert [pack.pack_id for pack in written(*asked).packs] == [p.pack_id for p in first.packs]
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("CXX", raising=False)
    for more in ([], ["train.compile=true"]):
        again = written(*asked, *more)
        assert not any(pack.compiled for pack in again.packs)
        once_more = written(*asked, *more)
        assert [p.pack_id for p in once_more.packs] == [p.pack_id for p in again.packs]


def test_a_pack_planned_for_another_device_is_planned_anew(tmp_path):
    asked = ["+sweep=quick", f"out={tmp_path / 'o'}"]
    here = {pack.pack_id for pack in written(*asked).packs}
    there = written(*asked, "launch.device=cuda").packs
    assert not here & {pack.pack_id for pack in there}


def written(*arguments: str) -> Plan:
    """A plan that is kept, as the next one of the same directory finds it."""
    return plan.prepare(composed(*arguments))


def test_ways_to_train_that_do_not_exist_are_refused_together():
    with pytest.raises(InputError) as refused:
        train([], lanes=0, compiled="yes", device="gpu")  # type: ignore[arg-type]
    for words in ("lanes = 0", "compiled = 'yes'", "device = 'gpu'"):
        assert words in str(refused.value)


# ------------------------------------------------------------------------------- in this process


@pytest.mark.parametrize("arguments", [
    ("+sweep=wd_vs_frac", "seeds=2", "sweep.y.num=10"),  # pays only if judged by all of it
    ("+sweep=wd_vs_frac", "sweep.y={param: model.width, values: [16, 2048]}"),
    ("+sweep=quick",),
])  # fmt: skip
def test_training_here_is_compiled_and_wide_as_a_plan_for_one_worker_says(
    planned, monkeypatch, arguments
):
    config = composed(*arguments, "launch.workers=1")
    asked: dict[str, Mode] = {}

    def noting(runs: Sequence[Run], mode: Mode, *_: Any, **__: Any) -> None:
        asked.update(dict.fromkeys((run.run_id for run in runs), mode))

    monkeypatch.setattr("phasegrok.worker.Pack", noting)
    monkeypatch.setattr("phasegrok.worker.outcomes", lambda pack: [])
    with pytest.raises(KeyError):  # nothing trains here
        train(runs(config))
    found = planned(*arguments, "launch.workers=1")
    wanted = {run.run_id: Mode(p.width, p.compiled) for p in found.packs for run in p.runs}
    assert asked == wanted
