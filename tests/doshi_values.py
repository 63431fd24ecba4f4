"""What the studies of Doshi et al. 2023 (arXiv 2310.13061) claim, computed from their runs.

Each function takes the study's folder, its frame (one row per run) and the options of the claim, as
those of claim_values.py do. A cell's phase is that of most of its seeds; forgetting and confusion
are one letter where the reference, of which only the end is known, does not tell them apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

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
    both = frame.assign(phase=frame["phase"].replace("forgetting", "confusion"))
    return cell_table(both, KEYS).set_index(KEYS)["majority"].map(LETTERS.get)


def cells_in(
    folder: Path, frame: Frame, phases: Sequence[str], at: Mapping[str, Sequence[Any]]
) -> int:
    """How many cells have most of their seeds in one of these phases."""
    runs = _at(frame, at)
    return int((runs["phase"].isin(phases).groupby([runs[key] for key in KEYS]).mean() > 0.5).sum())


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
    for function in (reference_agreement, cells_in, letters_along, final_median, curve_median)
}
