"""What stands round a panel: scales, limits, ticks, labels, headings and the break beside zero."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import matplotlib
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullFormatter

from phasegrok.diagram.ticks import Ticks, ticks
from phasegrok.frames import Axis, axis_cells
from phasegrok.frames.words import label, value_text

Side = Literal["x", "y"]

# The space a label takes, in inches at _POINTS: a number beside others, a line, one character.
_NUMBER = {"x": 0.42, "y": 0.25}
_LINE, _CHARACTER = 0.13, 0.062
_POINTS = 7.0
_EQUALS = "\N{NBSP}=\N{NBSP}"


def inches(ax: Axes) -> tuple[float, float]:
    """Width and height of a panel as it stands."""
    return ax.bbox.width / ax.figure.dpi, ax.bbox.height / ax.figure.dpi


def dress(ax: Axes, axis: Axis, side: Side, length: float) -> None:
    """Give one side of a panel, so many inches long, scale, limits, ticks, label and break."""
    mpl_axis: Any = ax.xaxis if side == "x" else ax.yaxis
    # Axes of a user's own have labels of another size; a panel holds fewer of larger ones.
    length *= _POINTS / mpl_axis.get_major_ticks(1)[0].label1.get_size()
    table, marks = axis_cells(axis), ticks(axis, _room(axis, side, length))
    (ax.set_xscale if side == "x" else ax.set_yscale)("log" if axis.log else "linear")
    limits = table["low"].iloc[0], table["high"].iloc[-1]
    (ax.set_xlim if side == "x" else ax.set_ylim)(*limits)
    mpl_axis.set_major_locator(FixedLocator(list(marks.places)))
    mpl_axis.set_ticklabels(list(marks.labels), parse_math=axis.scale != "category")
    mpl_axis.set_minor_locator(FixedLocator(list(marks.minor)))
    mpl_axis.set_minor_formatter(NullFormatter())
    mpl_axis.set_label_text(label(axis.key), parse_math=False)
    if side == "x" and axis.scale == "category" and not _fit(marks, length):
        ax.tick_params(axis="x", labelrotation=90)
    if table["broken"].iloc[0]:
        _break(ax, side, table["high"].iloc[0], table["low"].iloc[1])


def _room(axis: Axis, side: Side, length: float) -> int:
    """How many labels fit: names on every cell if they do, never more than six numbers."""
    if axis.scale == "category":
        return max(1, int(length / _LINE))
    return max(2, min(int(length / _NUMBER[side]), 6))


def _fit(marks: Ticks, length: float) -> bool:
    longest = max(len(text) for text in marks.labels)
    return (longest + 1) * _CHARACTER <= length / len(marks.labels)


def lines(text: str, length: float) -> list[str]:
    """The text in lines of about so many inches; longer words and values stay whole."""
    glued = text.replace(" = ", _EQUALS)
    cut = textwrap.wrap(glued, max(1, int(length / _CHARACTER)), break_long_words=False)
    return [line.replace(_EQUALS, " = ") for line in cut]


def facet_text(axis: Axis, place: int) -> str:
    """What a panel's heading says of one facet."""
    return f"{label(axis.key)} = {_rounded(axis, place)}"


def _rounded(axis: Axis, place: int) -> str:
    """A value to three digits, if those tell it from the others of its axis."""
    value = axis.values[place]
    texts = {f"{v:.3g}" for v in axis.values if isinstance(v, float)}
    plain = isinstance(value, float) and 1e-3 <= abs(value) < 1e3
    if plain and len(texts) == len(axis.values):
        return f"{value:.3g}"
    return value_text(value, axis.key)


def head_panels(panels: Iterable[Axes], texts: Iterable[str], length: float) -> None:
    """Write above each panel, so many inches wide, what it shows."""
    for ax, text in zip(panels, texts, strict=True):
        ax.set_title("\n".join(lines(text, length)), parse_math=False)


def head_rows(panels: Iterable[Axes], texts: Sequence[str], length: float) -> None:
    """Write at the right of each panel of a column, so many inches high, what its row shows."""
    # Along the side if it is long enough for all of them, else all across in short lines.
    across = any(len(lines(text, length)) > 1 for text in texts)
    turn = {"rotation": 0 if across else 270, "va": "center", "ha": "left", "parse_math": False}
    size = matplotlib.rcParams["axes.titlesize"]
    beside = {"xycoords": "axes fraction", "textcoords": "offset points", "fontsize": size}
    for ax, text in zip(panels, texts, strict=True):
        shown = "\n".join(lines(text, 1.0)) if across else text
        ax.annotate(shown, (1, 0.5), (4, 0), **beside, **turn)


def _break(ax: Axes, side: Side, low: float, high: float) -> None:
    """Open the frame between the cells for zero and the rest, with a slash at either end."""
    transform = ax.get_xaxis_transform() if side == "x" else ax.get_yaxis_transform()
    slash: Any = [(-1, -2), (1, 2)] if side == "x" else [(-2, -1), (2, 1)]
    for end in (0, 1):
        ends = ([low, high], [end, end]) if side == "x" else ([end, end], [low, high])
        opening = Line2D(*ends, color="white", linewidth=1.6, solid_capstyle="butt")
        slashes = Line2D(*ends, color="0.15", linestyle="", marker=slash, markersize=4)
        for order, line in enumerate((opening, slashes), start=4):
            line.set(transform=transform, clip_on=False, zorder=order)
            ax.add_artist(line)
