"""Data efficiency: how many steps generalising takes with how much of the data.

The figure is that of Power et al. 2022 (arXiv 2201.02177, Fig. 1 centre): steps until 99 %
validation accuracy against the share of the data that is trained on.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from phasegrok.errors import InputError
from phasegrok.frames.grid import refuse_mixed
from phasegrok.frames.places import require
from phasegrok.frames.survival import run_times, time_table
from phasegrok.frames.values import combinations
from phasegrok.phases import LADDER, Rule

FRACTION = "task.train_fraction"


def data_efficiency(
    frame: pd.DataFrame, accuracy: float = 0.99, by: Sequence[str] = (), budget: int | None = None
) -> pd.DataFrame:
    """Steps to a validation accuracy against the training fraction, one curve per value of `by`.

    Args:
        frame: one row per run, with `task.train_fraction`, the columns of `by`, those that
            `phasegrok.classify` needs and the ladder `val_steps`.
        accuracy: one of the ladder, .5 .6 .8 .9 .95 .99 .999.
        by: dotted keys whose values make a curve of their own, as "task.operation".
        budget: in steps, that later crossings count as censored; None: each run's own.

    Returns:
        One row for each of the combinations there are, sorted: `by`, `task.train_fraction`, and
        the columns of `time_table` but `unfitted`, in steps and in runs. Runs that were trained to
        another threshold only are in `stopped`.

    Raises:
        InputError: columns are missing, the accuracy is not on the ladder, or the runs of a point
            differ in more than their seed.
    """
    if accuracy not in LADDER:
        there = ", ".join(map(str, LADDER))
        raise InputError(f"accuracy {accuracy} is not on the ladder that runs keep: {there}")
    keys = [*by, FRACTION]
    require(frame, [*keys, "val_steps"])
    if frame.empty:
        raise InputError("there is nothing to draw: the frame holds no runs")
    refuse_mixed(frame, keys)
    at, found = combinations(frame, keys)
    times = run_times(frame, "val", Rule(val_accuracy=accuracy, budget=budget))
    points = pd.DataFrame(found, columns=pd.Index(keys))
    table = points.join(time_table(times, at, len(found)).drop(columns="unfitted"))
    return table.sort_values(keys, ignore_index=True)
