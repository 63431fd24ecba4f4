"""Joining crossings on the edges of a grid into lines."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from phasegrok.frames.contours import joined


@pytest.mark.parametrize("seed", range(3))
def test_every_crossing_is_in_one_line_and_neighbours_in_a_line_share_a_square(seed: int) -> None:
    values = np.random.default_rng(seed).random((12, 9))
    above = values >= 0.5
    nodes = [(0, i, j) for i, j in np.argwhere(above[1:] != above[:-1]).tolist()]
    nodes += [(1, i, j) for i, j in np.argwhere(above[:, 1:] != above[:, :-1]).tolist()]
    lines = joined(nodes, values, np.ones((11, 8), dtype=bool))
    closed = [line[:-1] if len(line) > 2 and line[0] == line[-1] else line for line in lines]
    assert sorted(node for line in closed for node in line) == sorted(nodes)

    def squares(axis: int, i: int, j: int) -> set[tuple[int, int]]:
        return {(i, j), (i - 1, j) if axis else (i, j - 1)}

    for line in lines:
        for one, other in pairwise(line):
            assert squares(*one) & squares(*other)
    on_edge = [n for n in nodes if n[2 - n[0]] in (0, (8, 11)[n[0]])]
    assert len(on_edge) == 2 * sum(line == c for line, c in zip(lines, closed, strict=True))
