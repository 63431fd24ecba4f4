"""The cells of one panel: those with a value as one mesh, all others as boxes of their own look.

Everything stands on the true borders of the cells; nothing is resampled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection, QuadMesh
from matplotlib.colors import Colormap

from phasegrok.diagram.colors import (
    CENSORED,
    CENSORED_MARKS,
    EMPTY,
    FRAME,
    MARKS,
    NONE,
    PHASE_COLORS,
)
from phasegrok.diagram.dress import dress
from phasegrok.diagram.quads import Quads
from phasegrok.diagram.shapes import corners, crosses
from phasegrok.frames import Axis, axis_cells

# A strip: one row, for a diagram over a single axis.
_STRIP = Axis("", ("",), "category")

# Above this many cells on a side, lines between cells would hide the cells.
_LINED = 40


@dataclass(frozen=True)
class Look:
    """How cells without a value look: face, lines, and how these lie ("" for none)."""

    face: str
    edge: str = FRAME
    hatch: str = ""
    cross: bool = False


LOOKS = {
    "missing": Look(EMPTY, MARKS, "////"),
    "failed": Look(EMPTY, FRAME, cross=True),
    "censored": Look(CENSORED, CENSORED_MARKS, "\\\\\\\\"),
    "none": Look(NONE),
    "undecided": Look(PHASE_COLORS["undecided"]),
    "not compared": Look(EMPTY, MARKS, "...."),
}


@dataclass(frozen=True)
class Ground:
    """The two axes of a panel; the second is a strip where there is none."""

    x: Axis
    y: Axis
    flat: bool

    @classmethod
    def of(cls, axes: Mapping[str, Axis]) -> Ground:
        return cls(axes["x"], axes.get("y", _STRIP), "y" not in axes)

    @property
    def lined(self) -> bool:
        return max(len(self.x.values), len(self.y.values)) <= _LINED

    def placed(self, cells: pd.DataFrame) -> pd.DataFrame:
        """The cells with a place on both axes."""
        return cells.assign(**{"y.at": 0, "y.low": -0.5, "y.high": 0.5}) if self.flat else cells

    def dress(self, ax: Axes, size: tuple[float, float]) -> None:
        """Scales, limits, ticks and labels of a panel of about so many inches."""
        dress(ax, self.x, "x", size[0])
        dress(ax, self.y, "y", size[1])
        if self.flat:
            ax.tick_params(axis="y", left=False, labelleft=False)


def mesh(
    ax: Axes, cells: pd.DataFrame, values: pd.Series, ground: Ground, cmap: Colormap, norm: Any
) -> QuadMesh | PolyCollection:
    """Cells in the colour of their value, as one mesh; those where it is NaN stay masked."""
    if "level" in cells:
        return _over_each_other(ax, cells, values, ground, cmap, norm)
    (edges_x, slot_x), (edges_y, slot_y) = mesh_edges(ground.x), mesh_edges(ground.y)
    filled = np.ma.masked_all((len(edges_y) - 1, len(edges_x) - 1))
    known = values.notna().to_numpy()
    colored = cells.loc[known]
    at = slot_y[colored["y.at"].to_numpy()], slot_x[colored["x.at"].to_numpy()]
    filled[at] = values.to_numpy(dtype=float)[known]
    painted = Quads(
        edges_x,
        edges_y,
        lines="white" if ground.lined else None,
        array=filled,
        cmap=cmap,
        norm=norm,
        linewidth=0.3 if ground.lined else 0.1,
    )
    ax.add_collection(painted, autolim=False)
    return painted


def layers(cells: pd.DataFrame) -> list[pd.DataFrame]:
    """Cells of a refined map by level, to be painted over each other; of another, all at once."""
    if "level" not in cells:
        return [cells]
    return [layer for _, layer in cells.groupby("level", sort=True)]


def _over_each_other(
    ax: Axes, cells: pd.DataFrame, values: pd.Series, ground: Ground, cmap: Colormap, norm: Any
) -> PolyCollection:
    """Cells of different sizes, the later over the earlier, each within its own borders.

    One without a value is white, so that the coarser one below it does not show.
    """
    painted = PolyCollection(
        list(corners(cells)),
        array=np.ma.masked_invalid(values.to_numpy(dtype=float)),
        cmap=cmap.with_extremes(bad=EMPTY),
        norm=norm,
        edgecolors="white" if ground.lined else "face",
        linewidths=0.3 if ground.lined else 0.1,
    )
    ax.add_collection(painted, autolim=False)
    return painted


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


def boxes(ax: Axes, cells: pd.DataFrame, ground: Ground) -> None:
    """The cells that show one of LOOKS; others are left alone."""
    for name, look in LOOKS.items():
        here = cells.loc[cells["shown"] == name]
        if here.empty:
            continue
        lines = {"linewidth": 0, "hatch": look.hatch} if look.hatch else {"linewidth": 0.3}
        box = {"facecolor": look.face, "edgecolor": look.edge, **lines}
        ax.add_collection(PolyCollection(list(corners(here)), **box), autolim=False)
        if look.cross:
            across = LineCollection(list(crosses(here, ground.x, ground.y)), colors=MARKS)
            across.set_linewidth(0.8)
            ax.add_collection(across, autolim=False)
