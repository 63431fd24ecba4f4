"""How many steps each cell took to fit or to generalise, over its seeds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from phasegrok.frames.grid import Axis
from phasegrok.frames.places import cell_numbers, located, own_cells, placed, whole
from phasegrok.frames.survival import run_times, time_table
from phasegrok.phases import CLASSIFY_COLUMNS, Rule


def steps_map(
    frame: pd.DataFrame, axes: Mapping[str, Axis], of: str = "val", rule: Rule | None = None
) -> pd.DataFrame:
    """The median time of each cell of the whole grid, where censored runs count as censored.

    Args:
        frame: one row per run, with a column for every axis and those `phasegrok.classify` needs.
        axes: the axes by name; "x" is needed, the others are "y", "row" and "col".
        of: "train" (steps to fit), "val" (steps to generalise) or "delay" (from the one to the
            other, of the runs that fitted; negative where generalising came first).
        rule: thresholds and budget to judge by; None takes `train_step` and `val_step` as recorded.

    Returns:
        One row per cell: where it lies (`x.at`, ..., the dotted keys, `x.low`, `x.high`, ...), and
        the columns of `time_table`, in steps and in runs.
    """
    inside = placed(frame, axes, keep=CLASSIFY_COLUMNS)
    full = located(whole(axes), axes)
    times = run_times(inside, of, rule)
    number = cell_numbers(inside, axes)
    told = full.join(time_table(times, number, len(full)))
    return own_cells(told, axes, np.isin(np.arange(len(full)), number))
