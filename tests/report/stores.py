"""Stores of invented runs: every way in which a run can end and a cell can look."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from phasegrok import cells, tasks
from phasegrok.cells import Run
from phasegrok.config import compose
from phasegrok.phases import LADDER, needed
from phasegrok.store import Store

BUDGET = 2000
STEPS = [0, *range(5, 100, 10), *np.geomspace(100, BUDGET, 40).astype(int).tolist()]

# Four axes: numbers, a log axis with zero, names, and whole numbers.
FOUR_AXES = (
    "+sweep.row={param: task.operation, values: [x+y, x-y]}",
    "+sweep.col={param: model.width, values: [16, 32, 64]}",
    "+sweep.y.zero=true",
)


def invented(path: Path, *overrides: str, runs: slice = slice(None), curves: bool = True) -> Store:
    """A store of wd_vs_frac over 4 x 3 cells and three seeds, or otherwise by overrides.

    Args:
        runs: which of the planned runs have ended.
    """
    small = ["sweep.x.num=4", "sweep.y.num=3", f"train.steps={BUDGET}", "task.p=11"]
    config = compose(["+sweep=wd_vs_frac", *small, *overrides, f"out={path}"])
    store = Store(path)
    path.mkdir(parents=True)
    store.write_config(config)
    write_part(store, "part-0", cells.runs(config)[runs], curves)
    return store


def write_part(store: Store, name: str, runs: Sequence[Run], curves: bool = True) -> None:
    rows = [_row(run, curves) for run in runs]
    store.write_part(name, [row for row in rows if row is not None], store.config())


def planned(run: Run, **outcome: Any) -> dict[str, Any]:
    """A row of results of this outcome; what is not given is null."""
    return {"run_id": run.run_id, "sweep": "invented", "seed": run.seed, "host": "n1",
            **{key: value for key, value in cells.leaves(run.config) if value is not None},
            "phase.train_accuracy": 0.9, "phase.val_accuracy": 0.9, "phase.gap": 0.05,
            "config": json.dumps(run.config), "budget": BUDGET, "device": "cpu",
            "phasegrok": "0.1.0", "torch": "2.13.0", "commit": "0123456789ab",
            **outcome}  # fmt: skip


def _row(run: Run, curves: bool) -> dict[str, Any] | None:
    """What became of a run, invented from its id: the same for ever."""
    draws = np.random.default_rng(int(run.run_id[:8], 16))
    kind = draws.integers(12)
    if kind == 0:
        return None  # not there yet
    told = planned(run)
    if kind == 1:
        return told | {"status": "failed", "stop_reason": "RuntimeError"}
    return told | _outcome(run, draws, int(kind), curves)


def _outcome(run: Run, draws: np.random.Generator, kind: int, curves: bool) -> dict[str, Any]:
    train = tasks.train_size(run.config["task"])
    totals = {"train": train, "val": tasks.size(run.config["task"]) - train}
    # Rises to all, or never to anything, each at its own time.
    middle = {side: 10 ** draws.uniform(1, 3.8) for side in totals}
    counts = {
        side: np.rint(totals[side] / (1 + (middle[side] / (np.array(STEPS) + 1)) ** 3)).astype(int)
        for side in totals
    }
    ladders = {
        side: [_first(counts[side], needed(accuracy, totals[side])) for accuracy in LADDER]
        for side in totals
    }
    own = {side: ladder[LADDER.index(0.9)] for side, ladder in ladders.items()}
    decided = None not in own.values() and kind != 2
    end = max(filter(None, own.values())) if decided else 150 if kind == 3 else BUDGET
    seen = len([step for step in STEPS if step <= end])
    ladders = {
        side: [step if step is not None and step <= end else None for step in ladder]
        for side, ladder in ladders.items()
    }
    row: dict[str, Any] = {
        "status": "decided" if decided else "diverged" if kind == 3 else "finished",
        "steps": end,
        "weight_norm": float(draws.uniform(5, 20)),
        "seconds": 1.0,
        "max_val_acc": float(counts["val"][:seen].max() / totals["val"]),
        # Some were written before there were ladders, some do not say their threshold.
        **({} if kind == 4 else {f"{side}_steps": ladders[side] for side in ladders}),
        **({"phase.train_accuracy": None, "phase.val_accuracy": None} if kind == 5 else {}),
    }
    for side, ladder in ladders.items():
        accuracies = (counts[side][:seen] / totals[side]).tolist()
        row |= {f"{side}_step": ladder[LADDER.index(0.9)], f"{side}_acc": accuracies[-1]}
        row |= {f"curve.{side}_acc": accuracies} if curves else {}
    return row | ({"curve.step": STEPS[:seen]} if curves else {})


def _first(counts: np.ndarray, wanted: int) -> int | None:
    found = np.flatnonzero(counts >= wanted)
    return STEPS[found[0]] if len(found) else None
