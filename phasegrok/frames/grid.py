"""Where each cell lies and what it shows: functions from frame to frame, nothing is drawn here."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from phasegrok import cells
from phasegrok.errors import InputError
from phasegrok.frames.places import axis_cells as axis_cells
from phasegrok.frames.places import located, own_cells, placed, require, whole
from phasegrok.frames.values import are_numbers, combinations, distinct, plain
from phasegrok.lattice import levels_of
from phasegrok.phases import PHASES, UNDECIDED, cell_table
from phasegrok.store.schema import as_column, column_type

SCALES = ("linear", "log", "category")

# What a cell can show besides a phase, in the order of the legend.
SHOWN = (*PHASES, "tie", UNDECIDED, "failed", "missing")

# The columns that say what was trained; seeds are none of them.
HYPERPARAMETERS = ("task.", "model.", "optim.", "train.")


@dataclass(frozen=True)
class Axis:
    """One axis of a diagram: a dotted key, its values in drawing order, and its scale.

    levels: how often distances along it were halved, where the map was refined.
    """

    key: str
    values: tuple[Hashable, ...]
    scale: str
    levels: int = 0

    @classmethod
    def of(cls, key: str, values: Iterable[Any], scale: str | None = None) -> Axis:
        """An axis of these values, each once, sorted if they are numbers.

        Args:
            scale: "linear", "log" or "category"; None reads it from the spacing of the values.
        """
        kept = tuple(dict.fromkeys(plain(value) for value in values))
        if not kept:
            raise InputError(f"axis {key} has no values: there is nothing to draw")
        numbers = are_numbers(kept)
        scale = scale or (guess_scale(kept) if numbers else "category")
        if scale not in SCALES:
            raise InputError(f"scale of axis {key} = {scale!r}: allowed are {', '.join(SCALES)}")
        if scale != "category" and not numbers:
            words = [value for value in kept if not are_numbers([value])]
            raise InputError(f"axis {key} cannot be {scale}: {words[0]!r} is not a finite number")
        if numbers:
            kept = tuple(sorted(kept))  # type: ignore[type-var]
        if scale == "log" and not (kept[0] >= 0 and kept[-1] > 0):  # type: ignore[operator]
            raise InputError(f"axis {key} cannot be log: it holds {kept[0]!r}; use scale linear")
        return cls(key, kept, scale)

    @classmethod
    def planned(cls, spec: Mapping[str, Any], levels: int = 0) -> Axis:
        """The axis of a sweep's configuration, with every planned value."""
        values, listed = cells.axis_values(spec), spec.get("values") is not None
        scale = spec.get("scale") or (None if listed else "linear")
        axis = cls.of(spec["param"], values, scale if are_numbers(values) else None)
        return replace(axis, levels=levels)

    @property
    def log(self) -> bool:
        return self.scale == "log"

    def positions(self, column: pd.Series) -> pd.Series:
        """The position of each entry on this axis, -1 where it is not one of the values."""
        place = {value: i for i, value in enumerate(self.values)}
        at, values = distinct(column)
        places = np.array([place.get(value, -1) for value in values], dtype="int64")
        return pd.Series(places[at], index=column.index)

    def between(self, low: Any, high: Any, share: float) -> Any:
        """The point a share of the way from low to high, as the eye measures it on this scale."""
        return low * (high / low) ** share if self.log else low + (high - low) * share


def guess_scale(values: Sequence[Any]) -> str:
    """ "log" if the values are spaced more evenly by ratio than by difference, else "linear".

    Zero is left out of the comparison, for a log axis may hold it. Two values tell little: they
    are log from a ratio of ten.
    """
    ordered = sorted(float(value) for value in values)
    positive = [value for value in ordered if value > 0]
    if ordered[0] < 0 or len(positive) < 2:
        return "linear"
    if len(positive) == 2:
        return "log" if positive[1] / positive[0] >= 10 else "linear"
    by_ratio, by_difference = _unevenness(np.log(positive)), _unevenness(np.array(positive))
    return "log" if by_ratio < by_difference else "linear"


def _unevenness(points: np.ndarray) -> float:
    steps = np.diff(points)
    return float(np.std(steps) / np.mean(steps))


def axes_of(
    frame: pd.DataFrame, keys: Mapping[str, str | None], scales: Mapping[str, str] | None = None
) -> dict[str, Axis]:
    """The axes x, y, row, col that a frame's own columns and values span."""
    absent = [f"{name}={key}" for name, key in keys.items() if key and key not in frame]
    if absent:
        there = ", ".join(str(column) for column in frame.columns if "." in str(column))
        raise InputError(f"no column for {', '.join(absent)}; the frame has {there or 'none'}")
    if frame.empty:
        raise InputError("there is nothing to draw: the frame holds no runs")
    scales = scales or {}
    return {
        name: Axis.of(key, distinct(frame.loc[:, key])[1], scales.get(name))
        for name, key in keys.items()
        if key
    }


def refuse_mixed(frame: pd.DataFrame, drawn: Iterable[str]) -> None:
    """InputError if the runs of one cell differ in a hyperparameter: they are no seeds of it.

    A hyperparameter that the drawn ones decide, as one of two that move together, mixes nothing.
    """
    if found := mixed(frame, drawn):
        raise InputError([_mixed(key, values) for key, values in found.items()])


def mixed(
    frame: pd.DataFrame, drawn: Iterable[str], except_: Iterable[str] = ()
) -> dict[str, list[Hashable]]:
    """The hyperparameters in which runs differ that are alike in the drawn ones, and their values.

    Args:
        except_: the keys that may differ.
    """
    drawn = list(drawn)
    at, cells_drawn = combinations(frame, drawn)
    found = {}
    for key in frame.columns:
        if key in (*drawn, *except_) or not str(key).startswith(HYPERPARAMETERS):
            continue
        codes, values = distinct(frame.loc[:, key])
        if len(np.unique(at * len(values) + codes)) > len(cells_drawn):
            found[str(key)] = values
    return found


def _mixed(key: str, values: Sequence[Hashable]) -> str:
    shown = ", ".join(map(str, values[:4])) + (", ..." if len(values) > 4 else "")
    first = next(value for value in values if value is not None)
    return (
        f"cells would mix runs of different {key} ({shown}): draw it (row={key!r} or col={key!r}) "
        f"or draw one value of it, as in frame[frame[{key!r}] == {first!r}]"
    )


def planned_axes(sweep: Mapping[str, Any]) -> dict[str, Axis]:
    """The axes of a sweep's configuration. Of axes that move together, the first stands for all."""
    hidden = {name for group in cells.zipped(sweep) for name in group[1:]}
    named = {name: name for name in cells.axes(sweep) if name not in hidden}
    if not named:
        raise InputError(f"sweep {sweep['name']} has no axis: there is nothing to draw")
    if "x" not in named:
        # A diagram needs a horizontal axis, whatever the sweep called its only one.
        named = {"x": named.pop(next(iter(named))), **named}
    every = swept_axes(sweep)
    return {name: every[own] for name, own in named.items()}


def swept_axes(sweep: Mapping[str, Any]) -> dict[str, Axis]:
    """Every axis of a sweep's configuration, also those that move together."""
    levels = levels_of(sweep)
    return {n: Axis.planned(spec, levels.get(n, 0)) for n, spec in cells.axes(sweep).items()}


def planned_runs(frame: pd.DataFrame, config: Mapping[str, Any]) -> pd.DataFrame:
    """The runs of a sweep's plan, with swept values as the sweep's file has them.

    A store may hold others, which are no part of its figure.
    """
    sweep = config["sweep"]
    axes = cells.axes(sweep)
    absent = [axis["param"] for axis in axes.values() if axis["param"] not in frame]
    if absent:
        raise InputError(f"the results have no column for the swept key {', '.join(absent)}")
    frame = frame.assign(**_read_back(frame, axes.values()))
    inside = frame["seed"].isin(cells.seeds(config))
    if "round" in frame:
        inside &= frame["round"].notna()
    for group in cells.zipped(sweep):
        specs = [axes[name] for name in group]
        planned = set(_rows(cells.axis_values(spec) for spec in specs))
        at, found = combinations(frame, [spec["param"] for spec in specs])
        inside &= np.array([values in planned for values in found], dtype=bool)[at]
    return frame.loc[inside]


def _read_back(frame: pd.DataFrame, specs: Iterable[Mapping[str, Any]]) -> dict[str, pd.Series]:
    """The swept columns that a store holds as text, as the JSON of a boolean or a mixed list."""
    columns = {}
    for spec in specs:
        asked = cells.axis_values(spec)
        kind = column_type(asked)
        meant = {text: value for value in asked if (text := as_column(value, kind)) != value}
        if meant:
            at, there = distinct(frame.loc[:, spec["param"]])
            values = np.array([meant.get(value, value) for value in there], dtype=object)
            columns[spec["param"]] = pd.Series(values[at], index=frame.index)
    return columns


def _rows(columns: Iterable[Iterable[Any]]) -> list[tuple[Hashable, ...]]:
    return list(zip(*(map(plain, column) for column in columns), strict=True))


def phase_map(frame: pd.DataFrame, axes: Mapping[str, Axis], phase: str = "phase") -> pd.DataFrame:
    """One row per cell of the whole grid, also where there is no run; rows off the grid drop out.

    Of a refined map, the cells that were trained, and those of its coarse lattice, from coarse to
    fine: `own_cells` says where they lie.

    Args:
        frame: one row per run, with a column for every axis and the column `phase`.
        axes: the axes by name; "x" is needed, the others are "y", "row" and "col".

    Returns:
        The columns of `phasegrok.phases.cell_table`, with: the position on each axis (`x.at`);
        its value under the dotted key; the borders `x.low`, `x.high` (and of y); and `shown`: a
        phase, "tie", "undecided", "failed" (all the cell's runs failed) or "missing".
    """
    require(frame, [phase])
    at = [f"{name}.at" for name in axes]
    told = cell_table(placed(frame, axes, keep=(phase, "status")), by=at, phase=phase)
    full = located(whole(axes), axes).merge(told, how="left", on=at)
    only_failed = (full["seeds"] == 0) & (full["failed"] > 0) & (full["undecided"] == 0)
    full["shown"] = full["majority"].mask(only_failed, "failed").fillna("missing")
    counts = ["seeds", "undecided", "failed"]
    full[counts] = full[counts].fillna(0).astype("int64")
    return own_cells(full, axes, full[counts].to_numpy().sum(axis=1) > 0)


def phase_counts(full: pd.DataFrame) -> pd.Series:
    """How many cells of a phase map show what, in the order of the legend.

    A phase that only shares ties is there with 0, for its colour is in the diagram; anything
    else that shows nowhere is left out.
    """
    counts = full["shown"].value_counts()
    sharing = {phase for tied in full.loc[full["shown"] == "tie", "tied"] for phase in tied}
    present = [name for name in SHOWN if name in counts or name in sharing]
    return counts.reindex(present, fill_value=0).rename("cells").rename_axis("shown")
