"""Two phase maps on one grid, and how far they agree."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.inter_rater import cohens_kappa

from phasegrok.errors import InputError
from phasegrok.frames.compare import agreement, common_axes, difference
from phasegrok.frames.grid import Axis, axes_of
from phasegrok.phases import PHASES
from tests.frames.cases import COL, ROW, X, Y, frame_of

C, G, M = "comprehension", "grokking", "memorization"


def shown(first: list[str], second: list[str]) -> pd.DataFrame:
    """A difference of cells that show these; "A = B" is a tie."""

    def side(words: list[str]) -> tuple[list[str], list[tuple[str, ...]]]:
        return ["tie" if " = " in w else w for w in words], [tuple(w.split(" = ")) for w in words]

    (one, one_tied), (two, two_tied) = side(first), side(second)
    return pd.DataFrame(
        {"first": one, "first.tied": one_tied, "second": two, "second.tied": two_tied}
    )


def agreed(full: pd.DataFrame, **options: Any) -> dict[Any, Any]:
    return agreement(full, **options).to_dict()


def test_cells_are_the_same_differ_or_tell_nothing() -> None:
    first = frame_of("x phase status", (0.1, G, "decided"), (0.2, G, "decided"),
                     (0.3, G, "decided"), (0.3, M, "finished"), (0.4, G, "decided"),
                     (0.4, M, "finished"), (0.5, "undecided", "failed"), (0.6, G, "decided"),
                     (0.7, "undecided", "finished"))  # fmt: skip
    second = frame_of("x phase status", (0.1, G, "decided"), (0.2, M, "finished"),
                      (0.3, M, "finished"), (0.3, G, "decided"), (0.4, C, "decided"),
                      (0.4, M, "finished"), (0.5, G, "decided"),
                      (0.7, "undecided", "finished"), (0.9, G, "decided"))  # fmt: skip
    axes = {"x": Axis.of(X, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7], "linear")}
    full = difference(first, second, axes)
    assert full["first"].tolist() == [G, G, "tie", "tie", "failed", G, "undecided"]
    assert full["second"].tolist() == [G, M, "tie", "tie", G, "missing", "undecided"]
    assert full["same"].isna().tolist() == [False] * 4 + [True] * 3
    assert full["same"].tolist()[:4] == [True, False, True, False], "ties of the same phases only"
    tied = full[["first.tied", "second.tied"]].to_numpy()[3].tolist()
    assert tied == [(G, M), (C, M)]
    assert list(full) == ["x.at", X, "x.low", "x.high", "first", "first.tied", "second",
                          "second.tied", "same"]  # fmt: skip
    found = agreed(full)
    assert (found["cells"], found["left_out"], found["share"]) == (4, 3, 0.5)


def test_maps_over_four_axes_are_compared_cell_by_cell() -> None:
    rows = [(x, y, r, c) for x in (1, 2) for y in (0, 1) for r in (1, 2) for c in (1, 2)]
    first = frame_of("x y row col phase", *((*row, PHASES[i % 4]) for i, row in enumerate(rows)))
    second = first.sample(frac=1, random_state=0)
    second.loc[3, "phase"] = "confusion" if first.loc[3, "phase"] != "confusion" else G
    axes = axes_of(first, {"x": X, "y": Y, "row": ROW, "col": COL})
    full = difference(first, second, axes)
    assert len(full) == 16 and full["same"].tolist().count(False) == 1
    (cell,) = full.loc[~full["same"]].to_dict("records")
    assert tuple(cell[key] for key in (X, Y, ROW, COL)) == rows[3]


def test_the_common_grid_has_the_values_that_both_have_under_the_first_ones_names() -> None:
    mine = {"x": Axis.of(X, [0.2, 0.3, 0.4]), "y": Axis.of(Y, [0.0, 0.1, 1.0, 10.0])}
    theirs = {"y": Axis.of(X, [0.1 + 0.2, 0.4, 0.5]), "x": Axis.of(Y, [0.0, 0.5, 10.0])}
    axes = common_axes(mine, theirs)
    assert list(axes) == ["x", "y"]
    assert axes["x"].values == (0.3, 0.4) and axes["y"].values == (0.0, 10.0)
    assert axes["y"].scale == "log", "as the first has it"


def test_maps_without_a_common_grid_say_what_each_has() -> None:
    x, y = Axis.of(X, [0.2, 0.3]), Axis.of(Y, [1.0, 10.0])
    with pytest.raises(InputError, match=rf"one is over {X}, {Y}, the other over {X}"):
        common_axes({"x": x, "y": y}, {"x": x})
    with pytest.raises(InputError, match=r"share no value of .*: one has 0.2, 0.3, the other 0.4"):
        common_axes({"x": x}, {"x": Axis.of(X, [0.4])})


@pytest.mark.parametrize("seed", range(3))
def test_kappa_is_that_of_statsmodels(seed: int) -> None:
    random = np.random.default_rng(seed)
    first = random.choice(PHASES, 60)
    second = np.where(random.random(60) < 0.6, first, random.choice(PHASES, 60))
    found = agreed(shown(list(first), list(second)), draws=10)
    table = pd.crosstab(first, second).reindex(index=PHASES, columns=PHASES, fill_value=0)
    expected = cohens_kappa(table.to_numpy(), return_results=False)
    assert found["kappa"] == pytest.approx(expected)
    assert found["share"] == pytest.approx((first == second).mean())


def test_kappa_of_a_known_table() -> None:
    # 20 and 15 on the diagonal, 5 and 10 off it: 0.7 observed, 0.5 by chance.
    full = shown([G] * 25 + [M] * 25, [G] * 20 + [M] * 5 + [G] * 10 + [M] * 15)
    found = agreed(full)
    assert (found["cells"], found["share"], found["kappa"]) == (50, 0.7, pytest.approx(0.4))
    assert found["share.low"] < 0.7 < found["share.high"]
    assert found["kappa.low"] < 0.4 < found["kappa.high"]


def test_the_interval_is_that_of_resampled_cells_and_repeats_with_its_seed() -> None:
    full = shown([G] * 60 + [M] * 40, [G] * 50 + [M] * 50)
    found = agreed(full, draws=4000)
    random = np.random.default_rng(7)
    same = np.array([True] * 50 + [False] * 10 + [True] * 40)
    shares = same[random.integers(0, 100, (4000, 100))].mean(axis=1)
    expected = np.quantile(shares, [0.025, 0.975])
    assert [found["share.low"], found["share.high"]] == pytest.approx(expected, abs=0.011)
    assert found == agreed(full, draws=4000)
    other = agreed(full, draws=4000, seed=1)
    assert other["kappa"] == found["kappa"] and other["kappa.low"] != found["kappa.low"]
    narrow = agreed(full, draws=4000, level=0.5)
    assert found["share.low"] < narrow["share.low"] < narrow["share.high"] < found["share.high"]


def test_perfect_agreement_has_no_width_and_one_phase_everywhere_no_kappa() -> None:
    perfect = agreed(shown([G, M, C, G], [G, M, C, G]))
    assert (perfect["share.low"], perfect["share"], perfect["share.high"]) == (1, 1, 1)
    assert perfect["kappa"] == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        one = agreed(shown([G] * 3, [G] * 3))
        cell = agreed(shown([G], [M]))
    assert one["share"] == 1 and all(math.isnan(one[name]) for name in ("kappa", "kappa.low"))
    assert (cell["cells"], cell["share"], cell["kappa"]) == (1, 0, 0)


def test_a_tie_is_a_label_of_its_own() -> None:
    full = shown([f"{G} = {M}", f"{G} = {M}", G], [f"{G} = {M}", f"{C} = {M}", G])
    found = agreed(full, draws=10)
    assert found["share"] == pytest.approx(2 / 3)
    # By chance: G 1/9 and the shared tie 2/9.
    assert found["kappa"] == pytest.approx((2 / 3 - 3 / 9) / (1 - 3 / 9))


def test_nothing_to_compare_and_senseless_options_are_refused() -> None:
    with pytest.raises(InputError, match="none of the 2 cells of the common grid"):
        agreed(shown([G, "missing"], ["undecided", M]))
    for draws, level in ((0, 0.95), (10, 0.0), (10, 1.0)):
        with pytest.raises(InputError, match="need 1 or more"):
            agreement(shown([G], [G]), draws=draws, level=level)
