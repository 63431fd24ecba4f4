"""The picture of a landscape: training and validation loss at each weight norm, an L and a U."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from phasegrok.diagram.colors import TRAIN, VAL
from phasegrok.diagram.dress import dress, head_panels
from phasegrok.diagram.laws import Lines, told_apart
from phasegrok.diagram.layout import Picture
from phasegrok.diagram.lines import step_limits
from phasegrok.diagram.tiles import Size
from phasegrok.diagram.values import add_bar
from phasegrok.frames import Axis, label
from phasegrok.frames.landscape import ALPHA, SIDES

_STYLES: dict[str, tuple[str, str, Any, str]] = {
    "train_loss": ("training", TRAIN, "--", "s"),
    "val_loss": ("validation", VAL, "-", "o"),
}
_ZERO: dict[str, Any] = {"marker": "v", "linestyle": "", "markersize": 4}
_LOWEST: dict[str, Any] = {
    "marker": "o", "linestyle": "", "markersize": 8, "markerfacecolor": "none",
    "markeredgewidth": 0.9,
}  # fmt: skip

# Room beside the smallest and the largest loss on a log axis, as a factor.
_ROOM = 2.0


def landscape_picture(table: pd.DataFrame, along: Axis, by: Sequence[Axis], taken: str) -> Picture:
    """Losses against the weight norm, log-log, a pair of lines for each value of `by`.

    Args:
        table: as from `phasegrok.frames.landscape.landscape`.
        along: the axis of the weight norm; `taken`: at which steps losses are, as sentences.

    Raises:
        InputError: more lines than can be told apart.
    """
    lines = told_apart(table, by)
    one = len(lines.groups) == 1
    heading = [lines.groups[0][0]] if one and lines.groups[0][0] else []
    zeros = int(np.count_nonzero(table[list(SIDES)].to_numpy() == 0))
    without = sum(table["without"].tolist())
    told = table.loc[table["lowest"]]
    lowest = _between(told[ALPHA], "α = ") + _between(told["weight_norm"], ", weight norm ")
    shows = [
        "training and validation loss at the fixed weight norm: median over seeds, bands from the "
        f"smallest to the largest. The validation loss is least at {lowest}",
        f"Losses of 0 ({zeros}) stand at the lower edge" if zeros else "",
        f"{without} runs without a finite loss are left out" if without else "",
        taken,
    ]
    return Picture(
        lambda room, size: _paint(room, table, lines, along, heading, size),
        headings=heading,
        entries=_entries(lines, zeros > 0),
        bars=1 if lines.scale else 0,
        shows=". ".join(filter(None, shows)),
        alt=f"Training and validation loss against {label(ALPHA)} from {table[ALPHA].min():g} to "
        f"{table[ALPHA].max():g}, {len(lines.groups)} pairs of lines. The validation loss is least "
        f"at {lowest}.",
    )


def _between(values: pd.Series, before: str) -> str:
    """One number, or from the smallest to the largest, to three digits."""
    ends = dict.fromkeys(f"{end:.3g}" for end in (values.min(), values.max()))
    return before + " to ".join(ends)


def _entries(lines: Lines, zeros: bool) -> list[Any]:
    """Of a lone pair the sides have colours; of several the lines have, and the sides styles."""
    several = len(lines.groups) > 1
    entries: list[Any] = [
        Line2D([], [], color=color, linewidth=1.2, label=name)
        for (name, _), color in zip(lines.groups, lines.colors, strict=True)
        if several and lines.scale is None
    ]
    entries += [
        Line2D([], [], color="0.3" if several else color, linestyle=style, marker=mark,
               markersize=3, linewidth=1.2, label=words)
        for words, color, style, mark in _STYLES.values()
    ]  # fmt: skip
    entries.append(Patch(facecolor="0.5", alpha=0.25, label="smallest to largest"))
    entries.append(Line2D([], [], color="0.3", label="least validation loss", **_LOWEST))
    if zeros:
        entries.append(Line2D([], [], color="0.3", label="0, below the scale", **_ZERO))
    return entries


def _paint(
    room: SubFigure,
    table: pd.DataFrame,
    lines: Lines,
    along: Axis,
    heading: Sequence[str],
    size: Size,
) -> None:
    ax = room.subplots()
    losses = table[[f"{side}{end}" for side in SIDES for end in ("", ".low", ".high")]].to_numpy()
    above = losses[losses > 0]
    low, high = (above.min(), above.max()) if len(above) else (1.0, 1.0)
    floor = low / _ROOM
    for (_, part), color in zip(lines.groups, lines.colors, strict=True):
        for side in SIDES:
            own = _STYLES[side][1] if len(lines.groups) == 1 else color
            _line(ax, part, side, own, floor)
    dress(ax, Axis.of(ALPHA, along.values, "log"), "x", size[0])
    ax.set_yscale("log")
    ax.set_ylim(floor, high * _ROOM)
    step_limits([ax])
    ax.set_ylabel("loss")
    head_panels([ax] * len(heading), heading, size[0])
    if lines.scale:
        add_bar(room, np.array([[ax]]), size, lines.scale)


def _line(ax: Axes, part: pd.DataFrame, side: str, color: Any, floor: float) -> None:
    """One L or U. What is 0 has no place on a log axis: the line goes down to the edge for it."""
    _, _, style, mark = _STYLES[side]
    at, median = part[ALPHA].to_numpy(), part[side]
    names = f"{side}.low", side, f"{side}.high"
    low, middle, high = (part[name].clip(lower=floor) for name in names)
    ax.fill_between(at, low, high, color=color, alpha=0.15, linewidth=0)
    ax.plot(at, middle, color=color, linestyle=style, linewidth=1.2)
    told, zero = (median > 0).to_numpy(), (median == 0).to_numpy()
    ax.plot(at[told], median[told], color=color, marker=mark, linestyle="", markersize=2.5)
    if zero.any():  # a line of no points that is not clipped would take room all the same
        ax.plot(at[zero], middle[zero], color=color, clip_on=False, **_ZERO)
    if side == "val_loss":
        least = part["lowest"].to_numpy()
        ax.plot(at[least], middle[least], color=color, **_LOWEST)
