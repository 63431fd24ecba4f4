"""The landscape of losses: what training reaches at each weight norm, and what it is worth.

Omnigrok (Liu, Michaud, Tegmark 2023, arXiv 2210.01117), section 2: the reduced losses at a norm are
those where the training loss is least on the sphere of that norm, found by training on it. Over the
norm the training loss has the shape of an L and the validation loss that of a U; where the U is
lowest, networks generalise. Norms are given as `model.init_scale`, that is, their alpha = w / w0.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd

from phasegrok.errors import InputError
from phasegrok.frames.grid import refuse_mixed
from phasegrok.frames.places import require
from phasegrok.frames.values import combinations

ALPHA = "model.init_scale"
SIDES = ("train_loss", "val_loss")


def landscape(frame: pd.DataFrame, by: Sequence[str] = ()) -> pd.DataFrame:
    """Losses at the end of training against the weight norm, one L and one U per value of `by`.

    Args:
        frame: one row per run, with `model.init_scale`, the columns of `by`, `config`,
            `weight_norm`, `train_loss` and `val_loss`; all trained with `optim.fix_norm`.
        by: dotted keys whose values make a pair of lines of their own, as "task.train_fraction".

    Returns:
        One row for each of the combinations there are, sorted: `by`, `model.init_scale`,
        `weight_norm` (median over seeds); `train_loss` (median), `train_loss.low`,
        `train_loss.high` (smallest and largest), and the same of `val_loss`; `runs` (with finite
        losses, of which the others are made) and `without` (failed or diverged); and `lowest`,
        true for the smallest median validation loss of each line, of equal ones at the smallest
        norm.

    Raises:
        InputError: columns are missing, a run was trained at no fixed norm, no loss is finite, or
            the runs of a point differ in more than their seed.
    """
    keys = [*by, ALPHA]
    require(frame, [*keys, "config", "weight_norm", *SIDES])
    if frame.empty:
        raise InputError("there is nothing to draw: the frame holds no runs")
    _refuse_free(frame)
    refuse_mixed(frame, keys)
    at, found = combinations(frame, keys)
    names = ["weight_norm", *SIDES]
    numbers = pd.DataFrame({name: frame[name].to_numpy(float, na_value=np.nan) for name in names})
    known = np.isfinite(numbers.to_numpy()).all(axis=1)
    if not known.any():
        raise InputError(f"there is nothing to draw: none of {len(frame)} runs has finite losses")
    grouped = numbers.loc[known].groupby(at[known])
    points = pd.DataFrame(found, columns=pd.Index(keys))
    points["weight_norm"] = grouped["weight_norm"].median()
    for side in SIDES:
        ends = {side: "median", f"{side}.low": "min", f"{side}.high": "max"}
        points[list(ends)] = grouped[side].agg(list(ends.values())).reindex(points.index)
    for name, runs in (("runs", known), ("without", ~known)):
        points[name] = np.bincount(at[runs], minlength=len(found))
    points = points.sort_values(keys, ignore_index=True)
    told = points.dropna(subset=["val_loss"])
    line, _ = combinations(told, by)
    lowest = told["val_loss"].groupby(line).idxmin().tolist()
    return points.assign(lowest=points.index.isin(lowest))


def _refuse_free(frame: pd.DataFrame) -> None:
    """InputError unless every run kept the norm it started from."""
    fixed = sum(bool(json.loads(text)["optim"].get("fix_norm")) for text in frame["config"])
    if not fixed:
        raise InputError(
            "a landscape is of runs that keep the weight norm they start from: train them with "
            "optim.fix_norm=true"
        )
    if fixed < len(frame):
        raise InputError(
            f"a landscape is of runs that keep the weight norm they start from, and "
            f"{len(frame) - fixed} of {len(frame)} do not: show the others alone, by --at "
            "optim.fix_norm=true if that is swept, or train all with it"
        )
