"""Phase probabilities and their credible intervals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from phasegrok.errors import InputError
from phasegrok.frames.grid import Axis, axes_of, phase_map
from phasegrok.frames.probability import credible, phase_probability
from phasegrok.phases import PHASES
from tests.frames.cases import COL, ROW, X, Y, frame_of


def test_each_cell_has_shares_of_its_seeds_and_intervals_around_them() -> None:
    frame = frame_of(
        "x y phase status",
        *[(0.2, 1.0, "grokking", "decided")] * 2,
        (0.2, 1.0, "comprehension", "decided"),
        (0.4, 1.0, "grokking", "decided"),
        (0.4, 1.0, "memorization", "finished"),
        (0.8, 1.0, "undecided", "failed"),
        (0.2, 10.0, "confusion", "finished"),
        (0.4, 10.0, "undecided", "decided"),
        (0.4, 10.0, "grokking", "decided"),
    )
    full = phase_probability(frame, axes_of(frame, {"x": X, "y": Y}))
    assert len(full) == 6
    cells = {(c[X], c[Y]): c for c in full.to_dict("records")}
    clear = cells[0.2, 1.0]
    assert (clear["seeds"], clear["majority"]) == (3, "grokking")
    assert clear["p.grokking"] == pytest.approx(2 / 3)
    assert clear["entropy"] == pytest.approx(math.log2(3) - 2 / 3)
    beta = stats.beta(2.5, 1.5)
    assert clear["low.grokking"] == pytest.approx(beta.ppf(0.025))
    assert clear["high.grokking"] == pytest.approx(beta.ppf(0.975))
    assert clear["low.confusion"] == 0 < clear["high.confusion"] < 1
    tie = cells[0.4, 1.0]
    assert (tie["majority"], tie["entropy"]) == ("tie", 1.0)
    assert tie["low.grokking"] == pytest.approx(1 - tie["high.grokking"])
    one = cells[0.2, 10.0]
    assert one["seeds"] == 1 and one["high.confusion"] == 1
    assert one["low.confusion"] == pytest.approx(stats.beta(1.5, 0.5).ppf(0.025))
    half_known = cells[0.4, 10.0]
    assert (half_known["seeds"], half_known["undecided"]) == (1, 1)
    assert np.isnan(half_known["entropy"])
    unknown = {(0.8, 1.0): "failed", (0.8, 10.0): "missing", (0.4, 10.0): "undecided"}
    for place, shown in unknown.items():
        empty = cells[place]
        assert empty["shown"] == shown
        names = [f"{side}.{name}" for side in ("p", "low", "high") for name in PHASES]
        assert np.isnan([empty[name] for name in names]).all()


def test_the_rest_of_the_frame_is_the_phase_map() -> None:
    frame = frame_of("x told", (0.2, "grokking"), (0.4, "confusion"))
    axes = {"x": Axis.of(X, [0.2, 0.4, 0.8])}
    full = phase_probability(frame, axes, phase="told")
    expected = phase_map(frame, axes, "told")
    pd.testing.assert_frame_equal(full.loc[:, list(expected)], expected)
    assert [c for c in full if c not in expected] == [
        f"{side}.{name}" for name in PHASES for side in ("low", "high")
    ]


def test_four_axes_have_a_row_for_each_of_their_cells() -> None:
    frame = frame_of(
        "x y row col phase",
        (0.2, 0.0, 1e-3, 64, "grokking"),
        (0.4, 1.0, 1e-2, 32, "confusion"),
    )
    axes = axes_of(frame, {"x": X, "y": Y, "row": ROW, "col": COL})
    full = phase_probability(frame, axes)
    assert sorted(full["seeds"].tolist()) == [0] * 14 + [1] * 2
    known = full.loc[full["low.grokking"].notna(), [X, Y, ROW, COL]]
    assert known.to_numpy().tolist() == [[0.2, 0, 1e-3, 64], [0.4, 1, 1e-2, 32]]


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95])
def test_intervals_are_those_of_jeffreys_and_reach_the_ends_where_all_seeds_agree(
    level: float,
) -> None:
    count, total = np.array([(k, n) for n in range(1, 12) for k in range(n + 1)]).T
    low, high = credible(count, total, level)
    theirs: Any = proportion_confint(count, total, alpha=1 - level, method="jeffreys")
    inner = (count > 0) & (count < total)
    np.testing.assert_allclose(low[inner], theirs[0][inner])
    np.testing.assert_allclose(high[inner], theirs[1][inner])
    assert not low[count == 0].any() and np.all(high[count == total] == 1)
    share = count / total
    assert np.all(low <= share) and np.all(share <= high)


def test_without_seeds_nothing_is_known() -> None:
    low, high = credible(np.array([0]), np.array([0]))
    assert np.isnan([low, high]).all()


def test_a_level_that_is_none_and_a_column_that_is_not_there_are_refused() -> None:
    frame = frame_of("x phase", (0.2, "grokking"))
    axes = {"x": Axis.of(X, [0.2])}
    with pytest.raises(InputError, match="level = 95: must be between 0 and 1"):
        phase_probability(frame, axes, level=95)
    with pytest.raises(InputError, match=f"no column told; the frame has {X}, phase"):
        phase_probability(frame, axes, phase="told")
