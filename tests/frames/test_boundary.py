"""Boundaries between phases: where they lie, how they are joined, and their bands."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from phasegrok.errors import InputError
from phasegrok.frames.boundary import boundaries
from phasegrok.frames.grid import Axis, axes_of
from tests.frames.cases import COL, ROW, X, Y, frame_of

C, G, M = "comprehension", "grokking", "memorization"


def strip(counts: Sequence[tuple[int, int]], xs: Sequence[float]) -> pd.DataFrame:
    """Cells along x with so many seeds in grokking and in memorization."""
    rows = [
        (x, phase)
        for x, (grokking, memorization) in zip(xs, counts, strict=True)
        for phase in [G] * grokking + [M] * memorization
    ]
    return frame_of("x phase", *rows)


def plane(words: Sequence[str], ys: Sequence[float] | None = None, seeds: int = 1) -> pd.DataFrame:
    """A map as a picture, y upward: G, M, C are phases, a dot is no cell."""
    phases = {"G": G, "M": M, "C": C}
    rows = [
        (float(x), float(y if ys is None else ys[y]), phases[letter])
        for y, line in enumerate(reversed(words))
        for x, letter in enumerate(line)
        if letter in phases
        for _ in range(seeds)
    ]
    return frame_of("x y phase", *rows)


def over(frame: pd.DataFrame, **scales: str) -> dict[str, Axis]:
    keys = {"x": X, "y": Y} if Y in frame else {"x": X}
    return axes_of(frame, keys, dict.fromkeys(keys, "linear") | scales)


def ends(lines: pd.DataFrame) -> list[list[tuple[float, float]]]:
    return [
        [(round(x, 9), round(y, 9)) for x, y in zip(points["x"], points["y"], strict=True)]
        for _, points in lines.groupby("line", sort=True)
    ]


# --------------------------------------------------------------------------------- where they lie


@pytest.mark.parametrize(
    ("counts", "at"),
    [
        ([(4, 0), (0, 4)], [0.3]),
        ([(4, 0), (1, 3)], [0.2 + 0.2 * 2 / 3]),
        ([(3, 1), (1, 3)], [0.3]),
        ([(4, 0), (2, 2)], []),  # one half is on the side of more
        ([(4, 0), (2, 2), (0, 4)], [0.4]),
        ([(0, 4), (2, 2), (4, 0)], [0.4]),
        ([(4, 0), (0, 4), (4, 0)], [0.3, 0.6]),
        ([(4, 0), (4, 0)], []),
        ([(1, 0), (0, 1)], [0.3]),
    ],
)
def test_a_boundary_is_where_the_straight_line_between_shares_is_one_half(
    counts: list[tuple[int, int]], at: list[float]
) -> None:
    frame = strip(counts, [0.2, 0.4, 0.8][: len(counts)])
    found = boundaries(frame, over(frame), (G, M))
    assert found["x"].tolist() == pytest.approx(at)
    assert set(found["axis"]) <= {"x"} and set(found["y"]) <= {0.0}
    assert set(found["between"]) <= {"grokking / memorization"}


def test_distances_are_ratios_on_a_log_axis_and_nothing_lies_between_zero_and_the_rest() -> None:
    frame = strip([(3, 0), (0, 3), (3, 0)], [0.0, 0.1, 10.0])
    found = boundaries(frame, over(frame, x="log"))
    assert found["x"].tolist() == pytest.approx([1.0, 1.0])
    assert found["between"].tolist() == ["grokking / rest", "memorization / rest"]


def test_neighbours_by_name_have_nothing_between_them() -> None:
    names = frame_of("x y phase", (0.1, "a", G), (0.2, "a", M), (0.1, "b", M), (0.2, "b", G))
    found = boundaries(names, over(names, y="category"), (G, M))
    assert found["axis"].tolist() == ["x", "x"] and found["y"].tolist() == [0.0, 1.0]
    assert found["x"].tolist() == pytest.approx([0.15, 0.15])
    assert found["line"].tolist() == [0, 1], "and are not joined"


def test_a_cell_without_a_result_is_not_bridged() -> None:
    frame = strip([(3, 0), (0, 0), (0, 3), (3, 0)], [0.1, 0.2, 0.3, 0.4])
    axes = {"x": Axis.of(X, [0.1, 0.2, 0.3, 0.4], "linear")}
    assert boundaries(frame, axes, (G, M))["x"].tolist() == pytest.approx([0.35])
    failed = frame_of(
        "x phase status", (0.2, "undecided", "failed"), (0.2, "undecided", "finished")
    )
    both = pd.concat([frame.assign(status="finished"), failed])
    assert boundaries(both, axes, (G, M))["x"].tolist() == pytest.approx([0.35])


def test_of_two_phases_only_cells_count_in_which_they_are_half_of_the_runs() -> None:
    rows = [(0.1, G)] * 3 + [(0.2, C)] * 2 + [(0.2, M)] + [(0.3, C), (0.3, M), (0.4, G)]
    frame = frame_of("x phase", *rows)
    assert boundaries(frame, over(frame), (G, M))["x"].tolist() == pytest.approx([0.35])
    rest = boundaries(frame, over(frame), (G, "rest"))
    assert rest["x"].tolist() == pytest.approx([0.15, 0.35])


def test_by_default_every_phase_has_its_lines_and_all_is_every_two_of_them() -> None:
    frame = frame_of("x phase", (0.1, G), (0.2, M), (0.3, C))
    found = boundaries(frame, over(frame))
    assert list(zip(found["between"], found["x"].round(9), strict=True)) == [
        ("comprehension / rest", 0.25), ("grokking / rest", 0.15),
        ("memorization / rest", 0.15), ("memorization / rest", 0.25),
    ]  # fmt: skip
    found = boundaries(frame, over(frame), "all")
    assert list(zip(found["between"], found["x"].round(9), strict=True)) == [
        ("comprehension / memorization", 0.25), ("grokking / memorization", 0.15),
    ]  # fmt: skip


def test_a_map_of_one_phase_or_one_cell_has_no_boundary_and_the_same_columns() -> None:
    for frame in (strip([(3, 0), (2, 0)], [0.1, 0.2]), strip([(1, 1)], [0.5])):
        for pair in (None, "all", (G, M), (G, "inversion")):
            found = boundaries(frame, over(frame), pair)
            assert found.empty
            assert list(found) == ["between", "axis", "x", "y", "low", "high", "found", "line"]


# ------------------------------------------------------------------------------ how they are joined


def test_crossings_are_joined_to_a_line_across_uneven_cells() -> None:
    frame = plane(["GMM", "GGM", "GGM"], ys=[1, 10, 100])
    found = boundaries(frame, over(frame, y="log"), (G, M), draws=0)
    assert ends(found) == [[(0.5, 100), (1, round(10**1.5, 9)), (1.5, 10), (1.5, 1)]]
    assert sorted(found["axis"]) == ["x", "x", "x", "y"]


def test_an_island_has_a_closed_line() -> None:
    frame = plane(["MMM", "MGM", "MMM"])
    (line,) = ends(boundaries(frame, over(frame), (G, M), draws=0))
    assert line[0] == line[-1] and len(line) == 5
    assert set(line) == {(0.5, 1), (1, 0.5), (1.5, 1), (1, 1.5)}


def test_a_line_ends_at_a_cell_without_a_result() -> None:
    frame = plane(["GGMM", "GG.M", "GGMM"])
    lines = ends(boundaries(frame, over(frame), (G, M), draws=0))
    assert lines == [[(1.5, 0)], [(1.5, 2)]], "the row between has no two neighbours to cross"


@pytest.mark.parametrize(("grokking", "near_origin"), [(5, True), (7, False)])
def test_where_four_cells_alternate_their_mean_decides_who_is_connected(
    grokking: int, near_origin: bool
) -> None:
    # Of 8 seeds, so many grok in two opposite corners and 2 in the others.
    counts = {(0.0, 0.0): grokking, (1.0, 1.0): grokking, (0.0, 1.0): 2, (1.0, 0.0): 2}
    rows = [(*at, phase) for at, n in counts.items() for phase in [G] * n + [M] * (8 - n)]
    frame = frame_of("x y phase", *rows)
    lines = ends(boundaries(frame, over(frame), (G, M), draws=0))
    assert [len(line) for line in lines] == [2, 2]
    # Where the mean is below one half, the corner at the origin is cut off from its opposite.
    cuts = [0.0 in {x for x, _ in line} and 0.0 in {y for _, y in line} for line in lines]
    assert any(cuts) == near_origin


def test_facets_have_lines_of_their_own() -> None:
    maps = {(1, 1): ["GM", "GM"], (1, 2): ["GG", "MM"], (2, 1): ["GG", "GG"], (2, 2): ["MG", "MG"]}
    frames = [
        plane(words).assign(**{ROW: float(row), COL: float(col)})
        for (row, col), words in maps.items()
    ]
    frame = pd.concat(frames)
    axes = axes_of(frame, {"x": X, "y": Y, "row": ROW, "col": COL})
    found = boundaries(frame, axes, (G, M))
    assert found[["row.at", "col.at"]].drop_duplicates().to_numpy().tolist() == [
        [0, 0], [0, 1], [1, 1],
    ]  # fmt: skip
    assert found[[ROW, COL]].to_numpy().tolist() == [[1, 1]] * 2 + [[1, 2]] * 2 + [[2, 2]] * 2
    assert found["axis"].tolist() == ["x", "x", "y", "y", "x", "x"]
    assert found["line"].tolist() == [0, 0, 1, 1, 2, 2]


# --------------------------------------------------------------------------------------- the band


@pytest.mark.parametrize(
    ("grokking", "crossings"),
    [((9, 7, 2, 0), 1), ((9, 4, 6, 4, 6, 1), 5)],
)
def test_the_band_is_that_of_the_nearest_alike_crossings_of_resampled_seeds(
    grokking: tuple[int, ...], crossings: int
) -> None:
    xs = [0.2 * (i + 1) for i in range(len(grokking))]
    frame = strip([(g, 10 - g) for g in grokking], xs)
    found = boundaries(frame, over(frame), (G, M), draws=4000).to_dict("records")
    assert len(found) == crossings
    random = np.random.default_rng(5)
    draws = np.array([random.binomial(10, g / 10, 6000) / 10 for g in grokking]).T.tolist()
    passes = [passing(shares, xs) for shares in draws]
    for point, (at, way) in zip(found, passing([g / 10 for g in grokking], xs), strict=True):
        alike = [[place for place, other in places if other == way] for places in passes]
        near = [min(places, key=lambda p: abs(p - at)) for places in alike if places]
        assert point["x"] == pytest.approx(at)
        band = [point["low"], point["high"]]
        assert band == pytest.approx(np.quantile(near, [0.05, 0.95]).tolist(), abs=0.02)
        assert point["found"] == pytest.approx(len(near) / 6000, abs=0.02)


def passing(shares: Sequence[float], xs: Sequence[float]) -> list[tuple[float, bool]]:
    """Where shares pass one half, and whether upward."""
    return [
        (x + (right - x) * (0.5 - share) / (after - share), after > share)
        for (x, share), (right, after) in pairwise(zip(xs, shares, strict=True))
        if (share >= 0.5) != (after >= 0.5)
    ]


def test_a_wider_band_holds_more_draws() -> None:
    frame = strip([(9, 1), (7, 3), (2, 8)], [0.2, 0.4, 0.6])
    (band,) = boundaries(frame, over(frame), (G, M), level=0.5).to_dict("records")
    (wide,) = boundaries(frame, over(frame), (G, M), level=0.99).to_dict("records")
    assert wide["low"] < band["low"] < band["x"] < band["high"] < wide["high"]


def test_bands_repeat_with_their_seed() -> None:
    frame = strip([(3, 1), (2, 2), (1, 3)], [0.2, 0.4, 0.6])
    first = boundaries(frame, over(frame), (G, M), draws=50)
    pd.testing.assert_frame_equal(first, boundaries(frame, over(frame), (G, M), draws=50))
    other = boundaries(frame, over(frame), (G, M), draws=50, seed=1)
    assert other["x"].tolist() == first["x"].tolist()
    assert other["found"].tolist() != first["found"].tolist()


def test_a_crossing_that_some_draws_lack_says_in_how_many_it_was_found() -> None:
    frame = strip([(2, 0), (1, 1), (0, 2)], [0.2, 0.4, 0.6])
    (point,) = boundaries(frame, over(frame), (G, M)).to_dict("records")
    assert point["found"] == 1.0, "wherever it lies, it must come down between the ends"
    frame = strip([(2, 1), (1, 2)], [0.2, 0.4])
    (point,) = boundaries(frame, over(frame), (G, M)).to_dict("records")
    low, high = 20 / 27, 7 / 27  # chances that each cell stays at one half or above
    assert point["found"] == pytest.approx(low * (1 - high), abs=0.08)


def test_seeds_that_agree_leave_the_band_no_width_and_one_seed_gives_none() -> None:
    frame = strip([(3, 0), (0, 3)], [0.2, 0.4])
    (point,) = boundaries(frame, over(frame), (G, M)).to_dict("records")
    assert point["low"] == point["high"] == pytest.approx(0.3) and point["found"] == 1.0
    for counts in ([(1, 0), (0, 1)], [(1, 0), (0, 9)]):
        frame = strip(counts, [0.2, 0.4])
        (point,) = boundaries(frame, over(frame), (G, M)).to_dict("records")
        assert math.isnan(point["low"]) and math.isnan(point["high"])


def test_without_draws_there_is_no_band() -> None:
    frame = strip([(3, 1), (1, 3)], [0.2, 0.4])
    (point,) = boundaries(frame, over(frame), draws=0, pair=(G, M)).to_dict("records")
    assert all(math.isnan(point[name]) for name in ("low", "high", "found"))


@pytest.mark.parametrize("pair", [(G, G), ("rest", G), (G, "groking"), "most", (G,), (G, M, C)])
def test_a_pair_that_is_none_names_the_phases_there_are(pair: tuple[str, str]) -> None:
    frame = strip([(3, 1), (1, 3)], [0.2, 0.4])
    with pytest.raises(InputError, match="two of the phases coexistence, partial"):
        boundaries(frame, over(frame), pair)


def test_senseless_options_are_refused() -> None:
    frame = strip([(3, 1), (1, 3)], [0.2, 0.4])
    for draws, level in ((-1, 0.9), (10, 0.0), (10, 1.0)):
        with pytest.raises(InputError, match="need 0 or more"):
            boundaries(frame, over(frame), draws=draws, level=level)
