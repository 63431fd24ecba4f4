"""Pictures of maps of phases: the majority, what other rules make of it, and two beside each other.

Each function takes a frame of cells as `phasegrok.frames` makes it, and draws; nothing is counted
here but what the legend says.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import SubFigure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path
from matplotlib.patheffects import withStroke

from phasegrok.diagram.colors import DIFFERENT, SAME
from phasegrok.diagram.layout import Picture
from phasegrok.diagram.legend import Swatch, look_entries, phase_entries
from phasegrok.diagram.mesh import Ground, boxes, mesh
from phasegrok.diagram.panels import paint_cells, paint_phases
from phasegrok.diagram.tiles import Size, Tiles, facets, multiples, paint_tiles
from phasegrok.frames import Axis
from phasegrok.frames.captions import alt_text, spans_text, undecided_text
from phasegrok.words import counted

Axes4 = Mapping[str, Axis]


def phase_picture(full: pd.DataFrame, axes: Axes4, runs: int) -> Picture:
    """The majority phase of every cell."""
    return Picture.of(
        facets(full, axes),
        "y" not in axes,
        lambda room, tiles, size: paint_phases(room, tiles, axes, size),
        entries=phase_entries(full),
        shows="",
        alt=alt_text(runs, axes, full),
    )


def sensitivity_picture(
    full: pd.DataFrame, axes: Axes4, changes: pd.DataFrame, reference: str
) -> Picture:
    """The phase map under each of several rules, headed by the share of cells that change."""
    parts = {
        f"{one['rule']}: {_changed(one, reference)}": full.loc[full["rule"] == one["rule"]]
        for one in changes.to_dict("records")
    }
    return Picture.of(
        multiples(parts, axes),
        "y" not in axes,
        lambda room, tiles, size: paint_phases(room, tiles, axes, size),
        entries=phase_entries(full, counted=False),
        shows="each map shows the majority under another rule; above it the share of cells, of "
        "those decided under both rules, that show something else than the reference",
        alt=f"Phase maps over {spans_text(axes)}, one for each rule: {'; '.join(parts)}.",
    )


def _changed(one: Mapping[Any, Any], reference: str) -> str:
    if one["rule"] == reference:
        return "reference"
    of = f" of {one['cells']} cells" if one["undecided"] else ""
    return f"{100 * one['share']:.3g} %{of} changed" if one["cells"] else "undecided"


def difference_picture(
    full: pd.DataFrame,
    axes: Axes4,
    names: tuple[str, str],
    agreement: Mapping[str, Any],
    data: str = "",
) -> Picture:
    """Two phase maps and where they differ, with how far they agree in words.

    Args:
        data: what follows the first one's data hash, to name the second's.
    """
    first, second = (
        full.assign(shown=full[side], tied=full[f"{side}.tied"]) for side in ("first", "second")
    )
    apart = full.loc[:, "same"].map(_apart).astype(object)
    both = full.assign(shown=apart.where(full["same"].notna(), _NEITHER), part="apart")
    parts = {names[0]: first, names[1]: second, "where they differ": both}
    counts = both["shown"].value_counts()
    swatches = [
        Swatch(f"{name} ({counts[name]})", [color])
        for name, color in (("same", SAME), ("different", DIFFERENT))
        if name in counts
    ]
    words = agreement_words(agreement)
    return Picture.of(
        multiples(parts, axes),
        "y" not in axes,
        lambda room, tiles, size: _paint_apart(room, tiles, axes, size),
        entries=[
            *phase_entries(pd.concat([first, second], ignore_index=True), counted=False),
            *swatches,
            *look_entries(both, {_NEITHER: _NEITHER}),
        ],
        shows=f"majority phases of two sweeps. {words}",
        data=data,
        alt=f"Phase maps of {names[0]} and {names[1]} over {spans_text(axes)}, and where they "
        f"differ. {words}",
    )


# Cells of which one of two maps shows no phase.
_NEITHER = "not compared"


def _apart(same: Any) -> str | None:
    return None if pd.isna(same) else "same" if same else "different"


def agreement_words(found: Mapping[str, Any]) -> str:
    """The agreement of two maps as sentences."""
    share = [f"{100 * found[name]:.3g}" for name in ("share", "share.low", "share.high")]
    kappa = [f"{found[name]:.2f}" for name in ("kappa", "kappa.low", "kappa.high")]
    equal = round(found["share"] * found["cells"])
    left_out = counted(found["left_out"], "cell") if found.get("left_out") else ""
    rest = f" Left out: {left_out} without a phase in one of them." if left_out else ""
    return (
        f"{equal} of {found['cells']} cells are equal: {share[0]} % (95 % bootstrap interval over "
        f"cells {share[1]} to {share[2]} %), Cohen's κ = {kappa[0]} ({kappa[1]} to {kappa[2]})."
        + rest
    )


def _paint_apart(room: SubFigure, tiles: Tiles, axes: Axes4, size: Size) -> None:
    ground = Ground.of(axes)
    norm = BoundaryNorm([-0.5, 0.5, 1.5], 2)

    def paint(ax: Axes, cells: pd.DataFrame) -> None:
        if "part" not in cells:
            paint_cells(ax, cells, ground)
        else:
            placed = ground.placed(cells)
            codes = placed.loc[:, "shown"].map(pd.Series({"same": 0, "different": 1}))
            mesh(ax, placed, codes, ground, ListedColormap([SAME, DIFFERENT]), norm)
            boxes(ax, placed, ground)
        ground.dress(ax, size)

    paint_tiles(room, tiles, size, paint)


def boundary_picture(full: pd.DataFrame, axes: Axes4, lines: pd.DataFrame) -> Picture:
    """The phase map with its boundaries as lines, each with its band."""
    with_lines = facets(full, axes)
    drawn = [[(cells, _of_panel(lines, cells)) for cells in row] for row in with_lines.cells]
    name = f"{100 * lines.attrs['level']:g} % bootstrap band"
    band = Patch(facecolor=_BAND, alpha=_BAND_ALPHA, edgecolor="0.4", label=name)
    line = Line2D([], [], label="boundary", **_line())
    pairs = ", ".join(sorted(set(lines["between"]))) or "none"
    return Picture.of(
        Tiles(drawn, with_lines.above, with_lines.beside),
        "y" not in axes,
        lambda room, tiles, size: _paint_boundaries(room, tiles, axes, size),
        entries=[*phase_entries(full), line, band],
        shows="the majority phase of each cell; lines where the shares of two phases among the "
        f"seeds, interpolated between neighbouring cells, cross one half, with {name}s over seeds "
        f"({lines.attrs['draws']} draws). Bands have no width between cells whose seeds all agree"
        + _seldom(lines)
        + undecided_text(full),
        alt=f"Phase map over {spans_text(axes)} with the boundaries between phases: {pairs}.",
    )


# A crossing that fewer draws have is not sure to be there.
_SURE = 0.9


def _seldom(lines: pd.DataFrame) -> str:
    """How many points some draws do not have, as what follows a sentence; "" if all do."""
    found = lines.loc[lines["found"] < _SURE, "found"]
    if found.empty:
        return ""
    return (
        f". {len(found)} of {len(lines)} points are crossed in fewer than {100 * _SURE:g} % of the "
        f"draws, the least in {100 * found.min():.0f} %: their bands are of the draws that cross"
    )


_BAND, _BAND_ALPHA = "#FFFFFF", 0.55


def _line() -> dict[str, Any]:
    """A line that shows on every phase: dark with a light rim."""
    rim = withStroke(linewidth=2.6, foreground="white")
    return {"color": "black", "linewidth": 1.3, "path_effects": [rim]}


def _of_panel(lines: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    for name in ("row.at", "col.at"):
        if name in cells:
            lines = lines.loc[lines[name] == cells[name].iloc[0]]
    return lines


def _paint_boundaries(room: SubFigure, tiles: Tiles, axes: Axes4, size: Size) -> None:
    ground = Ground.of(axes)

    def paint(ax: Axes, shown: tuple[pd.DataFrame, pd.DataFrame]) -> None:
        cells, lines = shown
        paint_cells(ax, cells, ground)
        ground.dress(ax, size)
        for _, points in lines.groupby(["between", "line"], sort=True):
            _band(ax, points)
            marker = {"marker": ".", "markersize": 3} if len(points) == 1 else {}
            ax.plot(points["x"], points["y"], zorder=3, **_line(), **marker)

    paint_tiles(room, tiles, size, paint)


def _band(ax: Axes, points: pd.DataFrame) -> None:
    """The area between the ends of the band along a line, as one patch, so that none is doubled."""
    ends = [_ends(point) for point in points.to_dict("records")]
    corners = [
        _in_order([*here, *there], ax)
        for here, there in itertools.pairwise(ends)
        if np.isfinite([*here, *there]).all()
    ]
    if corners:
        band = Path.make_compound_path(*(Path(each, closed=True) for each in corners))
        ax.add_patch(PathPatch(band, facecolor=_BAND, alpha=_BAND_ALPHA, linewidth=0, zorder=2))


def _ends(point: Mapping[Any, Any]) -> list[tuple[float, float]]:
    if point["axis"] == "x":
        return [(point["low"], point["y"]), (point["high"], point["y"])]
    return [(point["x"], point["low"]), (point["x"], point["high"])]


def _in_order(points: list[tuple[float, float]], ax: Axes) -> list[tuple[float, float]]:
    """Four corners in order round their middle as it is on the screen, closed."""
    seen = ax.transData.transform(points)
    middle = seen.mean(axis=0)
    order = np.argsort(np.arctan2(*(seen - middle).T[::-1]), kind="stable")
    return [points[i] for i in (*order, order[0])]
