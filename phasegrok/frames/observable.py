"""Any stored number as a map: its median over the seeds of each cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from phasegrok.errors import InputError
from phasegrok.frames.grid import Axis
from phasegrok.frames.places import cell_numbers, located, own_cells, placed, whole
from phasegrok.observables import OBSERVABLES

# Crossings are null where a run did not cross; a median of the others would be too short.
_CENSORED = {"train_step": "train", "val_step": "val"}


def value_map(frame: pd.DataFrame, axes: Mapping[str, Axis], column: str) -> pd.DataFrame:
    """The median over seeds of one column of numbers, as `weight_norm`, on the whole grid.

    Args:
        frame: one row per run, with a column for every axis and the column asked for.
        axes: the axes by name; "x" is needed, the others are "y", "row" and "col".
        column: a column of numbers.

    Returns:
        One row per cell: where it lies (`x.at`, ..., the dotted keys, `x.low`, `x.high`, ...);
        `median`, `low` and `high` (smallest and largest) in the column's own unit, NaN without
        runs; `runs` (that have a finite value), `without` (that have none), `failed`; and `shown`:
        "value", "none" (no run has a value), "failed" (all runs failed) or "missing".

    Raises:
        InputError: no such column, or none of numbers; names those there are.
    """
    _refuse(frame, column)
    # Under a name of its own: the column may be an axis too.
    own = frame.assign(_number=frame[column].to_numpy(float, na_value=np.nan))
    inside = placed(own, axes, keep=("_number", "status"))
    cell, full = cell_numbers(inside, axes), located(whole(axes), axes)
    number, failed = inside["_number"].to_numpy(), np.zeros(len(inside), dtype=bool)
    if "status" in inside:
        failed = inside["status"].eq("failed").to_numpy(bool)
    known = np.isfinite(number) & ~failed
    grouped = pd.Series(number[known]).groupby(cell[known])
    found = pd.DataFrame(grouped.agg(["median", "min", "max"])).reindex(range(len(full)))
    full[["median", "low", "high"]] = found.to_numpy()
    counts = {"runs": known, "without": ~known & ~failed, "failed": failed}
    for name, runs in counts.items():
        full[name] = np.bincount(cell[runs], minlength=len(full))
    shown = [full[name] > 0 for name in counts]
    full["shown"] = np.select(shown, ["value", "none", "failed"], default="missing").astype(object)
    return own_cells(full, axes, np.logical_or.reduce(shown))


def _refuse(frame: pd.DataFrame, column: str) -> None:
    if column in _CENSORED:
        raise InputError(
            f"{column} is null where a run never crossed, and a median without those would be too "
            f"short: draw --kind {_CENSORED[column]}_steps (in Python "
            f'steps_map(of="{_CENSORED[column]}")), which counts them as censored'
        )
    numbers = number_columns(frame)
    if column not in numbers:
        fault = "holds no numbers" if column in frame else "is no column of the frame"
        raise InputError(f"{column} {fault}; numbers are in {', '.join(numbers) or 'none'}")
    about = OBSERVABLES.get(column)
    if about is not None and about.needs and frame[column].isna().to_numpy().all():
        raise InputError(
            f"{column}: none of these runs has it, for it is measured of {about.needs}"
        )


def number_columns(frame: pd.DataFrame) -> list[str]:
    """The columns that `value_map` can show."""
    numbers = [str(name) for name, kind in frame.dtypes.items() if _of_numbers(kind)]
    return [name for name in numbers if name not in _CENSORED]


def _of_numbers(kind: Any) -> bool:
    return pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind)
