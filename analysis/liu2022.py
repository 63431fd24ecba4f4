"""The published numbers of Liu et al. 2022 (arXiv 2205.10343) in the words of phasegrok.

For the scripts here that draw them, and for the tests that compare with them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

LR, DECAY = "optim.lr", "optim.weight_decay"

# Steps the authors trained; a crossing that never came is stored as the last step's index.
BUDGET = 100_000
NEVER = BUDGET - 1

# The pairs of ten symbols: the whole table of the addition toy.
PAIRS = 55


def read_published(path: Path) -> pd.DataFrame:
    """Published cells of a phase diagram, one row each.

    Columns: optim.lr, optim.weight_decay, train_step, val_step (updates done; NaN: never), steps,
    status, phase (the label that the authors' formula gives). The authors counted steps from 0
    and looked after the update, so that their step is one less than the updates done.
    """
    table = pd.read_csv(path)
    steps = table[["train_step", "test_step"]]
    steps = steps.where(steps != NEVER) + 1
    return pd.DataFrame(
        {
            LR: table["decoder_lr"],
            DECAY: table["decoder_wd"].astype(float),
            "train_step": steps["train_step"],
            "val_step": steps["test_step"],
            "steps": BUDGET,
            "status": "finished",
            "phase": table["phase"],
        }
    )


def keyed(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows by their cell, with as many digits of the learning rate as both sides have."""
    index = [f"{lr:.6g}/{decay:g}" for lr, decay in zip(rows[LR], rows[DECAY], strict=True)]
    return rows.set_index(pd.Index(index, name="cell"))


def accuracies(runs: Any) -> pd.DataFrame:
    """Predicted and measured accuracy of the toy's runs, over the whole table as published.

    Returns:
        One row per run: `predicted`, `measured`. A fraction of n / 55 is stored rounded; the
        number of pairs is whole.
    """
    train = (PAIRS * runs["task.train_fraction"]).round() / PAIRS
    predicted = train + (1 - train) * runs["predicted_val_acc"]
    measured = train * runs["train_acc"] + (1 - train) * runs["val_acc"]
    return pd.DataFrame({"predicted": predicted, "measured": measured})
