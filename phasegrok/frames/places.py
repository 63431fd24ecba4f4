"""Where cells lie: what all frames with one row per cell of a grid share."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from phasegrok.errors import InputError

if TYPE_CHECKING:
    from phasegrok.frames.grid import Axis

# The space between the cells for zero and the rest of a log axis, as a share of the axis; at most
# that many cells.
_BREAK, _BREAK_CELLS = 0.025, 0.4


def placed(
    frame: pd.DataFrame, axes: Mapping[str, Axis], keep: Iterable[str] | None = None
) -> pd.DataFrame:
    """The runs on the grid, in their order, with their position on each axis: `x.at`, `y.at`, ...

    Args:
        frame: one row per run, with a column for every axis.
        axes: the axes by name; "x" is needed, the others are "y", "row" and "col".
        keep: the columns to take along, where the frame has them; None: all.

    Raises:
        InputError: no column for an axis, or no run on the grid.
    """
    require(frame, [axis.key for axis in axes.values()])
    columns = frame.columns if keep is None else [c for c in dict.fromkeys(keep) if c in frame]
    at = {f"{name}.at": axis.positions(frame.loc[:, axis.key]) for name, axis in axes.items()}
    inside = np.logical_and.reduce([positions >= 0 for positions in at.values()])
    if not inside.any():
        keys = ", ".join(axis.key for axis in axes.values())
        raise InputError(f"there is nothing to draw: no run lies on the axes {keys}")
    return frame.loc[inside, columns].assign(**{k: v.to_numpy()[inside] for k, v in at.items()})


def cell_numbers(inside: pd.DataFrame, axes: Mapping[str, Axis]) -> np.ndarray:
    """The row of `whole(axes)` that each of the placed runs belongs to: [runs] of int64."""
    number = np.zeros(len(inside), dtype="int64")
    for name, axis in axes.items():
        number = number * len(axis.values) + inside[f"{name}.at"].to_numpy()
    return number


def whole(axes: Mapping[str, Axis]) -> pd.DataFrame:
    """One row per cell of the grid, the last axis fastest, with columns `x.at`, `y.at`, ..."""
    names = [f"{name}.at" for name in axes]
    spans = [range(len(axis.values)) for axis in axes.values()]
    return pd.MultiIndex.from_product(spans, names=names).to_frame(index=False)


def located(full: pd.DataFrame, axes: Mapping[str, Axis]) -> pd.DataFrame:
    """The frame of cells with each axis's value under its dotted key and the borders of x and y.

    Args:
        full: one row per cell, with columns `x.at`, `y.at`, ...

    Returns:
        The same with, behind the rest, the dotted keys and `x.low`, `x.high`, `y.low`, `y.high`.
    """
    columns: dict[str, Any] = {}
    for name, axis in axes.items():
        along = axis_cells(axis).iloc[full[f"{name}.at"]]
        columns[axis.key] = along["value"].to_numpy()
        if name in ("x", "y"):
            columns |= {f"{name}.{side}": along[side].to_numpy() for side in ("low", "high")}
    return full.assign(**columns)


def own_cells(full: pd.DataFrame, axes: Mapping[str, Axis], trained: np.ndarray) -> pd.DataFrame:
    """Of a refined map the cells that were trained, each as large as its level has them.

    Args:
        full: one row per cell of the fine grid, as from `located`.
        trained: [rows] of booleans.

    Returns:
        From coarse to fine, so that those painted later lie over the others: the trained cells and
        all of the coarse lattice, with `level` (0: coarse) and, half way to the neighbours on that
        level, new borders. A map that was not refined is returned as it is.
    """
    spans = {name: axes[name] for name in ("x", "y") if name in axes}
    if not any(axis.levels for axis in spans.values()):
        return full
    level = np.zeros(len(full), dtype="int64")
    for name, axis in spans.items():
        at = full[f"{name}.at"].to_numpy() | 2**axis.levels
        level = np.maximum(level, axis.levels - np.log2(at & -at).astype("int64"))
    kept = trained | (level == 0)
    full, level = full.loc[kept].assign(level=level[kept]), level[kept]
    for name, axis in spans.items():
        at, half = full[f"{name}.at"].to_numpy(), 2.0 ** np.maximum(axis.levels - level, 0) / 2
        full[f"{name}.low"], full[f"{name}.high"] = _along(axis, at - half), _along(axis, at + half)
    return full.sort_values("level", kind="stable", ignore_index=True)


def _along(axis: Axis, position: np.ndarray) -> np.ndarray:
    """What lies at these positions of an evenly spaced axis, within the cells at its ends."""
    ends = np.array([axis.values[0], axis.values[-1]], dtype=float)
    low, high = np.log(ends) if axis.log else ends
    last = len(axis.values) - 1
    there = low + (high - low) * np.clip(position, -0.5, last + 0.5) / last
    return np.exp(there) if axis.log else there


def axis_cells(axis: Axis) -> pd.DataFrame:
    """The borders of the cells along one axis, one row per value.

    Borders are half way between neighbouring values: arithmetic mid-points on a linear axis,
    geometric ones on a log axis; the outermost cells reach as far out as in. Zero on a log axis
    gets a column of its own below the rest, set off by a gap; its borders have no meaning as
    numbers. Categories stand at 0, 1, 2, ...

    Returns:
        Columns `value`, `low`, `high`, `centre` (where the tick stands), `broken` (zero on log).
    """
    zero = axis.log and axis.values[0] == 0
    if axis.scale == "category":
        points = np.arange(len(axis.values), dtype=float)
    else:
        points = np.array(axis.values[zero:], dtype=float)
    edges = np.exp(_edges(np.log(points))) if axis.log else _edges(points)
    low, high, centre = edges[:-1], edges[1:], points
    if zero:
        usual = float(np.median(np.log(high / low)))
        gap = min(_BREAK * math.log(high[-1] / low[0]), _BREAK_CELLS * usual)
        zero_high = low[0] * math.exp(-gap)
        zero_low = zero_high * math.exp(-usual)
        low, high = np.insert(low, 0, zero_low), np.insert(high, 0, zero_high)
        centre = np.insert(centre, 0, math.sqrt(zero_low * zero_high))
    broken = [zero and i == 0 for i in range(len(centre))]
    values = np.array([*axis.values, None], dtype=object)[:-1]
    values = values if axis.scale == "category" else values.astype(float)
    columns = {"value": values, "low": low, "high": high, "centre": centre, "broken": broken}
    return pd.DataFrame(columns)


def _edges(points: np.ndarray) -> np.ndarray:
    """Mid-points with both ends reflected: n points give n + 1 edges. A lone point gets width 1."""
    if len(points) == 1:
        return np.array([points[0] - 0.5, points[0] + 0.5])
    inner = (points[:-1] + points[1:]) / 2
    return np.concatenate([[2 * points[0] - inner[0]], inner, [2 * points[-1] - inner[-1]]])


def some(values: Iterable[object], most: int = 20) -> str:
    """What there is, in a message: the values, of many the first."""
    words = [str(value) for value in values]
    return ", ".join(words[:most]) + (", ..." if len(words) > most else "")


def require(frame: pd.DataFrame, columns: Iterable[str]) -> None:
    """InputError that names those of the columns that a frame lacks, and those it has."""
    absent = [column for column in columns if column not in frame]
    if absent:
        there = ", ".join(map(str, frame.columns)) or "none"
        raise InputError(f"no column {', '.join(absent)}; the frame has {there}")
