"""The polygons of cells that one colour does not fill: functions from cells to corner points."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from phasegrok.frames import Axis

Point = tuple[float, float]


def corners(cells: pd.DataFrame) -> np.ndarray:
    """The four corners of each cell, in order round it: [cells, 4, 2]."""
    x = cells[["x.low", "x.high", "x.high", "x.low"]].to_numpy(dtype=float)
    y = cells[["y.low", "y.low", "y.high", "y.high"]].to_numpy(dtype=float)
    return np.stack([x, y], axis=-1)


def crosses(cells: pd.DataFrame, x: Axis, y: Axis) -> Iterator[list[Point]]:
    """A cross inside each cell, as two lines."""
    for cell in cells.to_dict("records"):
        for line in ([(0.2, 0.2), (0.8, 0.8)], [(0.2, 0.8), (0.8, 0.2)]):
            yield _inside(cell, line, x, y)


def bands(cells: pd.DataFrame, x: Axis, y: Axis) -> Iterator[list[Point]]:
    """Tied cells cut along their diagonal into bands of equal area, one for each tied phase."""
    for cell in cells.to_dict("records"):
        for band in unit_bands(len(cell["tied"])):
            yield _inside(cell, band, x, y)


def _inside(cell: Mapping[Any, Any], points: Sequence[Point], x: Axis, y: Axis) -> list[Point]:
    """Points of the unit square, placed in a cell."""
    across = (x.between(cell["x.low"], cell["x.high"], u) for u, _ in points)
    up = (y.between(cell["y.low"], cell["y.high"], v) for _, v in points)
    return list(zip(across, up, strict=True))


def unit_bands(count: int) -> Iterator[list[Point]]:
    """The unit square cut parallel to its falling diagonal into bands of equal area."""
    cuts = [_cut(i / count) for i in range(count + 1)]
    for low, high in itertools.pairwise(cuts):
        middle: list[Point] = [(1.0, 0.0)] if low < 1 < high else []
        other: list[Point] = [(0.0, 1.0)] if low < 1 < high else []
        (low_right, low_left), (high_right, high_left) = _ends(low), _ends(high)
        yield [low_right, *middle, high_right, high_left, *other, low_left]


def _cut(area: float) -> float:
    """The sum u + v below which this much of the unit square lies."""
    return math.sqrt(2 * area) if area <= 0.5 else 2 - math.sqrt(2 * (1 - area))


def _ends(cut: float) -> tuple[Point, Point]:
    """Where the line u + v = cut leaves the unit square: its lower right and upper left end."""
    reach, rest = min(cut, 1.0), max(cut - 1.0, 0.0)
    return (reach, rest), (rest, reach)
