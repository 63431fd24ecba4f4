"""Joining the crossings on a grid's edges into lines: marching squares, no positions needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

# A crossing: the axis it lies along (0 or 1), and the lower of the two grid points it is between.
Node = tuple[int, int, int]


def joined(nodes: Iterable[Node], values: np.ndarray, squares: np.ndarray) -> list[list[Node]]:
    """The crossings of one half, each once, in lines through squares of four grid points.

    Args:
        nodes: the edges on which the values pass one half.
        values: at the grid points, [n, m].
        squares: whether a line may run through a square, [n - 1, m - 1].

    Returns:
        Lines; a closed one ends with the node it begins with, a node in no open square is a line.
    """
    links: dict[Node, list[Node]] = {node: [] for node in sorted(nodes)}
    around = {(i - axis * back, j - (1 - axis) * back) for axis, i, j in links for back in (0, 1)}
    for i, j in sorted(around):
        if 0 <= i < squares.shape[0] and 0 <= j < squares.shape[1] and squares[i, j]:
            for one, other in _segments(i, j, links, values):
                links[one].append(other)
                links[other].append(one)
    return list(_walks(links))


def _segments(
    i: int, j: int, nodes: Iterable[Node], values: np.ndarray
) -> Iterator[tuple[Node, Node]]:
    """The pairs of crossings that a line joins within the square from grid point (i, j) on."""
    sides: list[Node] = [(0, i, j), (0, i, j + 1), (1, i, j), (1, i + 1, j)]
    crossed = [side for side in sides if side in nodes]
    if len(crossed) == 2:
        yield crossed[0], crossed[1]
    elif len(crossed) == 4:
        # A saddle: the corners that lie on the other side than the square's mean are cut off.
        corners = values[i : i + 2, j : j + 2]
        middle = corners.mean() >= 0.5
        for (di, dj), corner in np.ndenumerate(corners):
            if (corner >= 0.5) != middle:
                yield (0, i, j + dj), (1, i + di, j)


def _walks(links: dict[Node, list[Node]]) -> Iterator[list[Node]]:
    """Paths along the links, from their ends where they have any, until no node is left."""
    left = set(links)
    ends = [node for node, others in links.items() if len(others) < 2]
    for start in [*ends, *links]:
        if start not in left:
            continue
        line, ahead = [], [start]
        while ahead:
            line.append(ahead[0])
            left.remove(ahead[0])
            ahead = [node for node in links[ahead[0]] if node in left]
        if len(line) > 2 and start in links[line[-1]]:
            line.append(start)
        yield line
