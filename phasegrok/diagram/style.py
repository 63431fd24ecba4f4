"""What all figures share: seaborn's plain style in journal sizes, and figures without pyplot."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import matplotlib
import seaborn
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

# Widths of a journal's columns, in inches.
ONE_COLUMN, TWO_COLUMNS = 3.4, 7.0


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
