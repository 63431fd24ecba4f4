"""Drawing a frame of cells: one panel, or one for every value of the facets."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, overload

import matplotlib
import numpy as np
import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure, SubFigure

from phasegrok.diagram.colors import EMPTY, FRAME, MARKS, PHASE_COLORS
from phasegrok.diagram.dress import dress, head_columns, head_rows, inches
from phasegrok.diagram.legend import add_legend
from phasegrok.diagram.shapes import bands, corners, crosses
from phasegrok.errors import InputError
from phasegrok.frames.grid import Axis, axes_of, axis_cells, phase_map, refuse_mixed
from phasegrok.phases import Rule, classify

# A strip: one row, for a diagram over a single axis.
_STRIP = Axis("", ("",), "category")

# Above this many cells on a side, lines between cells would hide the cells.
_LINED = 40


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
    facets = row is not None or col is not None
    if ax is not None and facets:
        raise InputError("draw: row and col need a figure of their own; leave ax out")
    if rule is not None or "phase" not in frame:
        frame = frame.assign(phase=classify(frame, rule or Rule()))
    axes = axes_of(frame, {"x": x, "y": y, "row": row, "col": col}, scales)
    refuse_mixed(frame, [axis.key for axis in axes.values()])
    full = phase_map(frame, axes)
    with theme():
        if ax is not None:
            paint(ax, full, axes, inches(ax))
            add_legend(ax, full)
            return ax
        width, height = (7.0, 5.5) if facets else (3.4, 3.2)
        figure, (rows, cols) = new_figure(width, height), shape(axes)
        panels = paint_panels(figure, full, axes, ((width - 0.8) / cols, (height - 1) / rows))
    return panels if facets else panels[0, 0]


def theme() -> AbstractContextManager[Any]:
    """seaborn's plain style in journal sizes; holds while artists are made, then ends."""
    sizes = {"font.size": 8, "axes.labelsize": 8, "axes.titlesize": 8, "legend.fontsize": 7}
    ticks = {"xtick.labelsize": 7, "ytick.labelsize": 7, "axes.linewidth": 0.6}
    lengths = {f"{s}tick.{w}.size": n for s in "xy" for w, n in (("major", 2.5), ("minor", 1.5))}
    widths = {f"{s}tick.{w}.width": 0.6 for s in "xy" for w in ("major", "minor")}
    # The font that matplotlib brings along, so that the figure is the same on every machine.
    font = {"font.family": "sans-serif", "font.sans-serif": ["DejaVu Sans"], "hatch.linewidth": 0.5}
    parts = [seaborn.axes_style("ticks"), sizes, ticks, lengths, widths, font]
    return matplotlib.rc_context({key: value for part in parts for key, value in part.items()})


def new_figure(width: float, height: float, dpi: float = 100) -> Figure:
    """An empty figure of this many inches that belongs to no window and to no pyplot state."""
    figure = Figure(figsize=(width, height), dpi=dpi, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def paint_panels(
    figure: Figure | SubFigure,
    full: pd.DataFrame,
    axes: Mapping[str, Axis],
    size: tuple[float, float],
) -> np.ndarray:
    """One panel for every value of the facets, with common axes and the legend above.

    Args:
        size: width and height of one panel in inches, about.

    Returns:
        The axes as [rows, columns].
    """
    rows, cols = shape(axes)
    panels = figure.subplots(rows, cols, sharex=True, sharey=True, squeeze=False)
    for (row, col), ax in np.ndenumerate(panels):
        cells = full
        if "row" in axes:
            cells = cells.loc[cells["row.at"] == row]
        if "col" in axes:
            cells = cells.loc[cells["col.at"] == col]
        paint(ax, cells, axes, size)
        ax.label_outer()
    if "col" in axes:
        head_columns(panels[0], axes["col"], size[0])
    if "row" in axes:
        head_rows(panels[:, -1], axes["row"], size[1])
    if panels.size > 1:
        _common_labels(figure, panels)
    add_legend(figure, full)
    return panels


def shape(axes: Mapping[str, Axis]) -> tuple[int, int]:
    """Rows and columns of panels."""
    rows, cols = (len(axes[name].values) if name in axes else 1 for name in ("row", "col"))
    return rows, cols


def _common_labels(figure: Figure | SubFigure, panels: np.ndarray) -> None:
    """One label for all panels on each side, where there is room to read it."""
    corner = panels[-1, 0]
    words = {"fontsize": matplotlib.rcParams["axes.labelsize"], "parse_math": False}
    figure.supxlabel(corner.get_xlabel(), **words)
    figure.supylabel(corner.get_ylabel(), **words)
    for ax in panels.flat:
        ax.set(xlabel="", ylabel="")


def paint(
    ax: Axes, cells: pd.DataFrame, axes: Mapping[str, Axis], size: tuple[float, float]
) -> None:
    """Draw the cells of one panel on their true borders; `size` is about the panel's, in inches."""
    x, y = axes["x"], axes.get("y", _STRIP)
    if "y" not in axes:
        cells = cells.assign(**{"y.at": 0, "y.low": -0.5, "y.high": 0.5})
    lined = max(len(x.values), len(y.values)) <= _LINED
    _mesh(ax, cells, x, y, lined)
    _ties(ax, cells.loc[cells["shown"] == "tie"], x, y, lined)
    _empty(ax, cells, x, y)
    dress(ax, x, "x", size[0])
    dress(ax, y, "y", size[1])
    if "y" not in axes:
        ax.tick_params(axis="y", left=False, labelleft=False)


def _mesh(ax: Axes, cells: pd.DataFrame, x: Axis, y: Axis, lined: bool) -> None:
    """The cells that have one colour, as one mesh; all others stay masked."""
    (edges_x, slot_x), (edges_y, slot_y) = mesh_edges(x), mesh_edges(y)
    codes = {name: code for code, name in enumerate(PHASE_COLORS)}
    mesh = np.ma.masked_all((len(edges_y) - 1, len(edges_x) - 1))
    colored = cells.loc[cells["shown"].isin(list(codes))]
    at = slot_y[colored["y.at"].to_numpy()], slot_x[colored["x.at"].to_numpy()]
    mesh[at] = [codes[name] for name in colored["shown"].tolist()]
    ax.pcolormesh(
        edges_x,
        edges_y,
        mesh,
        cmap=ListedColormap(list(PHASE_COLORS.values())),
        norm=BoundaryNorm(np.arange(len(codes) + 1) - 0.5, len(codes)),
        edgecolors="white" if lined else "face",
        linewidth=0.3 if lined else 0.1,
    )


def mesh_edges(axis: Axis) -> tuple[np.ndarray, np.ndarray]:
    """The borders of a mesh along one axis, and the mesh column of each value.

    The gap beside a column for zero is a mesh column of its own that belongs to no value.
    """
    table = axis_cells(axis)
    edges, slots = [float(table["low"].iloc[0])], []
    for low, high in zip(table["low"], table["high"], strict=True):
        if low != edges[-1]:
            edges.append(low)
        slots.append(len(edges) - 1)
        edges.append(high)
    return np.array(edges), np.array(slots)


def _ties(ax: Axes, ties: pd.DataFrame, x: Axis, y: Axis, lined: bool) -> None:
    """Tied cells, each split into the colours that share it."""
    if ties.empty:
        return
    colors = [PHASE_COLORS[phase] for tied in ties["tied"].tolist() for phase in tied]
    lines = {"edgecolors": "white", "linewidths": 0.3 if lined else 0}
    split = PolyCollection(list(bands(ties, x, y)), facecolors=colors, **lines)
    ax.add_collection(split, autolim=False)


def _empty(ax: Axes, cells: pd.DataFrame, x: Axis, y: Axis) -> None:
    """Cells without a result: hatched where there is no run, crossed where all runs failed."""
    missing, failed = (cells.loc[cells["shown"] == name] for name in ("missing", "failed"))
    if len(missing):
        box = {"facecolor": EMPTY, "edgecolor": MARKS, "linewidth": 0, "hatch": "////"}
        ax.add_collection(PolyCollection(list(corners(missing)), **box), autolim=False)
    if len(failed):
        box = {"facecolor": EMPTY, "edgecolor": FRAME, "linewidth": 0.3}
        ax.add_collection(PolyCollection(list(corners(failed)), **box), autolim=False)
        lines = LineCollection(list(crosses(failed, x, y)), colors=MARKS, linewidths=0.8)
        ax.add_collection(lines, autolim=False)
