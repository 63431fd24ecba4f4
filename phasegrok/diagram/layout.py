"""A picture on its page: panels with legend and colour bar above, the caption below."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, SubFigure
from matplotlib.font_manager import FontProperties

from phasegrok.diagram.dress import lines
from phasegrok.diagram.legend import add_legend, columns
from phasegrok.diagram.style import ONE_COLUMN, TWO_COLUMNS, new_figure, theme
from phasegrok.diagram.tiles import Size, Tiles

_CAPTION_SIZE = 6.0  # points
_CAPTION_LINE = 1.3 * _CAPTION_SIZE / 72  # inches
_MARGIN = 0.05  # inches
_BAR = 0.45  # inches that a colour bar takes, with ticks and label
DPI = 300


@dataclass(frozen=True)
class Picture:
    """What a kind of figure draws, and what is said of it.

    Args:
        paint: draws the panels into a room, each about so many inches wide and high.
        rows: of panels; `cols` likewise.
        up: height of a panel, as a share of its width; None is a strip.
        entries: of the legend above.
        bars: colour bars above.
        headings: what stands above panels; `heading_rows` of the rows of panels have some.
        shows: what the figure shows, as a clause or sentences of its caption.
        alt: the figure for a reader who cannot see it.
        rule: what it is judged by, as sentences; None: phases, by the rule asked for; "": nothing.
        runs: those it is made of; None: all that were asked for.
        reads: columns of the runs that it is made of, beside those of every data hash.
        data: what follows the hash of the runs, if the figure is made of others too.
    """

    paint: Callable[[SubFigure, Size], Any]
    shows: str
    alt: str
    rows: int = 1
    cols: int = 1
    up: float | None = 0.8
    entries: Sequence[Artist] = ()
    bars: int = 0
    headings: Sequence[str] = ()
    heading_rows: int = 1
    rule: str | None = None
    runs: pd.DataFrame | None = None
    reads: Sequence[str] = ()
    data: str = ""

    @classmethod
    def of(cls, tiles: Tiles, flat: bool, paint: Callable[..., Any], **more: Any) -> Picture:
        """A picture of panels of cells; `paint` takes the room, the tiles and a panel's size."""
        rows, cols = tiles.shape
        above = [text for row in tiles.above for text in row if text]
        return cls(
            lambda room, size: paint(room, tiles, size),
            rows=rows,
            cols=cols,
            up=None if flat else 0.8,
            headings=above,
            heading_rows=tiles.heading_rows,
            **more,
        )


def lay_out(picture: Picture, text: str, width: float | None = None) -> Figure:
    """Panels with their legend above, the caption in a room of its own below."""
    rows, cols = picture.rows, picture.cols
    width = width or (TWO_COLUMNS if cols > 1 else ONE_COLUMN)
    across = (width - 0.8) / cols
    up = 0.4 if picture.up is None else min(picture.up * across, 4.0)
    count = len(picture.entries)
    legend = math.ceil(count / columns(width, picture.entries)) * 0.16 if count else 0
    longest = max((len(lines(heading, across)) for heading in picture.headings), default=0)
    headings = 0.14 * longest * picture.heading_rows
    with theme():
        figure = new_figure(width, 1.0, DPI)
        words = wrapped(text, width - 2 * _MARGIN, figure)
        above = legend + picture.bars * _BAR + headings + rows * (up + 0.08) + 0.5
        below = len(words) * _CAPTION_LINE + 2 * _MARGIN
        figure.set_size_inches(width, above + below)
        rooms = figure.subfigures(2, 1, squeeze=False, height_ratios=[above, below])
        top, foot = rooms.flat
        picture.paint(top, (across, up))
        add_legend(top, picture.entries)
        style = {"fontsize": _CAPTION_SIZE, "linespacing": 1.2, "parse_math": False}
        place = _MARGIN / width, 1 - _MARGIN / below
        foot.text(*place, "\n".join(words), va="top", **style).set_in_layout(False)
    return figure


def wrapped(text: str, width: float, figure: Figure) -> list[str]:
    """The text in lines at most `width` inches long in the caption's font, at the figure's dpi."""
    font = FontProperties(size=_CAPTION_SIZE)
    renderer = FigureCanvasAgg(figure).get_renderer()

    def fits(words: Sequence[str]) -> bool:
        long, _, _ = renderer.get_text_width_height_descent(" ".join(words), font, ismath=False)
        return long <= width * figure.dpi

    # A value stays on the line of its name, a number on that of its unit.
    glued = re.sub(r" (?=[=≥])|(?<=[=≥]) |(?<=\d) (?=runs|steps)|(?<=Data) ", "\N{NBSP}", text)
    lines: list[list[str]] = [[]]
    for word in glued.split(" "):
        if lines[-1] and not fits([*lines[-1], word]):
            lines.append([])
        lines[-1].append(word)
    return [" ".join(line) for line in lines]
