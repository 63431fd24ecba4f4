"""What figures of some lines or cells of a map show: those asked for by --at, or a few of all."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from phasegrok.diagram.dress import facet_text
from phasegrok.errors import InputError
from phasegrok.frames import Axis, phase_map, value_text
from phasegrok.frames.curves import curve_table
from phasegrok.frames.cuts import cut
from phasegrok.frames.selection import example_cells, matching
from phasegrok.phases import Rule

Axes4 = Mapping[str, Axis]
At = Mapping[str, Sequence[str]]

# What is drawn, each under its heading.
Headed = list[tuple[str, pd.DataFrame]]

# Lines through a map side by side where none is chosen, and at most.
_CUTS, _MOST = 3, 6


def chosen_cuts(
    runs: pd.DataFrame, axes: Axes4, at: At, rule: Rule
) -> tuple[str, Headed, pd.DataFrame]:
    """The name of the first axis that --at leaves free, the lines that run along it, their runs.

    Raises:
        InputError: all axes are fixed, or more lines are left than stand side by side.
    """
    chosen = _chosen(axes, at)
    if len(chosen) == len(axes):
        raise InputError(f"a cut runs along an axis: fix fewer than {', '.join(chosen)}")
    along = next(name for name, axis in axes.items() if axis.key not in chosen)
    others = {name: axis for name, axis in axes.items() if name != along}
    few = {
        name: chosen.get(axis.key) or (_spread(axis.values) if len(others) == 1 else axis.values)
        for name, axis in others.items()
    }
    places = list(itertools.product(*few.values()))
    if len(places) > _MOST:
        free = [axis for axis in others.values() if axis.key not in chosen] or others.values()
        which = "; ".join(f"--at {axis.key}=VALUE, of {_some(axis)}" for axis in free)
        raise InputError(
            f"{len(places)} cuts are too many for one figure, which holds {_MOST}: choose where to "
            f"cut by {which}"
        )
    full = cut(runs, axes, along, rule=rule)
    lines, used = [], []
    for place in places:
        at_place = dict(zip(others, place, strict=True))
        used.append(_on(runs, axes, at_place))
        head = ", ".join(_at(axes[name], one) for name, one in at_place.items())
        lines.append((head, _on(full, axes, at_place)))
    return along, lines, pd.concat(used)


def _on(table: pd.DataFrame, axes: Axes4, place: Mapping[str, Any]) -> pd.DataFrame:
    """The rows with these values on these axes."""
    for name, one in place.items():
        axis = axes[name]
        there = axis.positions(table.loc[:, axis.key])
        table = table.loc[there == axis.values.index(one)]
    return table


def _chosen(axes: Axes4, at: At) -> dict[str, list[Any]]:
    """The values of axes that were asked for by --at, each once."""
    drawn = {axis.key: axis for axis in axes.values()}
    for key, texts in at.items():
        if key not in drawn:
            raise InputError(
                f"--at {key}={texts[0]}: {key} is no axis of this figure; there are "
                f"{', '.join(drawn)}"
            )
    return {
        key: list(dict.fromkeys(matching(drawn[key], text) for text in texts))
        for key, texts in at.items()
    }


def _spread(of: Sequence[Any]) -> Sequence[Any]:
    """A few of the values, as far from each other as from the ends."""
    if len(of) <= _CUTS:
        return of
    return [of[(2 * i + 1) * len(of) // (2 * _CUTS)] for i in range(_CUTS)]


def _some(axis: Axis) -> str:
    return ", ".join(value_text(value, axis.key) for value in axis.values)


def _at(axis: Axis, one: Any) -> str:
    return facet_text(axis, axis.values.index(one))


def chosen_runs(runs: pd.DataFrame, axes: Axes4, at: At) -> Headed:
    """The runs of each chosen cell, those without a run left out.

    Raises:
        InputError: no cell is left.
    """
    found = [
        (head + ", ".join(_at(axes[name], one) for name, one in place.items()), here)
        for head, place in _cells(runs, axes, at)
        if len(here := _on(runs, axes, place))
    ]
    if not found:
        raise InputError("none of these cells has a run yet: choose others by --at KEY=VALUE")
    return found


def _cells(runs: pd.DataFrame, axes: Axes4, at: At) -> list[tuple[str, dict[str, Any]]]:
    """Phase and place of each chosen cell; of one cell for each phase if --at leaves a choice."""
    chosen = _chosen(axes, at)
    full = phase_map(runs, axes)
    for key, values in chosen.items():
        full = full.loc[full[key].isin(values)]
    cells = full if len(chosen) == len(axes) else example_cells(full)
    if cells.empty:
        raise InputError("none of these cells shows a phase: choose one by --at KEY=VALUE")
    return [
        (
            f"{cell['shown']}: ",
            {name: axis.values[cell[f"{name}.at"]] for name, axis in axes.items()},
        )
        for cell in cells.to_dict("records")
    ]


def chosen_curves(
    runs: pd.DataFrame, axes: Axes4, at: At, curves: Callable[[Sequence[str]], pd.DataFrame]
) -> tuple[Headed, list[str], pd.DataFrame]:
    """The curves of all seeds of each chosen cell, the cells of which there are none, and the runs
    with their curves.

    Args:
        curves: run ids -> their rows with list columns of curves.

    Raises:
        InputError: no cell is left.
    """
    headed = _cells(runs, axes, at)
    ids = [run_id for _, place in headed for run_id in _on(runs, axes, place)["run_id"]]
    if not ids:
        raise InputError("none of these cells has a run yet: choose others by --at KEY=VALUE")
    stored = curves(ids)
    if stored.empty or "curve.step" not in stored:
        raise InputError("the results hold no curves of these cells")
    told = runs.loc[runs["run_id"].isin(ids)].join(stored.set_index("run_id"), on="run_id")
    table = curve_table(told, axes)
    found, without = [], []
    for head, place in headed:
        where = ", ".join(_at(axes[name], one) for name, one in place.items())
        here = _on(table, axes, place)
        if here.empty:
            without.append(where)
        else:
            found.append((head + where, here))
    return found, without, told
