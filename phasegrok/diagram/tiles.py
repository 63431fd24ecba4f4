"""Several panels: one for every value of the facets, or for every part of a figure, or both."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from phasegrok.diagram.dress import facet_text, head_panels, head_rows
from phasegrok.frames import Axis

Size = tuple[float, float]

# Panels side by side where nothing else orders them.
_WIDE = 3


@dataclass(frozen=True)
class Tiles:
    """What each panel shows and what is written above and beside it; None is no panel at all."""

    cells: list[list[Any]]
    above: list[list[str]]
    beside: list[str]

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.cells), len(self.cells[0])

    @property
    def heading_rows(self) -> int:
        """How many rows of panels have headings above them."""
        return sum(any(row) for row in self.above)


def facets(full: pd.DataFrame, axes: Mapping[str, Axis]) -> Tiles:
    """A panel for each value of the axes `row` and `col`."""
    rows, cols = (range(len(axes[n].values) if n in axes else 1) for n in ("row", "col"))
    cells = [[_facet(full, axes, row, col) for col in cols] for row in rows]
    head = [facet_text(axes["col"], col) if "col" in axes else "" for col in cols]
    beside = [facet_text(axes["row"], row) if "row" in axes else "" for row in rows]
    return Tiles(cells, [head, *([""] * len(cols) for _ in rows[1:])], beside)


def multiples(parts: Mapping[str, pd.DataFrame], axes: Mapping[str, Axis]) -> Tiles:
    """A panel for each part, by its heading; with facets, a row for each combination of them."""
    if not {"row", "col"} & set(axes):
        return wrapped(list(parts.values()), list(parts))
    rows, cols = (range(len(axes[n].values) if n in axes else 1) for n in ("row", "col"))
    places = list(itertools.product(rows, cols))
    cells = [[_facet(full, axes, *place) for full in parts.values()] for place in places]
    beside = [
        ", ".join(facet_text(axes[n], at) for n, at in zip(("row", "col"), place, strict=True)
                  if n in axes)
        for place in places
    ]  # fmt: skip
    return Tiles(cells, [list(parts), *([""] * len(parts) for _ in places[1:])], beside)


def wrapped(cells: Sequence[Any], above: Sequence[str]) -> Tiles:
    """Panels one after the other, in rows of about equal length."""
    rows = math.ceil(len(cells) / _WIDE)
    cols = math.ceil(len(cells) / rows)
    rest = rows * cols - len(cells)
    filled, heads = [*cells, *[None] * rest], [*above, *[""] * rest]
    cut = [slice(row * cols, (row + 1) * cols) for row in range(rows)]
    return Tiles([filled[one] for one in cut], [heads[one] for one in cut], [""] * rows)


def _facet(full: pd.DataFrame, axes: Mapping[str, Axis], row: int, col: int) -> pd.DataFrame:
    cells = full
    if "row" in axes:
        cells = cells.loc[cells["row.at"] == row]
    if "col" in axes:
        cells = cells.loc[cells["col.at"] == col]
    return cells


def paint_tiles(
    figure: Figure | SubFigure, tiles: Tiles, size: Size, paint: Callable[[Axes, Any], None]
) -> np.ndarray:
    """Panels with common axes, each painted and headed.

    Args:
        size: width and height of one panel in inches, about.

    Returns:
        The axes as [rows, columns]; places without a panel are invisible.
    """
    rows, cols = tiles.shape
    panels = figure.subplots(rows, cols, sharex=True, sharey=True, squeeze=False)
    for (row, col), ax in np.ndenumerate(panels):
        if tiles.cells[row][col] is None:
            ax.set_visible(False)
            continue
        paint(ax, tiles.cells[row][col])
        ax.label_outer()
        if row + 1 < rows and tiles.cells[row + 1][col] is None:
            ax.tick_params(axis="x", labelbottom=True, which="both")
    for row in range(rows):
        if any(tiles.above[row]):
            head_panels(panels[row], tiles.above[row], size[0])
    if any(tiles.beside):
        head_rows(panels[:, -1], tiles.beside, size[1])
    if panels.size > 1:
        common_label(figure, panels, "x")
        common_label(figure, panels, "y")
    return panels


def common_label(figure: Figure | SubFigure, panels: np.ndarray, side: Literal["x", "y"]) -> None:
    """One label for all panels on a side, where there is room to read it."""
    words = {"fontsize": matplotlib.rcParams["axes.labelsize"], "parse_math": False}
    write = figure.supxlabel if side == "x" else figure.supylabel
    write(getattr(panels[-1, 0], f"get_{side}label")(), **words)
    for ax in panels.flat:
        ax.set(**{f"{side}label": ""})
