"""Training curves, point by point."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from phasegrok.errors import InputError
from phasegrok.frames.grid import Axis
from phasegrok.frames.places import placed, require, some
from phasegrok.frames.values import distinct, plain

CURVES = ("step", "train_acc", "val_acc", "train_loss", "val_loss", "weight_norm")


def curve_table(
    frame: pd.DataFrame, axes: Mapping[str, Axis], where: Mapping[str, Any] | None = None
) -> pd.DataFrame:
    """The training curves of the runs on the grid, or of those in chosen cells.

    Args:
        frame: one row per run, with a column for every axis and the list columns `curve.step`,
            `curve.train_acc`, ... (from `phasegrok.load(..., curves=True)`), equally long per run.
        axes: the axes by name; "x" is needed, the others are "y", "row" and "col".
        where: the runs to show, by the values of any columns: {"optim.weight_decay": 1.0}.

    Returns:
        One row per stored point, run by run in the order of the frame: `run_id`, the value under
        each axis' dotted key, `seed`, `phase` if there is one, and `step`, `train_acc`, `val_acc`
        (shares), `train_loss`, `val_loss`, `weight_norm`. Runs without curves, as failed ones,
        have no rows.

    Raises:
        InputError: a column or value that there is not, or no curves.
    """
    lists = [f"curve.{name}" for name in CURVES]
    if absent := [name for name in lists if name not in frame]:
        raise InputError(
            f"the frame has no {', '.join(absent)}: load it with its curves, "
            "phasegrok.load(DIR, curves=True)"
        )
    require(frame, ["run_id", "seed"])
    chosen = frame.loc[_where(frame, where or {})]
    keys = [axis.key for axis in axes.values()]
    told = ["run_id", *(key for key in keys if key != "seed"), "seed"]
    told += ["phase"] if "phase" in frame else []
    runs = placed(chosen, axes, keep=[*told, *lists])
    points = np.array([_size(curve) for curve in runs["curve.step"]])
    runs, points = runs.loc[points > 0], points[points > 0]
    if runs.empty:
        raise InputError("there is nothing to draw: none of these runs has a curve")
    table = runs[told].iloc[np.repeat(np.arange(len(runs)), points)].reset_index(drop=True)
    for name, column in zip(CURVES, lists, strict=True):
        table[name] = _end_to_end(runs[column], points)
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


def _where(frame: pd.DataFrame, where: Mapping[str, Any]) -> np.ndarray:
    """[runs] of bool."""
    require(frame, where)
    inside = np.ones(len(frame), dtype=bool)
    for key, value in where.items():
        codes, there = distinct(frame.loc[:, key])
        if plain(value) not in there:
            raise InputError(f"no run has {key} = {value}; there are {some(there)}")
        inside &= codes == there.index(plain(value))
    if not inside.any():
        told = " and ".join(f"{key} = {value}" for key, value in where.items())
        raise InputError(f"there is nothing to draw: no run has {told}")
    return inside
