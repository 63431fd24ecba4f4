"""Pictures of steps as lines over a hyperparameter: data efficiency and scaling laws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import SubFigure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.transforms import ScaledTranslation

from phasegrok.diagram.colors import VAL
from phasegrok.diagram.dress import facet_text, head_panels
from phasegrok.diagram.layout import Picture
from phasegrok.diagram.lines import step_limits
from phasegrok.diagram.ticks import bar_ticks
from phasegrok.diagram.tiles import Size
from phasegrok.diagram.values import MEDIAN_OPEN, Scale, add_bar
from phasegrok.errors import InputError
from phasegrok.frames import Axis, label
from phasegrok.frames.efficiency import FRACTION
from phasegrok.words import counted

_MINUS = "\N{MINUS SIGN}"
_LATER: dict[str, Any] = {"marker": "^", "linestyle": "", "markersize": 4}
_SOONER: dict[str, Any] = {"marker": "v", "linestyle": "", "markersize": 3}


def efficiency_picture(table: pd.DataFrame, by: Sequence[Axis], accuracy: float) -> Picture:
    """Steps to an accuracy against the training fraction, a line for each value of `by`.

    Args:
        table: as from `phasegrok.frames.efficiency.data_efficiency`.

    Raises:
        InputError: more lines than can be told apart.
    """
    lines = told_apart(table, by)
    groups, colors, scale = lines.groups, lines.colors, lines.scale
    look: Any = {"marker": "o", "markersize": 3, "linewidth": 1.2}
    entries: list[Any] = [
        Line2D([], [], color=color, label=name or "median", **look)
        for (name, _), color in zip(groups, colors, strict=True)
        if scale is None
    ]
    entries.append(Patch(facecolor="0.5", alpha=0.25, label="smallest to largest"))
    entries.append(Line2D([], [], color="0.3", label="median at least", **_LATER))
    low, high = table[FRACTION].min(), table[FRACTION].max()
    censored = table["shown"].tolist().count("censored")
    stopped = int(table["stopped"].to_numpy().sum())
    rest = (
        f". Counted as longer: {counted(stopped, 'run')} stopped when the sweep's rule had decided "
        "them, short of this accuracy"
        if stopped
        else ""
    )
    return Picture(
        lambda room, size: _paint_efficiency(room, groups, colors, accuracy, size, scale),
        entries=entries,
        bars=1 if scale else 0,
        shows=f"steps to validation accuracy ≥ {accuracy:g}: Kaplan–Meier median over seeds and, "
        "where it is known, bands over the seeds that crossed. Arrows, at least so many steps: "
        f"{MEDIAN_OPEN}" + rest,
        alt=f"Steps to validation accuracy {accuracy:g} against the training fraction from "
        f"{low:g} to {high:g}, {counted(len(groups), 'line')}; {censored} of {len(table)} points "
        "censored.",
    )


# So many lines have a legend, and at most; more of one number have a bar.
_FEW, _MOST = 6, 12


@dataclass(frozen=True)
class Lines:
    """The lines of a figure, each with its name and rows; their colours; the bar for these."""

    groups: Sequence[tuple[str, pd.DataFrame]]
    colors: Sequence[Any]
    scale: Scale | None


def told_apart(table: pd.DataFrame, by: Sequence[Axis]) -> Lines:
    """A line for each value of `by`, in the order of the axes.

    Raises:
        InputError: more lines than can be told apart.
    """
    groups = _groups(table, by)
    scale = _scale(table, by, len(groups))
    if scale is None:
        _refuse_many(by, len(groups))
    return Lines(groups, _hues(groups, by, scale), scale)


def _scale(table: pd.DataFrame, by: Sequence[Axis], lines: int) -> Scale | None:
    """The colour bar that tells many lines of one number apart; None for few, or for names."""
    if len(by) != 1 or lines <= _FEW or by[0].scale == "category":
        return None
    values = table.loc[:, by[0].key]
    log = by[0].log and bool((values.to_numpy() > 0).all())
    return Scale.of(label(by[0].key), values, log=log, cmap="viridis")


def _groups(table: pd.DataFrame, by: Sequence[Axis]) -> list[tuple[str, pd.DataFrame]]:
    """The lines in the order of the axes, each with its name."""
    if not by:
        return [("", table)]
    places = [axis.positions(table.loc[:, axis.key]) for axis in by]
    parts: Any = table.groupby(places, sort=True)
    return [
        (", ".join(facet_text(axis, at) for axis, at in zip(by, place, strict=True)), part)
        for place, part in parts
    ]


def _refuse_many(by: Sequence[Axis], lines: int) -> None:
    if lines > _MOST:
        keys = " or ".join(f"--at {axis.key}=VALUE" for axis in by)
        raise InputError(
            f"a line for each combination of {', '.join(axis.key for axis in by)} makes {lines}, "
            f"and a figure tells {_MOST} apart: show one value by {keys}"
        )


def _hues(
    groups: Sequence[tuple[str, pd.DataFrame]], by: Sequence[Axis], scale: Scale | None
) -> list[Any]:
    hues = matplotlib.colormaps["viridis"]
    if scale is not None:
        return [hues(scale.norm(part[by[0].key].iloc[0])) for _, part in groups]
    return list(hues(np.linspace(0.05, 0.9, len(groups)))) if len(groups) > 1 else [VAL]


def _paint_efficiency(
    room: SubFigure,
    groups: Sequence[tuple[str, pd.DataFrame]],
    colors: Sequence[Any],
    accuracy: float,
    size: Size,
    scale: Scale | None,
) -> None:
    ax = room.subplots()
    for number, ((_, table), color) in enumerate(zip(groups, colors, strict=True)):
        at = table[FRACTION]
        known = table["median"].notna()  # a band of the few that crossed would mislead
        band = table["low"].where(known), table["high"].where(known)
        ax.fill_between(at, *band, color=color, alpha=0.15, linewidth=0)
        ax.plot(at, table["median"], color=color, marker="o", markersize=3, linewidth=1.2)
        later = table.loc[table["shown"] == "censored"]
        marks = ax.plot(later[FRACTION], later["at_least"], color=color, **_LATER)
        set_beside(marks[0], number, len(groups))
    ax.set_yscale("log")
    step_limits([ax])
    ax.set(xlabel=label(FRACTION), ylabel=f"steps to accuracy {accuracy:g}")
    if scale:
        add_bar(room, np.array([[ax]]), size, scale)


def set_beside(marks: Line2D, number: int, count: int) -> None:
    """Marks of one of `count` lines that would lie on each other's, 3 points apart.

    They are moved when they are drawn already, so that the axes have room for the data they show.
    """
    figure = marks.get_figure(root=True)
    assert figure is not None
    away = 3 / 72 * (number - (count - 1) / 2)  # inches
    aside = ScaledTranslation(away, 0, figure.dpi_scale_trans)
    marks.set_transform(marks.get_transform() + aside)


def scaling_picture(
    runs: pd.DataFrame, fit: pd.DataFrame, law: Mapping[str, pd.DataFrame], words: str
) -> Picture:
    """Runs and the power law fitted to them, a panel for each key.

    Args:
        runs: as from `scaling_runs`; fit: as from `scaling`; law: key -> its `scaling_line`.
        words: what was timed.
    """
    about, level = fit.attrs, f"{100 * fit.attrs['level']:g} %"
    told = fit.set_index("name")
    heads = {
        key: "exponent {exponent:.2f} ({low:.2f} to {high:.2f})".format(**told.loc[key]).replace(
            "-", _MINUS
        )
        for key in law
    }
    left = [f"{count} {reason}" for reason, count in about["left_out"].items() if count]
    out = f". Left out: {', '.join(left)}" if left else ""
    entries = [
        Line2D([], [], color=_POINTS, marker="o", linestyle="", markersize=3,
               label=f"crossed ({about['events']})"),
        Line2D([], [], color=_CUT_OFF, label=f"later, censored ({about['censored']})", **_LATER),
        Line2D([], [], color=VAL, linewidth=1.2, label="fitted median"),
        Patch(facecolor=VAL, alpha=0.25, label=f"its {level} interval"),
    ]  # fmt: skip
    if at_once := len(runs.loc[runs["crossed"] & (runs["time"] <= 0)]):
        words_at_once = f"of these at most ({at_once})"
        entries.insert(1, Line2D([], [], color=_POINTS, label=words_at_once, **_SOONER))
    laws = "; ".join(f"{label(key)}: {head}" for key, head in heads.items())
    others = ". Each line holds the other keys at their geometric mean" if len(law) > 1 else ""
    return Picture(
        lambda room, size: _paint_scaling(room, runs, law, heads, words, size),
        cols=len(law),
        headings=list(heads.values()),
        entries=entries,
        shows=f"{words}, a point for each run, with the power law that log-normal regression fits, "
        "where censored runs count as longer, and others are known to the evaluation that saw them"
        f"{others}. Exponents with {level} intervals: {laws}{out}",
        alt=f"Scaling of the {words}. {laws}. {counted(about['events'], 'run')} "
        f"crossed, {about['censored']} censored.",
    )


_POINTS, _CUT_OFF = "#4D4D4D", "#9A9A9A"

# More points than this are pixels in PDF and SVG too, which would be slow to make and to open.
_AS_PIXELS = 5000


def _paint_scaling(
    room: SubFigure,
    runs: pd.DataFrame,
    law: Mapping[str, pd.DataFrame],
    heads: Mapping[str, str],
    words: str,
    size: Size,
) -> None:
    panels = room.subplots(1, len(law), sharey=True, squeeze=False)[0]
    told, later = runs.loc[runs["crossed"]], runs.loc[~runs["crossed"]]
    crossed, sooner = told.loc[told["time"] > 0], told.loc[told["time"] <= 0]
    look: Any = {"alpha": 0.5, "rasterized": len(runs) > _AS_PIXELS}
    dots: Any = {**look, "marker": "o", "linestyle": "", "markersize": 1.8}
    for ax, (key, line) in zip(panels, law.items(), strict=True):
        ax.set(xscale="log", yscale="log", xlabel=label(key))
        ax.plot(crossed[key], crossed["time"], color=_POINTS, **dots)
        ax.plot(sooner[key], sooner["high"], color=_POINTS, **look, **_SOONER)
        ax.plot(later[key], later["time"], color=_CUT_OFF, **look, **{**_LATER, "markersize": 3})
        ax.fill_between(line[key], line["low"], line["high"], color=VAL, alpha=0.25, linewidth=0)
        ax.plot(line[key], line["median"], color=VAL, linewidth=1.2)
        low, high = ax.get_xlim()
        marks = bar_ticks(low, high, log=True, room=max(2, int(size[0] / 0.45)))
        ax.set_xlim(low, high)
        ax.set_xticks(list(marks.places), list(marks.labels))
        ax.minorticks_off()
    step_limits(list(panels))
    panels[0].set_ylabel(words)
    head_panels(panels, list(heads.values()), size[0])
