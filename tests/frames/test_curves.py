"""Training curves, point by point."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from phasegrok.errors import InputError
from phasegrok.frames.curves import curve_table
from phasegrok.frames.grid import Axis, axes_of
from phasegrok.observables import CURVE as CURVES
from tests.frames.cases import X, Y, runs_of


def with_curves(frame: pd.DataFrame, lengths: list[int]) -> pd.DataFrame:
    """Each run with curves of so many points; the value tells run, curve and point."""
    for place, name in enumerate(CURVES):
        curves: list[Any] = [
            [100 * run + 10 * place + point for point in range(length)] if length else None
            for run, length in enumerate(lengths)
        ]
        kept = pd.Series(curves, index=frame.index, dtype=object)
        frame = frame.assign(**{f"curve.{name}": kept})
    return frame


@pytest.fixture
def frame() -> pd.DataFrame:
    runs = runs_of(
        "x y train val status",
        (0.2, 0.0, 5, 50, "decided"),
        (0.2, 1.0, 5, None, "finished"),
        (0.4, 1.0, None, None, "failed"),
        (0.4, 1.0, 5, 9, "decided"),
    )
    return with_curves(runs.assign(phase=list("abcd")), [3, 2, 0, 1])


def test_every_stored_point_is_a_row_that_says_whose_it_is(frame: pd.DataFrame) -> None:
    table = curve_table(frame, axes_of(frame, {"x": X, "y": Y}))
    assert list(table) == ["run_id", X, Y, "seed", "phase", *CURVES]
    assert table[[X, Y, "seed", "phase", "step", "val_acc"]].to_numpy().tolist() == [
        [0.2, 0.0, 0, "a", 0, 20],
        [0.2, 0.0, 0, "a", 1, 21],
        [0.2, 0.0, 0, "a", 2, 22],
        [0.2, 1.0, 1, "b", 100, 120],
        [0.2, 1.0, 1, "b", 101, 121],
        [0.4, 1.0, 3, "d", 300, 320],
    ]
    assert table["step"].dtype == "int64" and table["weight_norm"].tolist()[-1] == 350
    assert table.index.tolist() == list(range(6))


def test_runs_off_the_grid_have_no_rows(frame: pd.DataFrame) -> None:
    assert set(curve_table(frame, {"x": Axis.of(X, [0.4])})["seed"]) == {3}


def test_curves_may_be_arrays_and_one_that_was_not_kept_is_nan(frame: pd.DataFrame) -> None:
    frame["curve.step"] = frame["curve.step"].map(np.array, na_action="ignore")
    without = frame.assign(**{"curve.val_loss": None}).drop(columns="phase")
    table = curve_table(without, axes_of(frame, {"x": X}))
    assert "phase" not in table and len(table) == 6
    assert np.isnan(table["val_loss"]).tolist() == [True] * 6
    assert table["train_loss"].tolist() == [30, 31, 32, 130, 131, 330]


def test_seeds_as_an_axis_are_told_once(frame: pd.DataFrame) -> None:
    table = curve_table(frame, axes_of(frame, {"x": "seed"}))
    assert list(table) == ["run_id", "seed", "phase", *CURVES]


def test_what_cannot_be_drawn_is_told(frame: pd.DataFrame) -> None:
    axes = axes_of(frame, {"x": X, "y": Y})
    bare = frame.drop(columns=["curve.step", "curve.val_acc"])
    with pytest.raises(InputError, match=r"no curve\.step, curve\.val_acc: load .*curves=True"):
        curve_table(bare, axes)
    with pytest.raises(InputError, match="none of these runs has a curve"):
        curve_table(frame.loc[frame["phase"] == "c"], axes)
    longer = frame.assign(
        **{"curve.val_acc": frame["curve.train_acc"].map(lambda c: [*(c or []), 1])}
    )
    with pytest.raises(InputError, match=r"curve\.val_acc has 4 points in a run with 3 steps"):
        curve_table(longer, axes)
