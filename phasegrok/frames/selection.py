"""Which runs a figure shows, and over which of the swept keys: as chosen, or as the sweep says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from phasegrok import cells
from phasegrok.errors import InputError
from phasegrok.frames import grid
from phasegrok.frames.grid import Axis, planned_axes, planned_runs
from phasegrok.frames.values import are_numbers
from phasegrok.phases import PHASES

NAMES = cells.AXES


@dataclass(frozen=True)
class Selection:
    """The runs shown, the axes they are shown over, and the swept keys fixed at one value."""

    runs: pd.DataFrame
    axes: dict[str, Axis]
    fixed: dict[str, Any]


def select(
    frame: pd.DataFrame,
    config: Mapping[str, Any],
    keys: Mapping[str, str] | None = None,
    at: Mapping[str, str] | None = None,
) -> Selection:
    """The planned runs of a sweep, over all of its swept keys that are not fixed.

    Args:
        keys: axis name ("x", "y", "row", "col") -> swept key. Any other axis keeps the key the
            sweep gave it, unless that is used; then a key that is left over.
        at: swept key -> the one value of it to show, as text.

    Raises:
        InputError: a key is not swept, is named twice, or does not have the value.
    """
    keys, at, sweep = dict(keys or {}), dict(at or {}), config["sweep"]
    every = swept_axes(config)
    for key in [*keys.values(), *at]:
        if key not in every:
            raise InputError(f"{key} is not swept here; swept are {', '.join(every)}")
    twice = [key for key in every if [*keys.values(), *at].count(key) > 1]
    if twice:
        raise InputError(f"{twice[0]} is asked for twice: a key is one axis, or fixed")
    fixed = {key: matching(every[key], text) for key, text in at.items()}
    runs = planned_runs(frame, config)
    for key, value in fixed.items():
        place = every[key].values.index(value)
        runs = runs.loc[every[key].positions(runs.loc[:, key]) == place]
    if runs.empty:
        where = ", ".join(f"{key} = {value}" for key, value in fixed.items())
        reason = f"no run has {where}" if where else "none of the planned runs has a result"
        raise InputError(f"there is nothing to draw: {reason}")
    own = {name: axis.key for name, axis in planned_axes(sweep).items()}
    partners = _partners(sweep)
    gone = {other for key in [*keys.values(), *fixed] for other in partners.get(key, (key,))}
    placed = keys | {n: key for n, key in own.items() if n not in keys and key not in gone}
    left = [key for key in own.values() if key not in {*placed.values(), *gone}]
    for name in NAMES:
        if name not in placed and left:
            placed[name] = left.pop(0)
    if not placed:
        raise InputError("nothing is left to draw over: every swept key is fixed; fix fewer")
    if "x" not in placed:  # a figure needs a horizontal axis
        placed["x"] = placed.pop(next(name for name in NAMES if name in placed))
    return Selection(runs, {name: every[placed[name]] for name in NAMES if name in placed}, fixed)


def swept_axes(config: Mapping[str, Any]) -> dict[str, Axis]:
    """Every swept key with its axis, also those that move together."""
    return {axis.key: axis for axis in grid.swept_axes(config["sweep"]).values()}


def _partners(sweep: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Each swept key -> the keys that move together with it, itself among them."""
    groups = [tuple(sweep[name]["param"] for name in group) for group in cells.zipped(sweep)]
    return {key: group for group in groups for key in group}


def matching(axis: Axis, text: str) -> Any:
    """The value of an axis that a text means: itself, or the only one within a hundredth.

    Words are matched in any case; true, false and null as YAML has them.
    """
    named = [value for value in axis.values if text == str(value)] or [
        value for value in axis.values if text.lower() in (str(value).lower(), json.dumps(value))
    ]
    if not named:
        named = _close(axis, text)
    if not named:
        there = ", ".join(map(str, axis.values))
        raise InputError(f"{axis.key} = {text}: no such value; it has {there}")
    if len(named) > 1:
        found = ", ".join(map(str, named))
        raise InputError(f"{axis.key} = {text}: several values are meant by it: {found}")
    return named[0]


def _close(axis: Axis, text: str) -> list[Any]:
    """The value that is this number, or those within a hundredth of it."""
    try:
        number = float(text)
    except ValueError:
        return []
    numbers: Any = [value for value in axis.values if are_numbers([value])]
    return [v for v in numbers if v == number] or [
        v for v in numbers if abs(v - number) <= 0.01 * abs(number)
    ]


def example_cells(full: pd.DataFrame) -> pd.DataFrame:
    """One cell for each phase that a phase map shows: of those most agreed, the one most inside.

    Args:
        full: a phase map.

    Returns:
        Its rows for these cells, in the order of the phases.
    """
    at = [column for column in full if str(column).endswith(".at")]
    found = []
    for phase in PHASES:
        here = full.loc[full["shown"] == phase]
        agreed = here.loc[here["entropy"] == here["entropy"].min()]
        if len(agreed):
            away = ((agreed[at] - agreed[at].median()) ** 2).sum(axis=1)
            found.append(away.idxmin())
    return full.loc[found]
