"""Pictures of lines: cuts through a map, and the training curves of chosen cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter

from phasegrok.diagram.colors import CORRUPTED, PHASE_COLORS, THRESHOLD, TRAIN, VAL
from phasegrok.diagram.dress import dress, head_panels
from phasegrok.diagram.layout import Picture
from phasegrok.diagram.legend import Swatch, look_entries
from phasegrok.diagram.mesh import Ground, boxes
from phasegrok.diagram.ticks import bar_ticks
from phasegrok.diagram.tiles import Size, common_label
from phasegrok.diagram.values import MEDIAN_OPEN
from phasegrok.frames import Axis, axis_cells, label
from phasegrok.frames.captions import span_text, undecided_text
from phasegrok.frames.probability import half_widths
from phasegrok.phases import PHASES, Rule
from phasegrok.words import counted

_STYLES: dict[str, tuple[str, Any, str]] = {"train": (TRAIN, "--", "s"), "val": (VAL, "-", "o")}
_WORDS = {"train": "training", "val": "validation"}
_NOISE: dict[str, Any] = {"color": CORRUPTED, "linestyle": "-.", "linewidth": 0.9}


def cuts_picture(cuts: Sequence[tuple[str, pd.DataFrame]], along: Axis, key: str) -> Picture:
    """Phase shares and steps along one axis, a column of two panels for each cut.

    Args:
        cuts: heading and rows of `phasegrok.frames.cuts.cut`, in the order of the axis.
        along: the axis they run along; `key`: its name there.
    """
    every, headings = pd.concat([cut for _, cut in cuts]), [head for head, _ in cuts]
    present = [phase for phase in PHASES if (every[f"p.{phase}"].to_numpy() > 0).any()]
    lines = [_line(name, f"{_WORDS[name]} accuracy crosses", marker=True) for name in _STYLES]
    up = Line2D(
        [], [], color="0.3", marker="^", linestyle="", markersize=4, label="median at least"
    )
    return Picture(
        lambda room, size: _paint_cuts(room, cuts, along, key, present, size),
        rows=2,
        cols=len(cuts),
        headings=headings,
        entries=[
            *(Swatch(phase, [PHASE_COLORS[phase]]) for phase in present),
            *look_entries(every, {name: name for name in ("undecided", "failed", "missing")}),
            *lines,
            up,
        ],
        shows="above, the share of seeds in each phase (half-width of 95 % credible intervals, "
        f"Jeffreys: {span_text(half_widths(every))}); below, the Kaplan–Meier median of the steps "
        "to cross the thresholds, bands from the smallest to the largest over the seeds that "
        f"crossed. Arrows, at least so many steps: {MEDIAN_OPEN}" + undecided_text(every),
        alt=f"Shares of the phases {', '.join(present)} and steps to fit and to generalise along "
        f"{label(along.key)}; {'; '.join(filter(None, headings)) or 'one cut'}.",
    )


def _line(name: str, text: str, *, marker: bool = False) -> Line2D:
    color, style, mark = _STYLES[name]
    shape = {"marker": mark, "markersize": 3} if marker else {}
    return Line2D([], [], color=color, linestyle=style, linewidth=1.2, label=text, **shape)


def _paint_cuts(
    room: SubFigure,
    cuts: Sequence[tuple[str, pd.DataFrame]],
    along: Axis,
    key: str,
    present: Sequence[str],
    size: Size,
) -> None:
    panels = room.subplots(2, len(cuts), sharex=True, sharey="row", squeeze=False)
    for (shares, steps), (_, cut) in zip(panels.T, cuts, strict=True):
        _shares(shares, cut, along, key, present)
        for name in _STYLES:
            _steps(steps, cut, along, key, name)
        steps.set_yscale("log")
        dress(shares, along, "x", size[0])
        dress(steps, along, "x", size[0])
        shares.set_ylim(0, 1)
        shares.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
        shares.set(xlabel="", ylabel="share of seeds")
        steps.set(ylabel="steps")
    step_limits(panels[1])
    for ax in panels.flat:
        ax.label_outer()
    head_panels(panels[0], [head for head, _ in cuts], size[0])
    if panels.shape[1] > 1:
        common_label(room, panels, "x")


def step_limits(panels: Sequence[Axes]) -> None:
    """Readable ticks on a log axis of steps that these panels share."""
    low, high = panels[0].get_ylim()
    marks = bar_ticks(low, high, log=True, room=5)
    for ax in panels:
        ax.set_ylim(low, high)
        ax.set_yticks(list(marks.places), list(marks.labels))
        ax.yaxis.set_minor_formatter(NullFormatter())


def _shares(ax: Axes, cut: pd.DataFrame, along: Axis, key: str, present: Sequence[str]) -> None:
    """The shares of phases as bars on the true borders of the cells, one upon the other."""
    at = axis_cells(along).iloc[cut[f"{key}.at"]]
    left, right = at["low"].to_numpy(), at["high"].to_numpy()
    base = np.zeros(len(cut))
    for phase in present:
        share = cut[f"p.{phase}"].fillna(0).to_numpy()
        look: Any = {"color": PHASE_COLORS[phase], "edgecolor": "white", "linewidth": 0.3}
        ax.bar(left, share, right - left, base, align="edge", **look)
        base = base + share
    whole = {"x.low": left, "x.high": right, "y.low": 0.0, "y.high": 1.0}
    boxes(ax, cut.assign(**whole), Ground.of({"x": along}))


def _steps(ax: Axes, cut: pd.DataFrame, along: Axis, key: str, name: str) -> None:
    color, style, mark = _STYLES[name]
    at = axis_cells(along)["centre"].to_numpy()[cut[f"{key}.at"]]
    low, high = cut[f"{name}.low"], cut[f"{name}.high"]
    marks = {"color": color, "marker": mark, "markersize": 2.5}
    ax.plot(at, cut[name], linestyle="", **marks)
    ax.vlines(at, low, high, color=color, alpha=0.4, linewidth=1.1)
    # Between names there is no way, nor between zero and the rest of a log axis.
    near = ~axis_cells(along)["broken"].to_numpy()[cut[f"{key}.at"]] & (along.scale != "category")
    ax.fill_between(at, low, high, where=near, color=color, alpha=0.2, linewidth=0)
    ax.plot(at[near], cut.loc[near, name], color=color, linestyle=style, linewidth=1.1)
    later = cut[name].isna() & cut[f"{name}.at_least"].notna()
    # Open and larger those of training, which often stand where those of validation do.
    face, wide = ("none", 5) if name == "train" else (color, 3)
    bound = cut.loc[later, f"{name}.at_least"]
    ax.plot(at[later], bound, "^", color=color, markerfacecolor=face, markersize=wide)


def curves_picture(
    chosen: Sequence[tuple[str, pd.DataFrame]], rule: Rule, without: Sequence[str] = ()
) -> Picture:
    """Accuracy, loss and weight norm of all seeds of chosen cells, a column of panels for each.

    Args:
        chosen: heading and rows of `phasegrok.frames.curves.curve_table` for one cell.
        without: the chosen cells that have no curves.
    """
    lines = [_line(name, _WORDS[name]) for name in _STYLES]
    if any(table["corrupted_acc"].notna().any() for _, table in chosen):
        lines.append(Line2D([], [], label="corrupted training labels", **_NOISE))
    threshold = Line2D([], [], color=THRESHOLD, linewidth=0.6, linestyle=":", label="threshold")
    seeds = max(len(set(table["seed"].tolist())) for _, table in chosen)
    headings = [head for head, _ in chosen]
    none = f". No curves yet: {'; '.join(without)}" if without else ""
    return Picture(
        lambda room, size: _paint_curves(room, chosen, rule, size),
        rows=3,
        cols=len(chosen),
        headings=headings,
        entries=[*lines, threshold],
        shows="accuracy, loss and weight norm against the step, from the first stored step above "
        f"0; a line for each seed. A line ends where its run did{none}",
        alt=f"Training curves of {counted(len(chosen), 'cell')} with up to "
        f"{counted(seeds, 'seed')}: {'; '.join(headings)}.",
    )


def _paint_curves(
    room: SubFigure, chosen: Sequence[tuple[str, pd.DataFrame]], rule: Rule, size: Size
) -> None:
    panels = room.subplots(3, len(chosen), sharex=True, sharey="row", squeeze=False)
    for (accuracy, loss, norm), (_, table) in zip(panels.T, chosen, strict=True):
        after = table.loc[table["step"] > 0]
        for _, run in after.groupby("run_id", sort=False):
            for name, (color, style, _) in _STYLES.items():
                look = {"color": color, "linestyle": style, "linewidth": 0.9, "alpha": 0.8}
                accuracy.plot(run["step"], run[f"{name}_acc"], **look)
                loss.plot(run["step"], run[f"{name}_loss"], **look)
            norm.plot(run["step"], run["weight_norm"], color=THRESHOLD, linewidth=0.9, alpha=0.8)
            if run["corrupted_acc"].notna().any():
                accuracy.plot(run["step"], run["corrupted_acc"], alpha=0.8, **_NOISE)
        for threshold in {rule.train_accuracy, rule.val_accuracy}:
            accuracy.axhline(threshold, color=THRESHOLD, linewidth=0.6, linestyle=":", zorder=1)
        accuracy.set_ylim(-0.03, 1.03)
        accuracy.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
        loss.set(xscale="log", yscale="log")
        norm.set(xscale="log", yscale="log")
    _step_ticks(panels, size)
    step_limits(panels[1])
    step_limits(panels[2])
    for ax, words in zip(panels[:, 0], ("accuracy", "loss", "weight norm"), strict=True):
        ax.set_ylabel(words)
    for ax in panels[2]:
        ax.set_xlabel("step")
    for ax in panels.flat:
        ax.label_outer()
    head_panels(panels[0], [head for head, _ in chosen], size[0])
    if panels.shape[1] > 1:
        common_label(room, panels, "x")


def _step_ticks(panels: np.ndarray, size: Size) -> None:
    low, high = panels[0, 0].get_xlim()
    marks = bar_ticks(low, high, log=True, room=max(2, int(size[0] / 0.4)))
    for ax in panels.flat:
        ax.set_xlim(low, high)
        ax.set_xticks(list(marks.places), list(marks.labels))
        ax.xaxis.set_minor_formatter(NullFormatter())
