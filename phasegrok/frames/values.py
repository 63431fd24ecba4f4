"""The different values in columns of a frame, each looked at once however many rows there are."""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np
import pandas as pd

from phasegrok import cells


def distinct(column: pd.Series) -> tuple[np.ndarray, list[Hashable]]:
    """Each entry's position among the different values of a column, and these, plain."""
    try:
        codes, found = pd.factorize(column, use_na_sentinel=False)
        values = [plain(value) for value in found.tolist()]
    except TypeError:  # lists and arrays have no hash
        codes, values = np.arange(len(column)), _plain_lists(column.tolist())
    place: dict[Hashable, int] = {}
    at = [place.setdefault(value, len(place)) for value in values]
    return np.array(at, dtype="int64")[codes], list(place)


def _plain_lists(entries: list[Any]) -> list[Hashable]:
    """`plain` of every entry, most of them lists, whose items are looked at once if alike."""
    lists = [x if isinstance(x, np.ndarray | list | tuple) else [x] for x in entries]
    items = itertools.chain.from_iterable(lists)
    at, values = distinct(pd.Series(list(items), dtype=object))
    every, ends = [values[place] for place in at.tolist()], np.cumsum([len(x) for x in lists])
    found = [tuple(every[end - len(x) : end]) for x, end in zip(lists, ends.tolist(), strict=True)]
    return [x if y is z else x[0] for x, y, z in zip(found, entries, lists, strict=True)]


def combinations(
    frame: pd.DataFrame, keys: Iterable[str]
) -> tuple[np.ndarray, list[tuple[Hashable, ...]]]:
    """Each row's position among the different combinations of values, and these."""
    at, found = np.zeros(len(frame), dtype="int64"), [()]
    for key in keys:
        codes, values = distinct(frame.loc[:, key])
        pairs, at = np.unique(at * len(values) + codes, return_inverse=True)
        places = (divmod(pair, len(values)) for pair in pairs.tolist())
        found = [(*found[before], values[last]) for before, last in places]
    return at, found


def plain(value: Any) -> Hashable:
    """One value as Parquet, YAML and Python agree on it: NaN is None, 12 digits, no arrays."""
    if isinstance(value, np.ndarray | list | tuple):
        return tuple(plain(item) for item in value)
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return None
    return cells.rounded(value) if isinstance(value, float) else value


def are_numbers(values: Iterable[Any]) -> bool:
    return all(
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        for value in values
    )
