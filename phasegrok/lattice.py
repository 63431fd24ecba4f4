"""The lattice that a map is refined on: integers only, so that every point has one name.

A point is its position on the fine grid, so its values are those that `cells.axis_values` gives an
axis of that size, and its runs have the ids that they have in a plain sweep of the whole grid.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

Point = tuple[int, int]
Box = tuple[Point, int]

# A coarse lattice has at most so many points along an axis, if nothing else is asked for.
MOST_START = 17
# The axes that are refined.
REFINED = ("x", "y")


def is_start(size: int) -> bool:
    """Whether a lattice may begin with so many points along an axis: 2^k + 1 of them."""
    return size >= 2 and (size - 1).bit_count() == 1


def default_start(num: int) -> int:
    """The largest 2^k + 1 up to 17 and up to num."""
    return 2 ** math.floor(math.log2(min(num, MOST_START) - 1)) + 1


def starts(refine: Mapping[str, Any]) -> Sequence[int | None]:
    """`refine.start` for each axis: a number for both, or one for each; None is not given."""
    given = refine.get("start")
    return given if isinstance(given, Sequence) else [given] * len(REFINED)


def levels_of(sweep: Mapping[str, Any]) -> dict[str, int]:
    """How often distances along each refined axis are halved; empty where none is refined."""
    refined = sweep.get("refine") is not None
    return dict(zip(REFINED, Lattice.of(sweep).levels, strict=True)) if refined else {}


def _along(num: int, start: int | None, levels: int | None) -> tuple[int, int]:
    start = start or default_start(num)
    needed = max(math.ceil(math.log2((num - 1) / (start - 1))), 0)
    return start, needed if levels is None else levels


@dataclass(frozen=True)
class Lattice:
    """Points along x and y at first, and how often the distance between them can be halved."""

    start: Point
    levels: Point

    @classmethod
    def of(cls, sweep: Mapping[str, Any]) -> Lattice:
        """That of a sweep with `refine`: the smallest with `num` points along each axis or more.

        With `refine.levels`, distances are halved so often, whatever `num` is.
        """
        (x, lx), (y, ly) = (
            _along(int(sweep[name]["num"]), start, sweep["refine"].get("levels"))
            for name, start in zip(REFINED, starts(sweep["refine"]), strict=True)
        )
        return cls((x, y), (lx, ly))

    @property
    def size(self) -> Point:
        """Points of the fine grid along each axis."""
        (x, y), (lx, ly) = self.start, self.levels
        return (x - 1) * 2**lx + 1, (y - 1) * 2**ly + 1

    @property
    def depth(self) -> int:
        return max(self.levels)

    def spacing(self, level: int) -> Point:
        """Distance between neighbours on a level, from 0 (coarse) to depth (fine)."""
        x, y = self.levels
        return 2 ** max(x - level, 0), 2 ** max(y - level, 0)

    def level_of(self, point: Point) -> int:
        """The first level that has this point."""
        for level in range(self.depth):
            if all(at % by == 0 for at, by in zip(point, self.spacing(level), strict=True)):
                return level
        return self.depth

    def points(self, level: int) -> list[Point]:
        """All points of a level, x fastest last as in `cells.grid`."""
        (width, height), (dx, dy) = self.size, self.spacing(level)
        return list(product(range(0, width, dx), range(0, height, dy)))

    def boxes(self) -> Iterator[Box]:
        """The boxes between the points of the coarse lattice, by their low corner."""
        (width, height), (dx, dy) = self.size, self.spacing(0)
        for corner in product(range(0, width - 1, dx), range(0, height - 1, dy)):
            yield corner, 0

    def within(self, box: Box, level: int) -> list[Point]:
        """The points of a level that lie in a box, its border included."""
        (x, y), (width, height), (dx, dy) = box[0], self.spacing(box[1]), self.spacing(level)
        return list(product(range(x, x + width + 1, dx), range(y, y + height + 1, dy)))

    def children(self, box: Box) -> Iterator[Box]:
        (x, y), level = box
        (width, height), (dx, dy) = self.spacing(level), self.spacing(level + 1)
        for corner in product(range(x, x + width, dx), range(y, y + height, dy)):
            yield corner, level + 1

    def half(self, point: Point) -> tuple[float, float]:
        """How far a point's own cell reaches: half the distances of the first level that has it."""
        dx, dy = self.spacing(self.level_of(point))
        return dx / 2, dy / 2
