"""Any stored number as a map."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from phasegrok.errors import InputError
from phasegrok.frames.grid import Axis, axes_of
from phasegrok.frames.observable import value_map
from tests.frames.cases import COL, ROW, X, Y, frame_of


def test_each_cell_has_the_median_of_its_seeds_and_their_range() -> None:
    frame = frame_of(
        "x y weight_norm status",
        (0.2, 1.0, 3.0, "finished"),
        (0.2, 1.0, 1.0, "finished"),
        (0.2, 1.0, 9.0, "finished"),
        (0.2, 1.0, 100.0, "failed"),
        (0.4, 1.0, 2.0, "decided"),
        (0.4, 1.0, 4.0, "decided"),
        (0.2, 10.0, np.inf, "diverged"),
        (0.2, 10.0, np.nan, "diverged"),
        (0.4, 10.0, np.nan, "failed"),
        (0.9, 10.0, 0.0, "finished"),
    )
    full = value_map(frame, axes_of(frame, {"x": X, "y": Y}), "weight_norm")
    nan = np.nan
    expected = frame_of(
        "x y median low high runs without failed shown",
        (0.2, 1.0, 3.0, 1.0, 9.0, 3, 0, 1, "value"),
        (0.2, 10.0, nan, nan, nan, 0, 2, 0, "none"),
        (0.4, 1.0, 3.0, 2.0, 4.0, 2, 0, 0, "value"),
        (0.4, 10.0, nan, nan, nan, 0, 0, 1, "failed"),
        (0.9, 1.0, nan, nan, nan, 0, 0, 0, "missing"),
        (0.9, 10.0, 0.0, 0.0, 0.0, 1, 0, 0, "value"),
    )
    pd.testing.assert_frame_equal(full.loc[:, list(expected)], expected)


def test_nullable_whole_numbers_and_a_column_that_is_an_axis_are_numbers_too() -> None:
    frame = frame_of("x steps", (0.2, 10), (0.2, 30), (0.4, None))
    frame["steps"] = frame["steps"].astype("Int64")
    axes = {"x": Axis.of(X, [0.2, 0.4])}
    full = value_map(frame, axes, "steps")
    assert full["median"].tolist() == pytest.approx([20, np.nan], nan_ok=True)
    assert full["without"].tolist() == [0, 1]
    assert value_map(frame, axes, X)["median"].tolist() == [0.2, 0.4]


def test_four_axes_and_zero_on_a_log_axis() -> None:
    frame = frame_of("x y row col rqi", (0.2, 0.0, 1e-3, 64, 1.0), (0.4, 1.0, 1e-2, 32, 0.5))
    axes = axes_of(frame, {"x": X, "y": Y, "row": ROW, "col": COL})
    axes["y"] = Axis.of(Y, [0.0, 0.1, 1.0], "log")
    full = value_map(frame, axes, "rqi")
    assert len(full) == 24
    known = full.loc[full["runs"] > 0, [X, Y, ROW, COL, "median"]]
    assert known.to_numpy().tolist() == [[0.2, 0, 1e-3, 64, 1], [0.4, 1, 1e-2, 32, 0.5]]


def test_a_column_that_is_no_numbers_is_refused_with_those_that_are() -> None:
    frame = frame_of("x weight_norm phase compiled", (0.2, 1.0, "grokking", True))
    axes = axes_of(frame, {"x": X})
    for column, fault in (
        ("phase", "phase holds no numbers"),
        ("compiled", "compiled holds no numbers"),
        ("rqi", "rqi is no column of the frame"),
    ):
        with pytest.raises(InputError, match=f"{fault}; numbers are in {X}, weight_norm$"):
            value_map(frame, axes, column)


def test_crossings_are_refused_for_their_nulls_are_no_missing_values() -> None:
    frame = frame_of("x val", (0.2, 100.0), (0.2, None))
    with pytest.raises(InputError, match=r'val_step is null .* steps_map\(of="val"\)'):
        value_map(frame, axes_of(frame, {"x": X}), "val_step")
