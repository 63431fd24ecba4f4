"""In which round of refinement each cell was asked for."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from phasegrok.errors import InputError
from phasegrok.frames.grid import Axis
from phasegrok.frames.observable import value_map


def round_map(frame: pd.DataFrame, axes: Mapping[str, Axis]) -> pd.DataFrame:
    """The round in which the first run of each cell was asked for, the first round being 1.

    Args:
        frame: one row per run, with a column for every axis and `round`.
        axes: the axes by name; "x" is needed, the others are "y", "row" and "col".

    Returns:
        The columns of `value_map`; `median`, `low` and `high` are all that round.

    Raises:
        InputError: the runs are not of a refined sweep.
    """
    if "round" not in frame or not frame["round"].notna().to_numpy().any():
        raise InputError("there are no rounds to draw: this sweep was not refined (sweep.refine)")
    first = frame.groupby([axis.key for axis in axes.values()], dropna=False)["round"]
    return value_map(frame.assign(round=first.transform("min").astype(float)), axes, "round")
