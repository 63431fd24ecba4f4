"""The legend: a little cell for everything the diagram shows, with how many cells show it."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.legend_handler import HandlerPatch
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Polygon

from phasegrok.diagram.colors import EMPTY, MARKS, PHASE_COLORS
from phasegrok.diagram.dress import inches
from phasegrok.diagram.shapes import unit_bands
from phasegrok.frames.grid import phase_counts

# Width of one column of the legend in inches: the longest entry with a count of four digits.
_COLUMN = 1.35


class _Swatch(Patch):
    """Stands for one kind of cell. `colors`: the bands to show. `marks`: "hatch", "cross" or ""."""

    def __init__(self, colors: list[str], marks: str, text: str):
        super().__init__(label=text)
        self.colors, self.marks = colors, marks


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
        if orig_handle.marks:
            box = place([(0, 0), (1, 0), (1, 1), (0, 1)])
            hatch = "/////" if orig_handle.marks == "hatch" else None
            frame = {"edgecolor": MARKS, "linewidth": 0.5, "hatch": hatch}
            artists.append(Polygon(box, facecolor="none", **frame))
        if orig_handle.marks == "cross":
            for ends in ([(0, 0), (1, 1)], [(0, 1), (1, 0)]):
                artists.append(Line2D(*zip(*place(ends), strict=True), color=MARKS, linewidth=0.8))
        for artist in artists:
            artist.set_transform(trans)
        return artists


def add_legend(where: Axes | Figure | SubFigure, full: pd.DataFrame) -> None:
    """Put the legend above the diagram, in as many columns as its width holds."""
    handles = [_swatch(name, count, full) for name, count in phase_counts(full).items()]
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
        handles=handles,
        handler_map={_Swatch: _SwatchHandler()},
        ncols=columns(width),
        frameon=False,
        handlelength=1.1,
        handleheight=1.1,
        columnspacing=1.0,
        **above,
    )


def columns(width: float) -> int:
    """How many entries stand side by side in so many inches."""
    return max(1, int(width // _COLUMN))


def _swatch(name: Any, count: int, full: pd.DataFrame) -> _Swatch:
    text = f"{name} ({count})"
    if name in PHASE_COLORS:
        return _Swatch([PHASE_COLORS[name]], "", text)
    if name == "tie":
        # The commonest tie stands for all of them.
        tied = full.loc[full["shown"] == "tie", "tied"].value_counts().index[0]
        return _Swatch([PHASE_COLORS[phase] for phase in tied], "", text)
    return _Swatch([EMPTY], "hatch" if name == "missing" else "cross", text)
