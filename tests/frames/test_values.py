"""The different values of a column, whatever it holds."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from phasegrok.frames.values import distinct, plain

LADDERS = [
    np.array([10.0, math.nan]),
    [10, None],
    np.array([], float),
    None,
    (0.1 + 0.2, "relu"),
    [[1, 2], [3]],
    np.array([10.0, math.nan]),
]


def test_lists_are_told_apart_by_their_plain_items() -> None:
    at, values = distinct(pd.Series(LADDERS, dtype=object))
    assert [values[place] for place in at] == [plain(entry) for entry in LADDERS]
    assert values == [(10.0, None), (), None, (0.3, "relu"), ((1, 2), (3,))]


def test_a_list_is_not_its_only_item() -> None:
    at, values = distinct(pd.Series([[1], 1, [1]], dtype=object))
    assert (at.tolist(), values) == ([0, 1, 0], [(1,), 1])
