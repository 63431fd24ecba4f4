"""The engine's benchmark compares like with like, and the sweep's counts all that trained."""

# pyright: reportMissingImports=false
from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks import engine, lanes, limits, sweep
from benchmarks.cases import CASES, EVAL_EVERY, Case
from benchmarks.machine import ROOT
from benchmarks.packed import Packed
from benchmarks.plain_loop import PlainLoop, minibatches
from phasegrok import tasks, work
from phasegrok.cells import Run
from phasegrok.engine import Given, prepare
from phasegrok.plan import PackPlan

STEPS = 4 * EVAL_EVERY
RUNS = 3
JAX_IS_OPTIONAL = "jax is an optional dependency of the benchmark"

every_case = pytest.mark.parametrize("case", CASES, ids=[case.key for case in CASES])


def small_runs(case: Case) -> list[Run]:
    return case.runs(RUNS, quick=True, dtype="float64")


def same_batches(runs: list[Run]) -> Mapping[str, Given]:
    """Minibatches that all columns take, where there are any; each column draws its own else."""
    size, task = runs[0].config["train"]["batch_size"], runs[0].config["task"]
    if size is None:
        return {}
    draws = np.random.default_rng(0)
    return {
        run.run_id: Given(batches=np.stack([draws.permutation(tasks.train_size(task))[:size]
                                            for _ in range(STEPS)]))
        for run in runs
    }  # fmt: skip


def agree(case: Case, other: Any, **options: Any) -> None:
    """phasegrok and another column measure the same at every evaluation, and the runs train."""
    runs = small_runs(case)
    given = same_batches(runs)
    ours = np.array(Packed(runs, compiled=False, given=given).train(STEPS))
    column = other(runs, given=given, **options)
    column.train(STEPS)  # a second block begins where the first began
    theirs = np.array(column.train(STEPS))
    assert ours.shape == (RUNS, STEPS // EVAL_EVERY + 1, 5)
    assert np.abs(ours - theirs).max() < 1e-8
    train_loss = ours[:, :, 0]
    assert (train_loss[:, -1] < 0.99 * train_loss[:, 0]).all()


@every_case
def test_the_plain_loop_trains_what_phasegrok_trains(case: Case) -> None:
    agree(case, PlainLoop)


@pytest.mark.parametrize("tables", ["gather", "onehot"])
@every_case
def test_jax_trains_what_phasegrok_trains(case: Case, tables: str, require: Any) -> None:
    require("jax", find_spec("jax"), JAX_IS_OPTIONAL)
    from benchmarks.jax_vmap import JaxVmap

    agree(case, JaxVmap, tables=tables)


def test_minibatches_of_the_plain_loop_are_epochs_without_replacement() -> None:
    start = prepare(small_runs(CASES[-1])[0])
    drawn = list(itertools.islice(minibatches(start, "cpu"), 6))
    epochs = [torch.cat(batches).tolist() for batches in (drawn[:3], drawn[3:])]  # type: ignore[arg-type]
    assert [sorted(epoch) for epoch in epochs] == [list(range(30))] * 2
    assert epochs[0] != epochs[1]


def test_minibatches_in_jax_are_epochs_without_replacement(require: Any) -> None:
    require("jax", find_spec("jax"), JAX_IS_OPTIONAL)
    import jax
    import jax.numpy as jnp

    from benchmarks.jax_vmap import batches

    data = {"key": jax.random.PRNGKey(0), "train_labels": jnp.zeros(30)}
    drawn = np.array(batches(data, jnp.array(0), 10))
    assert drawn.shape == (EVAL_EVERY, 10)
    epochs = drawn[:9].reshape(3, 30).tolist()
    assert [sorted(epoch) for epoch in epochs] == [list(range(30))] * 3
    assert epochs[0] != epochs[1]


def test_the_table_has_a_line_with_the_ratio_and_the_share_of_the_peak(
    capsys: pytest.CaptureFixture[str],
) -> None:
    (row,) = engine.main(["--quick", "--cases", "quadratic23", "--columns", "phasegrok", "loop"])
    ratio = row["phasegrok"]["run_steps_per_s"] / row["loop"]["run_steps_per_s"]
    assert row["over_loop"] == pytest.approx(ratio)
    assert row["share_of_peak"] == pytest.approx(row["gflops"] / row["peak_gflops"])
    assert row["largest_deviation"] < engine.TOLERANCE
    assert row["loop"]["threads"] >= 1 and row["phasegrok"]["lanes"] == 16
    head, line = capsys.readouterr().out.splitlines()
    assert line.startswith(CASES[0].title) and f"{row['over_loop']:.1f}" in line
    assert "jax" in head


def test_a_whole_sweep_trains_all_its_runs_with_an_empty_cache_and_again_with_a_warm_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    small = ["seeds=1", "sweep.x.num=2", "sweep.y.num=2", "train.steps=20",
             "launch.workers=1"]  # fmt: skip
    rows = sweep.main(["--sweep", "quick", *small])
    assert [row["cache"] for row in rows] == ["empty", "warm"]
    for row in rows:
        assert row["runs"] == row["planned"] == 4
        assert 0 < row["run_steps"] <= 4 * 20
        assert row["run_steps_per_s"] > 0 and row["cpu_s"] > 0
        assert row["wall_s"] > (row["first_progress_s"] or 0)
        assert row["overrides"] == small and not row["compiled"] and int(row["lanes"]) >= 1
        assert 0 <= row["share_of_peak"] < 1 and 0 < row["lanes_full"] <= 1
    assert len(capsys.readouterr().out.splitlines()) == 3


@pytest.mark.parametrize("setting", ["out=there", "+reuse=[there]", "dry_run=true"])
def test_where_the_benchmarked_sweep_goes_is_not_a_setting(
    setting: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        sweep.main(["--sweep", "quick", setting])
    assert setting in capsys.readouterr().err


def test_a_sweep_that_fails_is_shown_with_its_words() -> None:
    with pytest.raises(SystemExit, match=r"(?s)code 2.*optim.lrr"):
        sweep.main(["--sweep", "quick", "optim.lrr=1"])


def test_replayed_lanes_take_the_longest_run_and_are_full_while_runs_wait() -> None:
    steps = {"a": 4, "b": 3, "c": 3, "d": 2, "e": 2}
    pack = PackPlan("p0000", 2, True, tuple(Run(name, {}, {}, {}) for name in steps))
    replay = lanes.replayed(pack, lanes.Known(pack.runs, steps), steps)
    # 4 beside 3; then 3 from step 3, 2 from step 4, and the last 2 alone from step 6.
    assert (replay["waiting"], replay["length"]) == (6, 8)
    assert sorted(replay["spans"]) == [(0, 3), (0, 4), (3, 6), (4, 6), (6, 8)]


def test_the_kept_study_fills_narrow_lanes_better_than_wide_ones(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = lanes.main(["--quick"])
    assert len(capsys.readouterr().out.splitlines()) == 1 + len(rows)
    fuller = [row["all"] for row in rows]
    assert fuller == sorted(fuller, reverse=True)
    for row in rows:
        assert row["waiting"] == 1.0 and 0.5 < row["all"] <= row["known"] + 0.01 <= 1.01
        assert row["run_steps_per_s_as_full"] <= row["run_steps_per_s"]


def test_the_parts_of_an_update_are_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    (row,) = limits.main(["--quick", "--cases", "quadratic97"])
    assert sum(part["seconds"] for part in row["parts"]) == pytest.approx(row["seconds"])
    products = [part for part in row["parts"] if "shapes" in part]
    known = work.of_run(
        next(c for c in CASES if c.key == "quadratic97").runs(1, quick=True)[0].config
    )
    assert known is not None and len(products) == 3
    assert sum(part["flop"] for part in products) == pytest.approx(known.step * 16)
    assert all(part["share"] > 0 for part in row["parts"] if part["name"] != "the rest")
    assert 0 < row["share_of_peak"] < row["bound"]
    assert "of a square product" in capsys.readouterr().out


def recorded(name: str) -> list[dict[str, Any]]:
    """What the docs quote; other machines may have records of their own."""
    file = ROOT / "benchmarks" / "results" / f"{name}-intel-r-xeon-r-processor.json"
    return json.loads(file.read_text())["rows"]


def test_the_speeds_in_the_docs_are_those_that_were_recorded() -> None:
    text = (ROOT / "docs" / "sweeps.md").read_text()
    for row in recorded("engine"):
        rates = [f"{row[column]['run_steps_per_s']:,.0f}" for column in engine.COLUMNS]
        ratios = [
            f"{row['over_loop']:.1f}",
            f"{row['over_jax']:.1f}",
            f"{row['share_of_peak']:.0%}",
        ]
        assert f"| {' | '.join([row['title'], *rates, *ratios])} |" in text
        if row["case"] == "quadratic23":
            readme = " ".join((ROOT / "README.md").read_text().split())
            assert f"{ratios[0]} times as many steps a second as the loop" in readme
            assert f"and {ratios[1]} times as many as JAX" in readme


def test_what_keeps_it_from_the_peak_is_told_as_it_was_recorded() -> None:
    words = " ".join((ROOT / "docs" / "sweeps.md").read_text().split())
    (row,) = [row for row in recorded("limits") if row["case"] == "quadratic97"]
    products = [part for part in row["parts"] if "flop" in part]
    ideal = sum(part["flop"] for part in products) / (1e9 * row["peak_gflops"])
    alone = sum(part["flop"] / part["alone_flop_per_s"] for part in products)
    spent = {part["name"]: part["seconds"] for part in row["parts"] if "flop" not in part}
    inside = sum(part["seconds"] for part in products)
    above = row["seconds"] - ideal
    for seconds, what in [
        (spent["compiled kernels"], "compiled kernels"),
        (inside - alone, "products that are slower inside the update than alone"),
        (alone - ideal, "their shapes"),
        (spent["the rest"], "the rest"),
    ]:
        assert f"{seconds / above:.0%} {what}".replace("%", " %") in words


def test_how_full_the_lanes_were_is_told_as_it_was_recorded() -> None:
    words = " ".join((ROOT / "docs" / "sweeps.md").read_text().split())
    for row in recorded("sweep-wd_vs_frac"):
        assert f"{row['lanes_full']:.0%}".replace("%", " %") + " over the whole of" in words


def test_what_narrower_lanes_would_gain_is_told_as_it_was_recorded() -> None:
    text = (ROOT / "docs" / "sweeps.md").read_text()
    rows = recorded("lanes")
    assert [row["width"] for row in rows] == list(lanes.WIDTHS)
    for row in rows:
        rates = [f"{row[name]:,.0f}" for name in ("run_steps_per_s", "run_steps_per_s_as_full")]
        cells = " | ".join([f"{row['sweep']:.1%}", f"{row['all']:.1%}", *rates])
        taken = ", which `auto` takes" if row["width"] == 8 else ""
        assert f"| {row['width']}{taken} | {cells} |" in text
    (eight,) = [row for row in rows if row["width"] == 8]
    assert f"{eight['known']:.1%} full".replace("%", " %") in " ".join(text.split())
