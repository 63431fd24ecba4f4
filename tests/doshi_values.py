"""What the studies of Doshi et al. 2023 (arXiv 2310.13061) claim, computed from their runs.

Each function takes the study's folder, its frame (one row per run) and the options of the claim, as
those of claim_values.py do. A cell is of the phase that more of its seeds are in than in any other,
and of none where phases tie; phases that are told together count as one. Forgetting and confusion
are one letter, for the reference, of which only the end is known, does not tell them apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from phasegrok import load_weights
from phasegrok.frames import pruning
from phasegrok.phases import cell_table

# pandas frames, of which its stubs know too little to be of use here.
Frame = Any

FRACTION, NOISE, DECAY = "task.train_fraction", "task.label_noise", "optim.weight_decay"
KEYS = [DECAY, NOISE, FRACTION]
LETTERS = {
    "coexistence": "C",
    "partial inversion": "P",
    "full inversion": "F",
    "memorization": "M",
    "forgetting": "X",
    "confusion": "X",
}


def reference_agreement(folder: Path, frame: Frame, inside: bool = False) -> float:
    """The share of the reference's cells with its letter; ties and unknown cells have none.

    Args:
        inside: only of cells with the letter of their neighbours left, right, above and below.
    """
    theirs = reference(folder)
    ours = letters(frame)
    if inside:
        theirs = theirs[np.concatenate([_alike(panel) for _, panel in theirs.groupby(DECAY)])]
    return float((ours.reindex(theirs.index) == theirs).mean())


def reference(folder: Path) -> Frame:
    """The letters of reference.csv by decay, noise and fraction, in this order."""
    rows = pd.read_csv(folder / "reference.csv", comment="#").to_dict("records")
    found = {
        (float(row["weight_decay"]), float(row["label_noise"]), round(0.1 * (i + 1), 1)): letter
        for row in rows
        for i, letter in enumerate(row["phases"])
    }
    return pd.Series(found).rename_axis(KEYS).sort_index()


def _alike(panel: Frame) -> np.ndarray:
    """Whether a cell of a panel [noises x fractions] is as its neighbours: [cells] of booleans."""
    grid = panel.unstack(FRACTION).to_numpy()
    same = np.ones(grid.shape, bool)
    for axis in (0, 1):
        equal = np.swapaxes(grid, 0, axis)[1:] == np.swapaxes(grid, 0, axis)[:-1]
        np.swapaxes(same, 0, axis)[1:] &= equal
        np.swapaxes(same, 0, axis)[:-1] &= equal
    return same.ravel()


def letters(frame: Frame) -> Frame:
    """The letter of most seeds by decay, noise and fraction; none where they tie."""
    return _majority(frame, ["confusion", "forgetting"]).map(LETTERS.get)


def _majority(frame: Frame, together: Sequence[str]) -> Frame:
    """The phase of each cell; the first of these phases stands for all of them."""
    phase = frame["phase"].mask(frame["phase"].isin(together), together[0])
    return cell_table(frame.assign(phase=phase), KEYS).set_index(KEYS)["majority"]


def cells_in(
    folder: Path, frame: Frame, phases: Sequence[str], at: Mapping[str, Sequence[Any]]
) -> int:
    """How many cells have most of their seeds in one of these phases."""
    return int((_majority(_at(frame, at), phases) == phases[0]).sum())


def letters_along(folder: Path, frame: Frame, along: str, at: Mapping[str, Sequence[Any]]) -> str:
    """The letters of cells along an axis, neighbours that are equal told once; ? is none."""
    found = letters(_at(frame, at)).sort_index(level=along).fillna("?")
    return "".join(letter for letter, _ in groupby(found))


def final_median(folder: Path, frame: Frame, of: str, at: Mapping[str, Sequence[Any]]) -> float:
    """The median over runs of a column; none if a run has no finite value."""
    return _median(_at(frame, at)[of])


def curve_median(
    folder: Path, frame: Frame, of: str, step: int, at: Mapping[str, Sequence[Any]]
) -> float:
    """The median over runs of a curve at a step; none if a run has no finite value there."""
    return _median(
        dict(zip(run["curve.step"], run[f"curve.{of}"], strict=True)).get(step, np.nan)
        for _, run in _at(frame, at).iterrows()
    )


def pruned(folder: Path, frame: Frame, order: str, removed: float, of: str) -> float:
    """The median over runs of an accuracy without this share of the neurons, from kept weights."""
    table = pruning(frame, load_weights(folder, frame["run_id"]), shares=[removed])
    return _median(table.loc[table["order"] == order, of])


def whole_accuracy(folder: Path, frame: Frame, at: Mapping[str, Sequence[Any]]) -> float:
    """The mean over runs of the accuracy on all pairs; training and validation set are halves."""
    assert (frame["task.train_fraction"] == 0.5).all()
    return float(_at(frame, at)[["train_acc", "val_acc"]].mean(axis=None))


def least_accuracy(folder: Path, frame: Frame, at: Mapping[str, Sequence[Any]]) -> float:
    """The smallest of these means over p and widths."""
    return float(_by_width(_at(frame, at)).min(axis=None))


def falls_with_width(folder: Path, frame: Frame) -> int:
    """How often this mean is below 1 and does not rise from a width to the next, at the same p."""
    means = _by_width(frame).to_numpy()
    return int(((np.diff(means, axis=0) <= 0) & (means[:-1] < 1)).sum())


def _by_width(frame: Frame) -> Frame:
    both = frame.assign(accuracy=frame[["train_acc", "val_acc"]].mean(axis=1))
    return both.pivot_table("accuracy", index="model.width", columns="task.p")


def _median(values: Iterable[float]) -> float:
    numbers = np.array(list(values), float)
    return float(np.median(np.where(np.isfinite(numbers), numbers, np.nan)))


def _at(frame: Frame, values: Mapping[str, Sequence[Any]]) -> Frame:
    """The rows whose columns have one of these values, of which there must be some."""
    for key, allowed in values.items():
        frame = frame[frame[key].isin(allowed)]
    assert len(frame), f"no run has {dict(values)}"
    return frame


VALUES: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        reference_agreement, cells_in, letters_along, final_median, curve_median, pruned,
        whole_accuracy, least_accuracy, falls_with_width,
    )
}  # fmt: skip
