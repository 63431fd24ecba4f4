"""Steps to an accuracy against the share of the data that is trained on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from phasegrok.errors import InputError
from phasegrok.frames.efficiency import FRACTION, data_efficiency
from phasegrok.phases import LADDER
from tests.frames.cases import BUDGET, runs_of


def trained(*rows: tuple[Any, ...], columns: str = "x train val") -> pd.DataFrame:
    """Runs trained to 99 %: `val` is when they crossed it, and 90 % at half of it."""
    frame = runs_of(columns, *rows).assign(**{"phase.val_accuracy": 0.9})
    steps = frame["val_step"].astype(object).where(frame["val_step"].notna(), None)
    ladders = [[step and step // 2] * LADDER.index(0.99) + [step, None] for step in steps]
    return frame.assign(val_steps=ladders, val_step=[ladder[3] for ladder in ladders])


def test_each_fraction_has_a_median_in_which_censored_runs_count() -> None:
    frame = trained(
        (0.5, 5, 100),
        (0.5, 5, 300),
        (0.5, 5, 200),
        (0.3, 5, 800),
        (0.3, 5, None),
        (0.3, 5, None),
        (0.1, 5, None),
        (0.9, None, None),
    )
    frame.loc[7, "status"] = "failed"
    table = data_efficiency(frame)
    nan = np.nan
    expected = pd.DataFrame({
        FRACTION: [0.1, 0.3, 0.5, 0.9],
        "median": [nan, nan, 200, nan],
        "at_least": [BUDGET, BUDGET, nan, nan],
        "low": [nan, 800, 100, nan],
        "high": [nan, 800, 300, nan],
        "events": [0, 1, 3, 0],
        "runs": [1, 3, 3, 0],
        "censored": [1, 2, 0, 0],
        "failed": [0, 0, 0, 1],
        "shown": ["censored", "censored", "value", "failed"],
    })  # fmt: skip
    pd.testing.assert_frame_equal(table.loc[:, list(expected)], expected)


def test_another_accuracy_is_read_from_the_ladder_and_a_budget_censors() -> None:
    frame = trained((0.5, 5, 100), (0.3, 5, 800))
    assert data_efficiency(frame, 0.9)["median"].tolist() == [400, 50]
    assert data_efficiency(frame, 0.5)["median"].tolist() == [400, 50]
    assert data_efficiency(frame, 0.99)["median"].tolist() == [800, 100]
    shorter = data_efficiency(frame, 0.9, budget=399)
    assert shorter["median"].tolist() == pytest.approx([np.nan, 50], nan_ok=True)
    assert shorter["at_least"].tolist() == pytest.approx([399, np.nan], nan_ok=True)


def test_runs_that_stopped_at_a_lower_accuracy_leave_the_median_open() -> None:
    frame = trained((0.5, 5, 100), (0.5, 5, 100), (0.5, 5, 300))
    frame["val_steps"] = [[50] * 4 + [None] * 3] * 2 + [[150] * 4 + [300] * 2 + [None]]
    frame["steps"] = [50, 50, 300]
    (point,) = data_efficiency(frame).to_dict("records")
    assert np.isnan(point["median"]) and point["at_least"] == 50
    assert (point["censored"], point["stopped"], point["events"]) == (2, 2, 1)


def test_each_value_of_by_has_a_curve_of_its_own() -> None:
    frame = trained(
        ("x/y", 0.5, 5, 100),
        ("x+y", 0.5, 5, 60),
        ("x+y", 0.3, 5, 90),
        columns="task.operation x train val",
    )
    table = data_efficiency(frame, by=["task.operation"])
    columns = ["task.operation", FRACTION, "median"]
    assert table[columns].to_numpy().tolist() == [
        ["x+y", 0.3, 90], ["x+y", 0.5, 60], ["x/y", 0.5, 100]
    ]  # fmt: skip
    with pytest.raises(InputError, match=r"different task\.operation \(x/y, x\+y\)"):
        data_efficiency(frame)


def test_one_run_is_a_point() -> None:
    (point,) = data_efficiency(trained((0.5, 5, 100))).to_dict("records")
    assert (point["median"], point["low"], point["high"], point["runs"]) == (100, 100, 100, 1)


def test_what_the_runs_cannot_tell_is_refused() -> None:
    frame = trained((0.5, 5, 100))
    with pytest.raises(InputError, match=r"0\.97 is not on the ladder that runs keep: 0\.5, 0\.6"):
        data_efficiency(frame, 0.97)
    with pytest.raises(InputError, match=r"no column task\.op, val_steps; the frame has"):
        data_efficiency(frame.drop(columns="val_steps"), by=["task.op"])
    with pytest.raises(InputError, match="the frame holds no runs"):
        data_efficiency(frame.iloc[:0])
