"""The map of steps: medians over seeds, where cells that did not get there are censored."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from phasegrok.errors import InputError
from phasegrok.frames.grid import Axis, axes_of
from phasegrok.frames.steps import steps_map
from phasegrok.phases import Rule
from tests.frames.cases import BUDGET, COL, ROW, X, Y, frame_of, runs_of

NAN = np.nan


def test_every_cell_has_its_median_or_says_why_it_has_none() -> None:
    done, ended, failed = "decided", "finished", "failed"
    frame = runs_of(
        "x y train val status",
        (0.2, 1.0, 50, 300, done),
        (0.2, 1.0, 70, 100, done),
        (0.2, 1.0, 60, None, ended),
        (0.4, 1.0, 50, None, ended),
        (0.4, 1.0, 60, None, ended),
        (0.4, 1.0, 90, 200, done),
        (0.9, 1.0, None, None, ended),
        (0.9, 1.0, None, None, failed),
        (0.2, 10.0, None, None, failed),
        (0.4, 10.0, 80, 80, done),
    )
    axes = axes_of(frame, {"x": X, "y": Y})
    full = steps_map(frame, axes)
    expected = frame_of(
        "x y median at_least low high events runs censored failed shown",
        (0.2, 1.0, 300, NAN, 100, 300, 2, 3, 1, 0, "value"),
        (0.2, 10.0, NAN, NAN, NAN, NAN, 0, 0, 0, 1, "failed"),
        (0.4, 1.0, NAN, BUDGET, 200, 200, 1, 3, 2, 0, "censored"),
        (0.4, 10.0, 80, NAN, 80, 80, 1, 1, 0, 0, "value"),
        (0.9, 1.0, NAN, BUDGET, NAN, NAN, 0, 1, 1, 1, "censored"),
        (0.9, 10.0, NAN, NAN, NAN, NAN, 0, 0, 0, 0, "missing"),
    )
    check(full, expected)
    expected = frame_of(
        "x y median at_least low high events runs censored unfitted shown",
        (0.2, 1.0, 230 + 20, NAN, 30, 250, 2, 3, 1, 0, "value"),
        (0.2, 10.0, NAN, NAN, NAN, NAN, 0, 0, 0, 0, "failed"),
        (0.4, 1.0, NAN, BUDGET - 50, 110, 110, 1, 3, 2, 0, "censored"),
        (0.4, 10.0, 0, NAN, 0, 0, 1, 1, 0, 0, "value"),
        (0.9, 1.0, NAN, NAN, NAN, NAN, 0, 0, 0, 1, "none"),
        (0.9, 10.0, NAN, NAN, NAN, NAN, 0, 0, 0, 0, "missing"),
    )
    check(steps_map(frame, axes, "delay"), expected)
    train = steps_map(frame, axes, "train")
    assert train["median"].tolist() == pytest.approx([60, NAN, 60, 80, NAN, NAN], nan_ok=True)
    assert train["shown"].tolist()[4] == "censored"


def check(full: Any, expected: Any) -> None:
    found = full[list(expected)].to_dict("records")
    for cell, known in zip(found, expected.to_dict("records"), strict=True):
        assert cell == pytest.approx(known, nan_ok=True), (known[X], known[Y])


def test_all_cells_censored_and_a_lone_cell_with_one_seed_are_maps() -> None:
    frame = runs_of("x train val", (0.2, 10, None), (0.4, 20, None))
    full = steps_map(frame, axes_of(frame, {"x": X}), "delay")
    assert full["shown"].tolist() == ["censored"] * 2
    assert full["at_least"].tolist() == [BUDGET - 10, BUDGET - 20]
    assert np.isnan(full["median"]).tolist() == [True, True]
    one = runs_of("x train val", (0.2, 10, 40))
    (cell,) = steps_map(one, axes_of(one, {"x": X})).to_dict("records")
    assert (cell["median"], cell["runs"], cell["x.low"], cell["x.high"]) == (40, 1, -0.3, 0.7)


def test_a_tie_of_two_seeds_gives_the_earlier_and_equal_steps_themselves() -> None:
    frame = runs_of("x train val", (0.2, 1, 100), (0.2, 1, 200), (0.4, 1, 90), (0.4, 1, 90))
    full = steps_map(frame, axes_of(frame, {"x": X}))
    assert full["median"].tolist() == [100, 90]


def test_four_axes_zero_on_a_log_axis_and_missing_cells() -> None:
    frame = runs_of(
        "x y row col train val", (0.2, 0.0, 1e-3, 64, 5, 50), (0.4, 1.0, 1e-2, 32, 6, 60)
    )
    keys = {"x": X, "y": Y, "row": ROW, "col": COL}
    axes = axes_of(frame, keys) | {"y": Axis.of(Y, [0.0, 0.1, 1.0, 10.0], "log")}
    full = steps_map(frame, axes)
    assert len(full) == 2 * 4 * 2 * 2
    known = full.loc[full["shown"] == "value", [*keys.values(), "median"]]
    assert known.to_numpy().tolist() == [[0.2, 0, 1e-3, 64, 50], [0.4, 1, 1e-2, 32, 60]]
    assert full["shown"].tolist().count("missing") == 30
    borders = {cell[Y]: (cell["y.low"], cell["y.high"]) for cell in full.to_dict("records")}
    assert 0 < borders[0.0][1] < borders[0.1][0] < borders[0.1][1] == borders[1.0][0]


def test_a_rule_moves_thresholds_and_budget() -> None:
    frame = runs_of("x train val", (0.2, 5, 50), (0.2, 6, 600))
    axes = axes_of(frame, {"x": X})
    (cell,) = steps_map(frame, axes, rule=Rule(budget=500)).to_dict("records")
    assert (cell["median"], cell["events"], cell["censored"], cell["high"]) == (50, 1, 1, 50)
    (cell,) = steps_map(frame, axes, rule=Rule(budget=40)).to_dict("records")
    assert (cell["shown"], cell["at_least"]) == ("censored", 40)
    recorded = frame.assign(**{"phase.train_accuracy": 0.9, "phase.val_accuracy": 0.9})
    (cell,) = steps_map(recorded, axes, rule=Rule(val_accuracy=0.97)).to_dict("records")
    assert (cell["shown"], cell["undecided"], cell["runs"]) == ("undecided", 2, 0)


def test_runs_that_recorded_different_thresholds_need_a_rule() -> None:
    frame = runs_of("x train val", (0.2, 5, 50), (0.2, 6, 60))
    mixed = frame.assign(**{"phase.val_accuracy": [0.9, 0.99]})
    with pytest.raises(InputError, match=r"phase.val_accuracy of 0.9 in one run and of 0.99"):
        steps_map(mixed, axes_of(frame, {"x": X}))


def test_a_frame_without_crossings_and_an_unknown_time_are_refused() -> None:
    frame = runs_of("x train val", (0.2, 5, 50))
    axes = axes_of(frame, {"x": X})
    with pytest.raises(InputError, match=r"needs the column\(s\) val_step; got"):
        steps_map(frame.drop(columns="val_step"), axes)
    with pytest.raises(InputError, match="of = 'steps': allowed are val, train, delay"):
        steps_map(frame, axes, "steps")
