"""The whole fine grid, from the points that were trained."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from phasegrok.lattice import Lattice, Point


def order(points: Mapping[Point, Any], lattice: Lattice) -> list[Point]:
    """Points from coarse to fine: as their cells are painted, the finer ones over the coarser."""
    return sorted(points, key=lambda point: (lattice.level_of(point), point))


def fine(values: Mapping[Point, Any], lattice: Lattice) -> np.ndarray:
    """What the finest cell that covers it shows, for every point of the fine grid: [x, y].

    Args:
        values: of the points that were trained; None where one shows nothing. What no cell covers
            is None too.
    """
    grid = np.full(lattice.size, None, dtype=object)
    for point in order(values, lattice):
        half = lattice.half(point)
        low = [max(math.ceil(at - by), 0) for at, by in zip(point, half, strict=True)]
        high = [math.floor(at + by) + 1 for at, by in zip(point, half, strict=True)]
        if values[point] is not None:
            grid[low[0] : high[0], low[1] : high[1]] = values[point]
    return grid
