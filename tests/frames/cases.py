"""Hand-made frames, one row per run, as a store loads them."""

from __future__ import annotations

from typing import Any

import pandas as pd

X, Y, ROW, COL = "task.train_fraction", "optim.weight_decay", "optim.lr", "model.width"

_NAMES = {"x": X, "y": Y, "row": ROW, "col": COL, "train": "train_step", "val": "val_step"}

BUDGET = 1000


def frame_of(columns: str, *rows: tuple[Any, ...]) -> pd.DataFrame:
    """Runs with these columns (x, y, row, col, train, val stand for the long names)."""
    names = [_NAMES.get(name, name) for name in columns.split()]
    return pd.DataFrame(rows, columns=pd.Index(names))


def runs_of(columns: str, *rows: tuple[Any, ...], budget: int = BUDGET) -> pd.DataFrame:
    """Runs with these columns among them `train` and `val`: None is never within the budget.

    What is not named follows: a run ends where both are crossed, else at its budget.
    """
    frame = frame_of(columns, *rows).astype({"train_step": float, "val_step": float})
    ends = frame[["train_step", "val_step"]].max(axis=1, skipna=False)
    told = {
        "run_id": [f"{i:04x}" for i in range(len(frame))],
        "seed": range(len(frame)),
        "budget": budget,
        "steps": ends.fillna(budget),
        "status": ends.notna().map({True: "decided", False: "finished"}),
    }
    return frame.assign(**{name: value for name, value in told.items() if name not in frame})
