"""A phase diagram cut along one axis: phase probabilities and steps against its values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from phasegrok.errors import InputError
from phasegrok.frames.grid import Axis
from phasegrok.frames.places import placed, some
from phasegrok.frames.probability import phase_probability
from phasegrok.frames.steps import steps_map
from phasegrok.frames.values import plain
from phasegrok.phases import CLASSIFY_COLUMNS, Rule, classify


def cut(
    frame: pd.DataFrame,
    axes: Mapping[str, Axis],
    along: str = "x",
    at: Mapping[str, Any] | None = None,
    rule: Rule | None = None,
) -> pd.DataFrame:
    """The cells on lines along one axis, line by line.

    Args:
        frame: one row per run, with a column for every axis, those `phasegrok.classify` needs, and
            `phase` unless there is a rule.
        axes: the axes by name; "x" is needed, the others are "y", "row" and "col".
        along: the axis the lines run along, by name or by dotted key.
        at: the value of other axes, by name or dotted key: {"y": 1.0}. Along an axis that is not
            here, there is one line for each of its values.
        rule: phases and steps are judged by it; None takes them as recorded.

    Returns:
        One row per cell, also where there is no run: the columns of `phase_probability`; and of
        the steps to fit and to generalise, each from the columns of `steps_map`: `train` (the
        median), `train.low`, `train.high` (over the seeds that crossed), `train.at_least`,
        `train.censored`, and the same of `val`.

    Raises:
        InputError: an axis or a value of it that there is not.
    """
    along = _named(along, axes)
    fixed = {_named(name, axes): value for name, value in (at or {}).items()}
    if along in fixed:
        raise InputError(f"at = {axes[along].key}: the cut runs along it; fix another axis")
    place = {f"{name}.at": _place(axes[name], value) for name, value in fixed.items()}
    keys = [axis.key for axis in axes.values()]
    # The runs of other lines would only be told and thrown away.
    runs = _on(placed(frame, axes, keep=["phase", *CLASSIFY_COLUMNS, *keys]), place)
    if runs.empty:
        where = " and ".join(f"{axes[name].key} = {value}" for name, value in fixed.items())
        raise InputError(f"there is nothing to draw: no run has {where}")
    if rule:
        runs = runs.assign(phase=classify(runs, rule))
    full = phase_probability(runs, axes)
    for of in ("train", "val"):
        steps = steps_map(runs, axes, of, rule)
        full[of] = steps["median"]
        for name in ("low", "high", "at_least", "censored"):
            full[f"{of}.{name}"] = steps[name]
    lines = [f"{name}.at" for name in axes if name != along]
    return _on(full, place).sort_values([*lines, f"{along}.at"], ignore_index=True)


def _on(cells: pd.DataFrame, place: Mapping[str, int]) -> pd.DataFrame:
    for name, position in place.items():
        cells = cells.loc[cells[name] == position]
    return cells


def _named(axis: str, axes: Mapping[str, Axis]) -> str:
    """An axis's name, of its name or its dotted key."""
    for name, found in axes.items():
        if axis in (name, found.key):
            return name
    there = ", ".join(f"{name} ({found.key})" for name, found in axes.items())
    raise InputError(f"{axis} is no axis; there are {there}")


def _place(axis: Axis, value: Any) -> int:
    if plain(value) not in axis.values:
        raise InputError(f"{axis.key} = {value} is not on its axis; there are {some(axis.values)}")
    return axis.values.index(plain(value))
