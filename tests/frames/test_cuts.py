"""Cuts through a diagram along one axis."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from phasegrok.errors import InputError
from phasegrok.frames.cuts import cut
from phasegrok.frames.grid import Axis, axes_of
from phasegrok.phases import Rule, classify
from tests.frames.cases import BUDGET, COL, ROW, X, Y, runs_of

RULE = Rule(gap=100)


def told(*rows: tuple[Any, ...], columns: str = "x y train val") -> pd.DataFrame:
    frame = runs_of(columns, *rows)
    return frame.assign(phase=classify(frame, RULE))


@pytest.fixture
def frame() -> pd.DataFrame:
    return told(
        (0.2, 0.0, 10, None),
        (0.2, 0.0, 20, 900),
        (0.2, 0.0, 30, None),
        (0.4, 0.0, 10, 500),
        (0.4, 0.0, 10, 50),
        (0.8, 0.1, 10, 15),
        (0.2, 1.0, None, None),
    )


def test_a_cut_holds_one_line_of_the_diagram_with_its_missing_cells(frame: pd.DataFrame) -> None:
    axes = axes_of(frame, {"x": X, "y": Y})
    line = cut(frame, axes, "x", at={"y": 0.0})
    assert line[X].tolist() == [0.2, 0.4, 0.8] and set(line[Y]) == {0.0}
    first, second, third = line.to_dict("records")
    assert (first["p.memorization"], first["p.grokking"]) == pytest.approx((2 / 3, 1 / 3))
    assert (first["train"], first["train.low"], first["train.high"]) == (20, 10, 30)
    assert np.isnan(first["val"]) and first["val.at_least"] == BUDGET
    assert (first["val.low"], first["val.high"]) == (900, 900)
    assert (first["val.censored"], first["train.censored"], first["seeds"]) == (2, 0, 3)
    assert (second["shown"], second["val"]) == ("tie", 50)
    assert (second["val.low"], second["val.high"]) == (50, 500)
    assert (third["shown"], third["seeds"], third["val.censored"]) == ("missing", 0, 0)
    assert np.isnan(third["p.grokking"]) and np.isnan(third["val"])
    pd.testing.assert_frame_equal(line, cut(frame, axes, X, at={Y: 0.0}))


def test_what_is_not_fixed_gives_a_line_for_each_of_its_values(frame: pd.DataFrame) -> None:
    axes = axes_of(frame, {"x": X, "y": Y})
    lines = cut(frame, axes)
    assert lines[[Y, X]].to_numpy().tolist() == [
        [y, x] for y in (0.0, 0.1, 1.0) for x in (0.2, 0.4, 0.8)
    ]
    up = cut(frame, axes, "y", at={"x": 0.2})
    assert up[Y].tolist() == [0.0, 0.1, 1.0]
    assert up["shown"].tolist() == ["memorization", "missing", "confusion"]
    one = cut(frame, {"x": axes["x"]})
    assert one["seeds"].tolist() == [4, 2, 1]


def test_a_cut_through_four_axes_keeps_the_borders_of_the_whole_diagram() -> None:
    frame = told(
        (0.2, 0.0, 1e-3, 64, 5, 50),
        (0.4, 1.0, 1e-2, 32, 6, 60),
        columns="x y row col train val",
    )
    axes = axes_of(frame, {"x": X, "y": Y, "row": ROW, "col": COL})
    axes["y"] = Axis.of(Y, [0.0, 0.1, 1.0], "log")
    line = cut(frame, axes, "y", at={"x": 0.2, "row": 1e-3, COL: 64})
    assert line[Y].tolist() == [0.0, 0.1, 1.0]
    assert line["val"].tolist() == pytest.approx([50, np.nan, np.nan], nan_ok=True)
    assert line["y.high"].tolist()[0] < line["y.low"].tolist()[1]


def test_a_rule_judges_phases_and_steps(frame: pd.DataFrame) -> None:
    axes = axes_of(frame, {"x": X, "y": Y})
    short = Rule(gap=100, budget=400)
    line = cut(frame.drop(columns="phase"), axes, "x", {"y": 0.0}, short)
    assert line["p.memorization"].tolist() == pytest.approx([1, 0.5, np.nan], nan_ok=True)
    assert line["val.at_least"].tolist()[0] == 400
    assert line["val.censored"].tolist() == [3, 1, 0]


def test_what_is_not_on_the_axes_is_refused_with_what_is(frame: pd.DataFrame) -> None:
    axes = axes_of(frame, {"x": X, "y": Y})
    with pytest.raises(InputError, match=rf"z is no axis; there are x \({X}\), y \({Y}\)"):
        cut(frame, axes, "z")
    with pytest.raises(InputError, match=r"weight_decay = 0.2 is not on its axis; .* 0.0, 0.1, 1"):
        cut(frame, axes, "x", at={"y": 0.2})
    with pytest.raises(InputError, match="the cut runs along it"):
        cut(frame, axes, "x", at={X: 0.2})
    with pytest.raises(InputError, match="no column phase"):
        cut(frame.drop(columns="phase"), axes)
    wider = axes | {"y": Axis.of(Y, [0.0, 0.1, 1.0, 10.0])}
    with pytest.raises(InputError, match=f"no run has {Y} = 10"):
        cut(frame, wider, "x", at={"y": 10})
