"""The legend: a little cell for everything the diagram shows, with how many cells show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.legend_handler import HandlerPatch
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Polygon

from phasegrok.diagram.colors import MARKS, PHASE_COLORS
from phasegrok.diagram.dress import inches
from phasegrok.diagram.mesh import LOOKS, Look
from phasegrok.diagram.shapes import unit_bands
from phasegrok.frames import phase_counts

# Width of one column of the legend in inches: the longest entry with a count of four digits.
_COLUMN = 1.35
# What a character of a longer entry takes.
_CHARACTER = 0.047


class Swatch(Patch):
    """Stands for one kind of cell: the colours that share it, or the look of those without one."""

    def __init__(self, text: str, colors: Sequence[str] = (), look: Look | None = None):
        super().__init__(label=text)
        self.colors, self.look = [look.face] if look else list(colors), look


class _SwatchHandler(HandlerPatch):
    """Draws a swatch as the diagram draws its cell."""

    def create_artists(
        self,
        legend: Any,
        orig_handle: Any,
        xdescent: float,
        ydescent: float,
        width: float,
        height: float,
        fontsize: float,
        trans: Any,
    ) -> list[Artist]:
        def place(points: Any) -> list[tuple[float, float]]:
            return [(u * width - xdescent, v * height - ydescent) for u, v in points]

        split = unit_bands(len(orig_handle.colors))
        artists: list[Artist] = [
            Polygon(place(band), facecolor=color, edgecolor="none")
            for band, color in zip(split, orig_handle.colors, strict=True)
        ]
        look = orig_handle.look
        if look is not None:
            box = place([(0, 0), (1, 0), (1, 1), (0, 1)])
            # One line more than in a cell, for a swatch is smaller than most cells.
            edge = look.edge if look.hatch else MARKS
            frame = {"edgecolor": edge, "linewidth": 0.5, "hatch": look.hatch + look.hatch[:1]}
            artists.append(Polygon(box, facecolor="none", **frame))
        if look is not None and look.cross:
            for ends in ([(0, 0), (1, 1)], [(0, 1), (1, 0)]):
                artists.append(Line2D(*zip(*place(ends), strict=True), color=MARKS, linewidth=0.8))
        for artist in artists:
            artist.set_transform(trans)
        return artists


def add_legend(where: Axes | Figure | SubFigure, entries: Sequence[Artist]) -> None:
    """Put the legend above the diagram, in as many columns as its width holds."""
    if not entries:
        return
    if isinstance(where, Axes):
        width = inches(where)[0]
        above: dict[str, Any] = {
            "loc": "lower left",
            "bbox_to_anchor": (0, 1),
            "borderaxespad": 0.2,
        }
    else:
        width, above = where.bbox.width / where.dpi, {"loc": "outside upper left"}
    where.legend(
        handles=list(entries),
        handler_map={Swatch: _SwatchHandler()},
        ncols=columns(width, entries),
        frameon=False,
        handlelength=1.1 if all(isinstance(entry, Swatch) for entry in entries) else 1.8,
        handleheight=1.1,
        columnspacing=1.0,
        **above,
    )


def columns(width: float, entries: Sequence[Artist]) -> int:
    """How many entries stand side by side in so many inches."""
    longest = max(len(str(entry.get_label())) for entry in entries)
    return max(1, min(int(width // max(_COLUMN, _CHARACTER * longest + 0.4)), len(entries)))


def phase_entries(full: pd.DataFrame, counted: bool = True) -> list[Artist]:
    """A swatch for everything that a phase map shows, with how many cells show it."""
    counts = phase_counts(full).items()
    return [_phase_swatch(str(name), f" ({n})" if counted else "", full) for name, n in counts]


def _phase_swatch(name: str, count: str, full: pd.DataFrame) -> Swatch:
    if name in PHASE_COLORS:
        return Swatch(name + count, [PHASE_COLORS[name]])
    if name == "tie":
        # The commonest tie stands for all of them.
        tied = full.loc[full["shown"] == "tie", "tied"].value_counts().index[0]
        return Swatch(name + count, [PHASE_COLORS[phase] for phase in tied])
    return Swatch(name + count, look=LOOKS[name])


def look_entries(full: pd.DataFrame, names: Mapping[str, str]) -> list[Artist]:
    """A swatch for each look that some cells have: name -> the words for it."""
    counts = full["shown"].value_counts()
    return [
        Swatch(f"{words} ({counts[name]})", look=LOOKS[name])
        for name, words in names.items()
        if name in counts
    ]
