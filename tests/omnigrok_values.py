"""What the studies of Omnigrok (Liu, Michaud, Tegmark 2023) claim, computed from their runs.

Each function takes the study's folder, its frame (one row per run) and the options of the claim, as
those of claim_values.py do. Losses are medians over the runs of a point; a line is a value of `by`.
A run without a finite loss leaves its point without one, and what rests on it agrees with nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from phasegrok.frames import landscape

# pandas frames, of which its stubs know too little to be of use here.
Frame = Any

ALPHA = "model.init_scale"


def lines(frame: Frame, by: Sequence[str], where: str = "") -> Iterator[Frame]:
    """The landscape of each value of `by`, in the order of the norm."""
    points: Frame = landscape(frame.query(where) if where else frame, by)
    points.loc[points["without"] > 0, ["train_loss", "val_loss"]] = np.nan
    for _, line in points.groupby(list(by)):
        yield line


def training_rise(folder: Path, frame: Frame, by: Sequence[str], floor: float) -> float:
    """By how many decades the training loss grows from one norm to the next, at most.

    What is below the floor counts as that; 0 if it never grows.
    """
    steps = [np.diff(np.log10(line["train_loss"].clip(lower=floor))) for line in lines(frame, by)]
    return float(np.max([0.0, *np.concatenate(steps)]))


def largest_loss(folder: Path, frame: Frame, by: Sequence[str], of: str, least: float) -> float:
    """The largest loss of any line from this alpha on."""
    at = pd.concat(lines(frame, by))
    return float(at.loc[at[ALPHA] >= least, of].max(skipna=False))


def lowest_within(
    folder: Path, frame: Frame, by: Sequence[str], low: float, high: float, where: str = ""
) -> float:
    """The share of lines whose validation loss is least at an alpha in this range."""
    inside = [
        line["val_loss"].notna().all() and line.loc[line["lowest"], ALPHA].between(low, high).all()
        for line in lines(frame, by, where)
    ]
    return float(np.mean(inside))


def validation_rise(
    folder: Path, frame: Frame, by: Sequence[str], to: float, where: str = ""
) -> float:
    """By how many decades the validation loss of any line is above its least one, at least."""
    rises = []
    for line in lines(frame, by, where):
        (end,) = line.loc[np.isclose(line[ALPHA], to), "val_loss"]
        rises.append(np.log10(end / line["val_loss"].min(skipna=False)))
    return float(np.min(rises))


def published_losses(folder: Path, frame: Frame, side: str, within: float) -> float:
    """The share of the published alphas at which our median loss is theirs within a factor."""
    theirs = pd.read_csv(folder / "published.csv", comment="#")
    column = {"train": "train_loss", "test": "val_loss"}[side]
    ours = frame[column].fillna(np.inf).groupby(frame[ALPHA]).median()
    near = []
    for alpha, loss in zip(theirs["alpha"], theirs[f"{side}_mse"], strict=True):
        (mine,) = ours[np.isclose(ours.index, alpha, rtol=1e-4)]
        near.append(loss / within <= mine <= loss * within)
    return float(np.mean(near))


def farthest_from_mean(folder: Path, frame: Frame, of: str, along: str, where: str) -> float:
    """How far a median step is from the mean of those along an axis, as a share of it.

    A run that never crosses is later than any.
    """
    runs = frame.query(where)
    medians = runs[of].fillna(np.inf).groupby(runs[along]).median()
    return float((medians / medians.mean() - 1).abs().max(skipna=False))


def latest(folder: Path, frame: Frame, of: str, at: Mapping[str, Sequence[Any]]) -> float:
    """The latest step of some runs; never is later than any."""
    return float(_at(frame, at)[of].fillna(np.inf).max())


def median_delay(folder: Path, frame: Frame, at: Mapping[str, Sequence[Any]]) -> float:
    """The median of the steps from fitting to generalising; infinite if a run does neither."""
    runs = _at(frame, at)
    return float((runs["val_step"] - runs["train_step"]).fillna(np.inf).median())


def norm_against_start(
    folder: Path, frame: Frame, at: Mapping[str, Sequence[Any]], when: str
) -> float:
    """The weight norm over that at the start, median over runs; of those that generalised.

    Args:
        when: "peak", the largest norm before the run generalised, or "end", the norm when it did.
    """
    ratios = []
    for _, run in _at(frame, at).dropna(subset=["val_step"]).iterrows():
        until = np.array(run["curve.step"]) <= run["val_step"]
        norms = np.array(run["curve.weight_norm"])[until]
        ratios.append((norms.max() if when == "peak" else norms[-1]) / norms[0])
    return float(np.median(ratios)) if ratios else float("nan")


def _at(frame: Frame, values: Mapping[str, Sequence[Any]]) -> Frame:
    """The rows whose columns have one of these values, of which there must be some."""
    for key, allowed in values.items():
        frame = frame[frame[key].isin(allowed)]
    assert len(frame), f"no run has {dict(values)}"
    return frame


VALUES: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        training_rise, largest_loss, lowest_within, validation_rise, published_losses,
        farthest_from_mean, latest, median_delay, norm_against_start,
    )
}  # fmt: skip
