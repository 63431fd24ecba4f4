"""Every sweep that is shipped trains: its cheapest cell takes two steps and is evaluated."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

import phasegrok
from phasegrok import work
from phasegrok.config import compose, sweeps
from tests.data_files import WRITERS

SHORT = ["train.steps=2", "train.eval_every=1", "seeds=1"]
# Those at a published scale that is meant for a GPU; data that are files are small, written here.
SMALLER = {
    "omnigrok_constrained_full": ["task.p=7"],
    "omnigrok_imdb": ["task.examples=40", "task.length=6", "model.width=8", "train.batch_size=9"],
    "omnigrok_mnist": ["task.examples=110", "train.batch_size=4"],
    "omnigrok_mnist_landscape": ["task.examples=110", "train.batch_size=4", "sweep.y.low=0.1"],
    "omnigrok_qm9": ["task.examples=12", "train.batch_size=4"],
}
UNMOVED = ("gromov2023_closed_form",)  # by its learning rate of 1e-9


@pytest.mark.parametrize("name", [name for name, _ in sweeps()])
def test_every_shipped_sweep_trains(name: str, tmp_path: Path) -> None:
    overrides = [*SHORT, *SMALLER.get(name, [])]
    if "gap" in compose([f"+sweep={name}"])["phase"]:  # else it may exceed the budget
        overrides.append("phase.gap=1")
    task = compose([f"+sweep={name}", *overrides])["task"]
    if task["name"] in WRITERS:
        path = WRITERS[task["name"]](tmp_path / "data", task["examples"])
        overrides.append(f"task.path='{path}'")
    runs = phasegrok.runs(name, overrides)
    cheapest = min(runs, key=lambda run: getattr(work.of_run(run.config), "step", math.inf))
    (row,) = phasegrok.train([cheapest], compiled=False).to_dict("records")
    losses = row["curve.train_loss"]
    assert (row["run_id"], row["steps"], len(losses)) == (cheapest.run_id, 2, 3)
    assert row["status"] in ("finished", "decided")
    assert all(map(math.isfinite, [*losses, row["val_loss"]]))
    assert (len(set(losses)) > 1) == (name not in UNMOVED)
