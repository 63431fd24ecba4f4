"""The phase of every cell: one panel, or one for every value of the facets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import overload

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure, SubFigure

from phasegrok.diagram.colors import PHASE_COLORS
from phasegrok.diagram.dress import inches
from phasegrok.diagram.legend import add_legend, phase_entries
from phasegrok.diagram.mesh import Ground, boxes, layers, mesh
from phasegrok.diagram.shapes import bands
from phasegrok.diagram.style import new_figure, theme
from phasegrok.diagram.tiles import Size, Tiles, facets, paint_tiles
from phasegrok.errors import InputError
from phasegrok.frames import Axis, axes_of, phase_map, refuse_mixed
from phasegrok.phases import Rule, classify


@overload
def draw(
    frame: pd.DataFrame,
    x: str,
    y: str | None = None,
    *,
    row: None = None,
    col: None = None,
    rule: Rule | None = None,
    ax: Axes | None = None,
    scales: Mapping[str, str] | None = None,
) -> Axes: ...


@overload
def draw(
    frame: pd.DataFrame,
    x: str,
    y: str | None = None,
    *,
    row: str | None = None,
    col: str | None = None,
    rule: Rule | None = None,
    ax: Axes | None = None,
    scales: Mapping[str, str] | None = None,
) -> Axes | np.ndarray: ...


def draw(
    frame: pd.DataFrame,
    x: str,
    y: str | None = None,
    *,
    row: str | None = None,
    col: str | None = None,
    rule: Rule | None = None,
    ax: Axes | None = None,
    scales: Mapping[str, str] | None = None,
) -> Axes | np.ndarray:
    """Draw the phase of every cell that the frame's own values span.

    Args:
        frame: one row per run, as `phasegrok.load` gives it; the runs of a cell are its seeds.
        x: dotted key of the horizontal axis, e.g. "task.train_fraction".
        y: dotted key of the vertical axis; None draws a strip.
        row: dotted key whose values are the rows of panels; `col` likewise.
        rule: classify by this rule; None takes the column `phase`, or the default rule if the
            frame has none.
        ax: the axes to draw into, of a figure with `layout="constrained"`, which makes room for
            the legend; it stands where a title would, so that a title needs a `pad`. None makes
            a figure, reached as `ax.figure`.
        scales: "linear", "log" or "category" by axis name, e.g. `{"x": "log"}`; an axis not
            named is read from the spacing of its values.

    Returns:
        The axes; with `row` or `col` an array of axes [rows, columns].

    Raises:
        InputError: a key has no column, an axis cannot have its scale, there is no run, or runs of
            one cell differ in a hyperparameter that is not drawn.
    """
    panelled = row is not None or col is not None
    if ax is not None and panelled:
        raise InputError("draw: row and col need a figure of their own; leave ax out")
    if rule is not None or "phase" not in frame:
        frame = frame.assign(phase=classify(frame, rule or Rule()))
    axes = axes_of(frame, {"x": x, "y": y, "row": row, "col": col}, scales)
    refuse_mixed(frame, [axis.key for axis in axes.values()])
    full = phase_map(frame, axes)
    with theme():
        if ax is not None:
            _paint(ax, full, axes, inches(ax))
            add_legend(ax, phase_entries(full))
            return ax
        width, height = (7.0, 5.5) if panelled else (3.4, 3.2)
        figure, tiles = new_figure(width, height), facets(full, axes)
        size = (width - 0.8) / tiles.shape[1], (height - 1) / tiles.shape[0]
        panels = paint_phases(figure, tiles, axes, size)
        add_legend(figure, phase_entries(full))
    return panels if panelled else panels[0, 0]


def paint_phases(
    figure: Figure | SubFigure, tiles: Tiles, axes: Mapping[str, Axis], size: Size
) -> np.ndarray:
    """Panels of phase maps; each of the tiles holds rows of a phase map. The axes [rows, cols]."""
    return paint_tiles(figure, tiles, size, lambda ax, cells: _paint(ax, cells, axes, size))


def _paint(ax: Axes, cells: pd.DataFrame, axes: Mapping[str, Axis], size: Size) -> None:
    ground = Ground.of(axes)
    paint_cells(ax, cells, ground)
    ground.dress(ax, size)


def paint_cells(ax: Axes, cells: pd.DataFrame, ground: Ground) -> None:
    """Cells of a phase map in their colours, without ticks and labels."""
    cells = ground.placed(cells)
    codes = pd.Series(range(len(PHASE_COLORS)), index=list(PHASE_COLORS))
    cmap = ListedColormap(list(PHASE_COLORS.values()))
    norm = BoundaryNorm(np.arange(len(codes) + 1) - 0.5, len(codes))
    for layer in layers(cells):
        mesh(ax, layer, layer.loc[:, "shown"].map(codes), ground, cmap, norm)
        _ties(ax, layer.loc[layer["shown"] == "tie"], ground)
        boxes(ax, layer.loc[~layer["shown"].isin(list(PHASE_COLORS))], ground)


def _ties(ax: Axes, ties: pd.DataFrame, ground: Ground) -> None:
    """Tied cells, each split into the colours that share it."""
    if ties.empty:
        return
    colors = [PHASE_COLORS[phase] for tied in ties["tied"].tolist() for phase in tied]
    lines = {"edgecolors": "white", "linewidths": 0.3 if ground.lined else 0}
    split = PolyCollection(list(bands(ties, ground.x, ground.y)), facecolors=colors, **lines)
    ax.add_collection(split, autolim=False)
