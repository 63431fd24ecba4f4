"""A refined sweep from the command to the figure, disturbed and undisturbed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from phasegrok import __main__, refine, status
from phasegrok.config import compose
from phasegrok.lattice import Lattice, Point
from phasegrok.refine import Settings, Told
from phasegrok.store import Store
from tests.sweeping import child, command, differences, finished, results
from tests.test_resume import kill_inside

# 3 x 3 cells at first and 5 x 5 at the finest; every tick writes parts and a checkpoint.
GRID = ("+sweep=quick", "launch=inline", "launch.checkpoint_s=0", "launch.flush_s=0",
        "train.steps=100", "train.eval_every=20", "sweep.x.num=5", "sweep.y.num=5",
        "seeds=3")  # fmt: skip
REFINED = (*GRID, "sweep.refine.start=3")
FULL = 75


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed") / "quick"
    assert finished([*REFINED, f"out={out}"]) == 0
    return out


def asked(out: Path) -> dict[tuple[Point, int], int]:
    """The round in which each run was planned."""
    rows = Store(out).plan()
    return {((row["index.x"], row["index.y"]), row["seed"]): row["round"] for row in rows}


def test_each_round_is_what_the_results_of_those_before_ask_for(undisturbed: Path) -> None:
    config = Store(undisturbed).config()
    lattice, settings = Lattice.of(config["sweep"]), Settings.of(config)
    rounds, told = asked(undisturbed), refine.History.of(Store(undisturbed), config).known
    last = max(rounds.values())
    assert last >= 2
    for number in range(1, last + 2):
        known: dict[Point, dict[int, Told]] = {}
        for (point, seed), asked_in in rounds.items():
            if asked_in < number:
                known.setdefault(point, {})[seed] = told[point][seed]
        decided = refine.next_round(known, lattice, settings, number)
        assert set(decided) == {run for run, asked_in in rounds.items() if asked_in == number}


def test_the_results_say_the_round_of_each_run_and_nothing_else_was_trained(
    undisturbed: Path,
) -> None:
    rows = results(undisturbed).select(["run_id", "round"]).to_pylist()
    planned = {row["run_id"]: row["round"] for row in Store(undisturbed).plan()}
    assert {row["run_id"]: row["round"] for row in rows} == planned
    assert len(planned) < FULL


@pytest.mark.parametrize(
    "kill",
    [kill_inside("plan.parquet", 2), kill_inside("plan.parquet", 3), kill_inside("parts", 6)],
)
def test_killed_within_a_round_or_between_two_it_ends_with_the_same_cells(
    kill: Callable[[], None], undisturbed: Path, tmp_path: Path
) -> None:
    arguments = [*REFINED, f"out={tmp_path / 'quick'}"]
    process = child(arguments, kill)
    process.join()
    assert process.exitcode == -9
    assert finished(arguments) == 0
    assert asked(tmp_path / "quick") == asked(undisturbed)
    assert not differences(results(undisturbed), results(tmp_path / "quick"))


def test_a_full_grid_beside_it_answers_every_round(tmp_path: Path) -> None:
    one_seed = ["seeds=1", "train.steps=40"]
    assert finished([*GRID, *one_seed, f"out={tmp_path / 'full'}"]) == 0
    assert finished([*REFINED, *one_seed, f"out={tmp_path / 'refined'}"]) == 0
    rows = results(tmp_path / "refined").to_pylist()
    assert not Store(tmp_path / "refined").part_names() or all(
        name.startswith("reused") for name in Store(tmp_path / "refined").part_names()
    )
    full = {row["run_id"]: row["phase"] for row in results(tmp_path / "full").to_pylist()}
    assert rows and all(full[row["run_id"]] == row["phase"] for row in rows)


def test_a_cap_is_kept_exactly_and_a_larger_one_goes_on(undisturbed: Path, tmp_path: Path) -> None:
    out = tmp_path / "quick"
    capped = [*REFINED, f"out={out}", f"reuse=[{undisturbed}]"]
    first = command(*capped, "sweep.refine.max_runs=21")
    assert first.returncode == 0, first.stderr
    assert len(asked(out)) == len(results(out)) == 21
    assert "sweep.refine.max_runs = 21 ends it; the next round would have" in first.stdout
    assert finished([*capped, "sweep.refine.max_runs=30"]) == 0
    assert len(asked(out)) == len(results(out)) == 30


def test_a_dry_run_shows_the_first_round_and_the_worst_case_and_writes_nothing(
    tmp_path: Path,
) -> None:
    shown = command(*REFINED, f"out={tmp_path / 'quick'}", "dry_run=true")
    assert shown.returncode == 0 and not list(tmp_path.iterdir())
    assert "20 runs: 0 done, 0 reused, 20 to train" in shown.stdout  # and a probe
    assert "refined: 3 x 3 cells at first, 5 x 5 at the finest, 2 of 3 seeds first" in shown.stdout
    assert "at most 75 of the 75 runs of the full grid, 7,500 run-steps" in shown.stdout
    capped = command(*REFINED, f"out={tmp_path / 'quick'}", "dry_run=true",
                     "sweep.refine.max_runs=40")  # fmt: skip
    assert "at most 40 of the 75 runs of the full grid, 4,000 run-steps" in capped.stdout


def test_the_last_words_say_what_a_full_grid_would_have_taken(undisturbed: Path) -> None:
    rounds = asked(undisturbed)
    again = command(*REFINED, f"out={undisturbed}")
    assert again.returncode == 0 and "run-steps/s" not in again.stdout
    cells = len({point for point, _ in rounds})
    assert (
        f"refined in {max(rounds.values())} rounds: {len(rounds)} runs in {cells} cells; the full "
        f"grid of 5 x 5 cells has 75 runs, so these are {len(rounds) / 75:.1%}"
    ) in again.stdout


def test_status_shows_the_rounds(undisturbed: Path) -> None:
    found = status.gather(Store(undisturbed))
    assert sum(of for of, _ in found.rounds.values()) == len(asked(undisturbed))
    assert found.rounds[1] == (20, 20)
    assert "rounds so far: 1 (all of 20 runs done), 2 (" in status.describe(found)


def test_retry_goes_on_with_the_rounds_and_with_no_more(undisturbed: Path, tmp_path: Path) -> None:
    out = tmp_path / "quick"
    shutil.copytree(undisturbed, out)
    (out / "results.parquet").unlink()
    for part in sorted((out / "parts").iterdir())[::3]:
        part.unlink()
    assert __main__.main(["retry", str(out)]) == 0
    assert asked(out) == asked(undisturbed)
    assert not differences(results(undisturbed), results(out))


# Fails while it is made, for some seeds.
BRITTLE = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, symbols, outputs, **settings):
        super().__init__()
        self.table = nn.Parameter(torch.randn(symbols, outputs))
        if float(self.table[0, 0]) > 0:
            raise RuntimeError("no luck with this one")

    def forward(self, pairs):
        return self.table[pairs[:, 0]] * self.table[pairs[:, 1]]
"""


def test_runs_that_fail_again_and_again_are_given_up_and_others_asked_for(tmp_path: Path) -> None:
    (tmp_path / "brittle.py").write_text(BRITTLE)
    out = tmp_path / "quick"
    done = command(*REFINED, "model=own", "model.name=brittle:Net", "model.width=null",
                   "train.compile=false", "train.steps=40", "sweep.x.num=3", "sweep.y.num=3",
                   "seeds=6", "launch.max_attempts=2", f"out={out}", cwd=tmp_path)  # fmt: skip
    assert done.returncode == 1, done.stderr
    store = Store(out)
    rows = store.rows(["status"]).to_pylist()
    failed = {row["run_id"] for row in rows if row["status"] == "failed"}
    assert 0 < len(failed) < len(rows) == len(asked(out))
    assert {store.failures(run_id) for run_id in failed} == {2}
    assert max(asked(out).values()) >= 2  # for all cells have lost some of their first seeds
    assert f"failed {len(failed)}" in done.stdout


def test_a_finer_lattice_goes_on_from_the_cells_there_are(
    undisturbed: Path, tmp_path: Path
) -> None:
    finer = compose([*REFINED, "sweep.x.num=9", "sweep.y.num=9"])
    known = refine.History.of(Store(undisturbed), finer).known
    assert {point for point, _ in asked(undisturbed)} == {(x // 2, y // 2) for x, y in known}
