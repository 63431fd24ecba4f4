"""Training curves, point by point."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from phasegrok.errors import InputError
from phasegrok.frames.grid import Axis
from phasegrok.frames.places import placed, require
from phasegrok.observables import CURVE, OBSERVABLES

# What every run has; of observables that only some have, a frame may hold no column.
_ALL = [f"curve.{name}" for name in CURVE if name == "step" or not OBSERVABLES[name].needs]


def curve_table(frame: pd.DataFrame, axes: Mapping[str, Axis]) -> pd.DataFrame:
    """The training curves of the runs on the grid.

    Args:
        frame: one row per run, with a column for every axis and the list columns `curve.step`,
            `curve.train_acc`, ... (from `phasegrok.load(..., curves=True)`), equally long per run.
        axes: the axes by name; "x" is needed, the others are "y", "row" and "col".

    Returns:
        One row per stored point, run by run in the order of the frame: `run_id`, the value under
        each axis' dotted key, `seed`, `phase` if there is one, and what curves hold
        (`phasegrok.observables.CURVE`): `step`, `train_acc`, `val_acc` (shares), `train_loss` and
        so on, NaN where a run has none of it. Runs without curves, as failed ones, have no rows.

    Raises:
        InputError: a column that there is not, or no curves.
    """
    if absent := [name for name in _ALL if name not in frame]:
        raise InputError(
            f"the frame has no {', '.join(absent)}: load it with its curves, "
            "phasegrok.load(DIR, curves=True)"
        )
    lists = [name for curve in CURVE if (name := f"curve.{curve}") in frame]
    require(frame, ["run_id", "seed"])
    keys = [axis.key for axis in axes.values()]
    told = ["run_id", *(key for key in keys if key != "seed"), "seed"]
    told += ["phase"] if "phase" in frame else []
    runs = placed(frame, axes, keep=[*told, *lists])
    points = np.array([_size(curve) for curve in runs["curve.step"]])
    runs, points = runs.loc[points > 0], points[points > 0]
    if runs.empty:
        raise InputError("there is nothing to draw: none of these runs has a curve")
    table = runs[told].iloc[np.repeat(np.arange(len(runs)), points)].reset_index(drop=True)
    for name in CURVE:
        column = f"curve.{name}"
        table[name] = _end_to_end(runs[column], points) if column in lists else np.nan
    return table.astype({"step": "int64"})


def _size(curve: Any) -> int:
    """Its points; a run that has none may have a null of any kind instead."""
    return len(curve) if isinstance(curve, np.ndarray | list | tuple) else 0


def _end_to_end(curves: pd.Series, points: np.ndarray) -> np.ndarray:
    """The curves of one column, NaN for one that was not kept: [sum of points] of float."""
    parts = []
    for curve, size in zip(curves, points.tolist(), strict=True):
        if _size(curve) not in (0, size):
            raise InputError(
                f"{curves.name} has {_size(curve)} points in a run with {size} steps: the curves "
                "of a run must be equally long"
            )
        parts.append(np.asarray(curve, dtype=float) if _size(curve) else np.full(size, np.nan))
    return np.concatenate(parts)
