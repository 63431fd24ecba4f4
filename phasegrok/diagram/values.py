"""Pictures of maps of numbers: probabilities, entropy, steps, and the values of a column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import SubFigure
from matplotlib.ticker import FixedLocator, NullLocator

from phasegrok.diagram.colors import SHARES, VALUES
from phasegrok.diagram.layout import Picture
from phasegrok.diagram.legend import look_entries
from phasegrok.diagram.mesh import Ground, boxes, layers, mesh
from phasegrok.diagram.ticks import bar_ticks
from phasegrok.diagram.tiles import Size, Tiles, facets, multiples, paint_tiles
from phasegrok.frames import Axis
from phasegrok.frames.captions import span_text, spans_text, undecided_text
from phasegrok.frames.probability import half_widths
from phasegrok.phases import PHASES
from phasegrok.words import counted

Axes4 = Mapping[str, Axis]

# What the looks of cells without a value are called, where a kind says nothing else.
_WORDS = {name: name for name in ("undecided", "failed", "missing")}


@dataclass(frozen=True)
class Scale:
    """How the numbers of a map become colours, and what its bar says."""

    label: str
    low: float
    high: float
    log: bool = False
    cmap: str = VALUES

    @classmethod
    def of(cls, label: str, values: pd.Series, *, log: bool, cmap: str = VALUES) -> Scale:
        """The range of these values; of a lone one, a little on either side of it."""
        numbers = values.to_numpy(float)
        known = numbers[numbers > 0] if log else numbers[np.isfinite(numbers)]
        low, high = (float(known.min()), float(known.max())) if len(known) else (1.0, 10.0)
        if low == high:
            low, high = (low / 2, high * 2) if log else (low - 0.5, high + 0.5)
        return cls(label, low, high, log, cmap)

    @property
    def norm(self) -> Normalize:
        return LogNorm(self.low, self.high) if self.log else Normalize(self.low, self.high)

    def drawn(self, values: pd.Series) -> pd.Series:
        """Numbers as the colours take them: what a log scale cannot hold lies just below it."""
        return values.mask(values <= 0, self.low * 0.9) if self.log else values


def probability_picture(full: pd.DataFrame, axes: Axes4) -> Picture:
    """How likely each phase is in every cell, a map each, and how well that is known."""
    present = [phase for phase in PHASES if (full[f"p.{phase}"].to_numpy() > 0).any()]
    parts = {phase: full.assign(value=full[f"p.{phase}"]) for phase in present}
    widest = half_widths(full)
    parts["half-width"] = full.assign(value=widest)
    scale = Scale("share of seeds; half-width of its 95 % interval", 0, 1, cmap=SHARES)
    return _picture(
        full.assign(value=widest),
        multiples(parts, axes),
        axes,
        scale,
        shows="the share of seeds in each phase; last, the half-width of its 95 % credible "
        f"interval (Jeffreys), the widest of the phases in each cell, {span_text(widest)}"
        + undecided_text(full),
        alt=f"Share of seeds in each phase ({', '.join(present) or 'none is decided'}) over "
        f"{spans_text(axes)}.",
    )


def entropy_picture(full: pd.DataFrame, axes: Axes4) -> Picture:
    """How far the seeds of every cell disagree."""
    bits = full["entropy"].to_numpy(float)
    mixed, top = int((bits > 0).sum()), float(np.max(bits, initial=1.0, where=np.isfinite(bits)))
    full = full.assign(value=full["entropy"])
    return _picture(
        full,
        facets(full, axes),
        axes,
        Scale("disagreement of seeds (bits)", 0, top, cmap=SHARES),
        shows="the entropy of the phases of a cell's seeds, 0 where all agree; they disagree in "
        f"{mixed} of {len(full)} cells" + undecided_text(full),
        alt=f"Entropy of the phases of seeds over {spans_text(axes)}: above 0 in {mixed} of "
        f"{len(full)} cells.",
    )


def steps_picture(full: pd.DataFrame, axes: Axes4, label: str, *, delay: bool = False) -> Picture:
    """Steps on log colour, with censored cells told from those that took long.

    Args:
        label: of the colour bar; `delay`: the steps are those from fitting, of runs that fitted.
    """
    censored = full.loc[full["shown"] == "censored"]
    bounds = sorted({int(bound) for bound in censored["at_least"].dropna()})
    later = "–".join(map(str, dict.fromkeys((bounds[0], bounds[-1])))) if bounds else "?"
    words = {**_WORDS, "censored": f"at least {later} steps", "none": "no seed fitted"}
    seeds = "the seeds that fitted" if delay else "seeds"
    scale = Scale.of(label, full.loc[:, "median"], log=True)
    full = full.assign(value=full["median"])
    return _picture(
        full,
        facets(full, axes),
        axes,
        scale,
        shows=f"{label}: Kaplan–Meier median over {seeds}, the step by which half of them had got "
        f"there. Hatched: {MEDIAN_OPEN}",
        alt=f"Map of the {label} over {spans_text(axes)}: {_range(full.loc[:, 'median'])}; "
        f"{counted(len(censored), 'cell')} censored.",
        words=words,
    )


# What is said of cells and points whose median is not known.
MEDIAN_OPEN = (
    "the median was not reached; more than half had not got there when last seen, or runs stopped "
    "under another rule leave it open"
)


def value_picture(full: pd.DataFrame, axes: Axes4, label: str, taken: str) -> Picture:
    """The median of a column over the seeds of every cell; on log colour if it spans decades.

    Args:
        taken: at which of a run's steps the value was, as a sentence.
    """
    without = int(full["without"].to_numpy().sum())
    lacking = f" Left out: {counted(without, 'run')} without a finite value." if without else ""
    known = full["median"].dropna().to_numpy(float)
    log = bool(len(known) and known.min() > 0 and known.max() >= _LOG * known.min())
    full = full.assign(value=full["median"])
    return _picture(
        full,
        facets(full, axes),
        axes,
        Scale.of(label, full.loc[:, "median"], log=log),
        shows=f"{label}: median over seeds. {taken}{lacking}",
        alt=f"Map of {label} over {spans_text(axes)}: {_range(full.loc[:, 'median'])}.",
        words={**_WORDS, "none": "no value"},
    )


# A ratio of largest to smallest value from which colours are on a log scale.
_LOG = 30


def _range(values: pd.Series) -> str:
    if not values.notna().any():
        return "no cell has a value"
    return f"from {values.min():.4g} to {values.max():.4g}"


def _picture(
    full: pd.DataFrame,
    tiles: Tiles,
    axes: Axes4,
    scale: Scale,
    *,
    shows: str,
    alt: str,
    words: Mapping[str, str] = _WORDS,
) -> Picture:
    return Picture.of(
        tiles,
        "y" not in axes,
        lambda room, tiles, size: _paint(room, tiles, axes, size, scale),
        entries=look_entries(_without(full), words),
        bars=1,
        shows=shows,
        alt=alt,
    )


def _without(cells: pd.DataFrame) -> pd.DataFrame:
    """The cells that have no value and show why."""
    return cells.loc[cells["value"].isna()]


def _paint(room: SubFigure, tiles: Tiles, axes: Axes4, size: Size, scale: Scale) -> None:
    ground, cmap = Ground.of(axes), matplotlib.colormaps[scale.cmap]

    def paint(ax: Axes, cells: pd.DataFrame) -> None:
        placed = ground.placed(cells)
        for layer in layers(placed):
            mesh(ax, layer, scale.drawn(layer.loc[:, "value"]), ground, cmap, scale.norm)
            boxes(ax, _without(layer), ground)
        ground.dress(ax, size)

    panels = paint_tiles(room, tiles, size, paint)
    values = [cells["value"] for row in tiles.cells for cells in row if cells is not None]
    below = scale.log and any((value <= 0).any() for value in values)
    add_bar(room, panels, size, scale, below=below)


def add_bar(
    room: SubFigure, panels: np.ndarray, size: Size, scale: Scale, *, below: bool = False
) -> None:
    """A colour bar above the panels, as wide as all of them.

    Args:
        below: some cells lie below the scale; the bar's end says so.
    """
    rows, _ = panels.shape
    thick = 0.09  # inches
    bar = room.colorbar(
        ScalarMappable(scale.norm, scale.cmap),
        ax=list(panels.flat),
        location="top",
        fraction=min(thick / (rows * size[1]), 0.5),
        pad=min(0.06 / (rows * size[1]), 0.5),
        aspect=room.bbox.width / room.figure.dpi / thick,
        extend="min" if below else "neither",
    )
    marks = bar_ticks(scale.low, scale.high, log=scale.log)
    bar.ax.xaxis.set_major_locator(FixedLocator(list(marks.places)))
    bar.ax.xaxis.set_minor_locator(NullLocator())
    bar.ax.xaxis.set_ticklabels(list(marks.labels))
    bar.set_label(scale.label, labelpad=4)
    bar.outline.set_linewidth(0.4)
