"""Where one phase gives way to another: lines through the grid, with a bootstrap band.

The share of a phase among a cell's seeds is known at the centres of cells. Between neighbouring
centres it is taken to run straight, on the axis' own scale (logarithms on a log axis), and the
boundary is where it passes one half. Nothing is interpolated where there is no distance: not
between names, nor between zero and the rest of a log axis, nor past a cell without a result.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from phasegrok.errors import InputError
from phasegrok.frames.contours import joined
from phasegrok.frames.grid import Axis
from phasegrok.frames.places import axis_cells
from phasegrok.frames.probability import phase_probability
from phasegrok.phases import PHASES

# All other phases, as the second of a pair; and every pair of phases.
REST, ALL = "rest", "all"

_POINT = ("axis", "x", "y", "low", "high", "found", "line")


def boundaries(
    frame: pd.DataFrame,
    axes: Mapping[str, Axis],
    pair: tuple[str, ...] | str | None = None,
    draws: int = 200,
    level: float = 0.9,
    seed: int = 0,
) -> pd.DataFrame:
    """The lines on which a phase is as likely as not, point by point.

    A point lies between two neighbouring cells, along the one axis in which they differ. Points
    are joined through squares of four cell centres (marching squares, the plane case of Lorensen
    & Cline 1987); where all four sides are crossed, the mean of the four says how.

    The band resamples the seeds of every cell with replacement (multinomial draws; Efron &
    Tibshirani 1993), finds in each draw the nearest crossing in the same direction on the same
    row or column of cells, and takes percentiles. A cell whose seeds all agree does so in every
    draw: between two such cells the band has no width, however few the seeds.

    Args:
        frame: one row per run, with a column for every axis, `phase`, and `status` if there is
            one. Failed runs count as no seeds, nor do any in a cell with an undecided one.
        axes: the axes by name; "x" is needed, the others are "y", "row" and "col".
        pair: a phase and another one or "rest". Of two phases the share is among the runs in
            either, in cells of which these make up half or more. "all": every two of the phases
            there are. None: each of them against the rest.
        draws: resamples; 0 gives no band. level: of the band. seed: of the resamples.

    Returns:
        One row per point, in order along each line; a closed line ends where it begins, and a
        line may be one point. `between` ("A / B"); with facets `row.at`, `col.at` and the values
        under their keys; `axis` ("x" or "y", the one along which cells differ); `x`, `y` (on the
        axes; names and the zero of a log axis stand where `axis_cells` has their centre, and y
        is 0 where there is no such axis); `low`, `high` (the band along `axis`; NaN where one of
        the two cells has fewer than two seeds); `found` (share of draws with such a crossing on
        the row or column; the band is of these); `line` (a number for each line). `attrs` has
        `draws` and `level`.
    """
    if draws < 0 or not 0 < level < 1:
        raise InputError(
            f"boundaries: draws = {draws}, level = {level}; need 0 or more, and 0 to 1"
        )
    counts = _counts(phase_probability(frame, axes), axes)
    scales = [_Scale.of(axes.get(name)) for name in ("x", "y")]
    random = np.random.default_rng(seed)
    points: list[dict[str, Any]] = []
    for row, col in np.ndindex(counts.shape[2:4]):
        here = counts[:, :, row, col]
        drawn = _resampled(here, draws, random)
        facet = _facet(axes, {"row": row, "col": col})
        for first, second in _pairs(pair, counts):
            of_draws, _ = _shares(drawn, first, second)
            told = {"between": f"{first} / {second}"} | facet
            for line in _lines(*_shares(here, first, second), of_draws, scales, level):
                number = points[-1]["line"] + 1 if points else 0
                points += [told | point | {"line": number} for point in line]
    columns = ["between", *_facet(axes, {"row": 0, "col": 0}), *_POINT]
    table = pd.DataFrame(points, columns=columns)
    table.attrs = {"draws": draws, "level": level}
    return table


def _pairs(pair: tuple[str, ...] | str | None, counts: np.ndarray) -> list[tuple[str, str]]:
    there = [phase for i, phase in enumerate(PHASES) if counts[..., i].any()]
    if pair is None:
        return [(phase, REST) for phase in there]
    if pair == ALL:
        return list(combinations(there, 2))
    if len(pair) == 2:
        first, second = pair
        if first in PHASES and second in (*PHASES, REST) and first != second:
            return [(first, second)]
    raise InputError(
        f"a boundary is between two of the phases {', '.join(PHASES)}, between one and {REST!r}, "
        f"or {ALL!r}; got {pair!r}"
    )


def _counts(full: pd.DataFrame, axes: Mapping[str, Axis]) -> np.ndarray:
    """Seeds in each phase, [x, y, row, col, phases]; an axis that is not there has size 1."""
    names = ("x", "y", "row", "col")
    sizes = [len(axes[name].values) if name in axes else 1 for name in names]
    at = tuple(full[f"{name}.at"].to_numpy() if name in axes else 0 for name in names)
    shares = full[[f"p.{phase}" for phase in PHASES]].fillna(0).to_numpy()
    counts = np.zeros((*sizes, len(PHASES)), dtype="int32")
    counts[at] = np.rint(shares * full[["seeds"]].to_numpy())
    return counts


def _facet(axes: Mapping[str, Axis], at: Mapping[str, int]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for name, place in at.items():
        if name in axes:
            told |= {f"{name}.at": place, axes[name].key: axes[name].values[place]}
    return told


def _resampled(counts: np.ndarray, draws: int, random: np.random.Generator) -> np.ndarray:
    """Counts [draws, x, y, phases] of as many seeds, drawn from each cell's own."""
    drawn = np.repeat(counts[None], draws, axis=0)
    mixed = (counts > 0).sum(axis=-1) > 1  # the others are the same in every draw
    total = counts[mixed].sum(axis=-1)
    drawn[:, mixed] = random.multinomial(total, counts[mixed] / total[:, None], (draws, len(total)))
    return drawn


def _shares(counts: np.ndarray, first: str, second: str) -> tuple[np.ndarray, np.ndarray]:
    """Share of the first among the runs of a pair, NaN where that says nothing; and those runs."""
    ours, total = counts[..., PHASES.index(first)], counts.sum(axis=-1)
    runs = total if second == REST else ours + counts[..., PHASES.index(second)]
    with np.errstate(invalid="ignore"):
        return np.where((runs > 0) & (2 * runs >= total), ours / runs, np.nan), runs


@dataclass(frozen=True)
class _Scale:
    """The cell centres of an axis [n], as drawn, and which neighbours have a distance [n - 1]."""

    centres: np.ndarray
    near: np.ndarray
    log: bool

    @classmethod
    def of(cls, axis: Axis | None) -> _Scale:
        if axis is None:
            return cls(np.zeros(1), np.zeros(0, dtype=bool), False)
        table = axis_cells(axis)
        near = ~table["broken"].to_numpy()[:-1] & (axis.scale != "category")
        return cls(table["centre"].to_numpy(), near, axis.log)

    @property
    def even(self) -> np.ndarray:
        """The centres where distances are as the eye sees them."""
        return np.log(self.centres) if self.log else self.centres

    def back(self, even: np.ndarray) -> np.ndarray:
        return np.exp(even) if self.log else even


def _lines(
    shares: np.ndarray,
    runs: np.ndarray,
    drawn: np.ndarray,
    scales: list[_Scale],
    level: float,
) -> Iterator[list[dict[str, Any]]]:
    """The lines in one panel, from shares [x, y] and [draws, x, y]."""
    sides = [
        _crossings(shares, runs, drawn, scales[0], level),
        _crossings(shares.T, runs.T, drawn.swapaxes(1, 2), scales[1], level),
    ]
    nodes = [(0, i, j) for i, j in sides[0]] + [(1, i, j) for j, i in sides[1]]
    known = ~np.isnan(shares)
    squares = known[1:, 1:] & known[1:, :-1] & known[:-1, 1:] & known[:-1, :-1]
    squares &= np.logical_and.outer(scales[0].near, scales[1].near)
    for line in joined(nodes, shares, squares):
        yield [_point(sides, scales, *node) for node in line]


def _point(
    sides: list[dict[tuple[int, int], dict[str, float]]],
    scales: list[_Scale],
    axis: int,
    i: int,
    j: int,
) -> dict[str, Any]:
    crossed, other = ("x", "y") if axis == 0 else ("y", "x")
    along, across = (i, j) if axis == 0 else (j, i)
    found = dict(sides[axis][along, across])
    there = {crossed: found.pop("at"), other: scales[1 - axis].centres[across]}
    return {"axis": crossed} | there | found


def _crossings(
    shares: np.ndarray, runs: np.ndarray, drawn: np.ndarray, scale: _Scale, level: float
) -> dict[tuple[int, int], dict[str, float]]:
    """Where shares [n, m] pass one half along their first axis: (edge, line) to place and band."""
    places, rising = _passes(shares, scale)
    edges, lines = np.nonzero(~np.isnan(places))
    near = np.sort(_nearest(*_passes(drawn, scale), places, rising, edges, lines), axis=0)
    there = np.count_nonzero(~np.isnan(near), axis=0)  # NaN is sorted last
    low, high = (_sorted_quantile(near, there, (1 + way * level) / 2) for way in (-1, 1))
    alone = np.minimum(runs[edges, lines], runs[edges + 1, lines]) < 2
    columns = {
        "at": scale.back(places[edges, lines]),
        "low": np.where(alone, np.nan, scale.back(low)),
        "high": np.where(alone, np.nan, scale.back(high)),
        "found": there / len(drawn) if len(drawn) else np.full(len(edges), np.nan),
    }
    points: Any = pd.DataFrame(columns).to_dict("records")
    return dict(zip(zip(edges.tolist(), lines.tolist(), strict=True), points, strict=True))


def _sorted_quantile(values: np.ndarray, counts: np.ndarray, share: float) -> np.ndarray:
    """The quantile of the first so many of each column [n, columns], which are sorted."""
    if not len(values):
        return np.full(len(counts), np.nan)
    rank = np.maximum(counts - 1, 0) * share
    below, columns = np.floor(rank).astype(int), np.arange(len(counts))
    above = np.minimum(below + 1, np.maximum(counts - 1, 0))
    low, high = values[below, columns], values[above, columns]
    return low + (rank - below) * (high - low)


def _nearest(
    drawn_places: np.ndarray,
    drawn_rising: np.ndarray,
    places: np.ndarray,
    rising: np.ndarray,
    edges: np.ndarray,
    lines: np.ndarray,
) -> np.ndarray:
    """In each draw the crossing nearest to each of ours in the same direction, on its own line.

    Places grow from edge to edge: the nearest is the last one before or the first one after.

    Returns:
        [draws, crossings], NaN where a draw has none.
    """
    near = np.full((len(drawn_places), len(edges)), np.nan)
    for way in (True, False):
        ours = rising[edges, lines] == way
        at = (slice(None), edges[ours], lines[ours])
        alike = np.where(drawn_rising == way, drawn_places, np.nan)
        before = np.fmax.accumulate(alike, axis=1)[at]
        after = np.fmin.accumulate(alike[:, ::-1], axis=1)[:, ::-1][at]
        place = places[at[1:]]
        closer = np.isnan(before) | (np.abs(after - place) < np.abs(before - place))
        near[:, ours] = np.where(closer, after, before)
    return near


def _passes(shares: np.ndarray, scale: _Scale) -> tuple[np.ndarray, np.ndarray]:
    """Where shares [..., n, m] pass one half, [..., n - 1, m] with NaN for nowhere, and if upward.

    One half itself is on the side of more.
    """
    low, high = shares[..., :-1, :], shares[..., 1:, :]
    passing = ((low >= 0.5) != (high >= 0.5)) & ~np.isnan(low) & ~np.isnan(high)
    passing &= scale.near[:, None]
    from_here = scale.even[:-1, None]
    step = np.diff(scale.even)[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        places = np.where(passing, from_here + step * (0.5 - low) / (high - low), np.nan)
    return places, high > low
