"""The grid that frames of cells share: positions, cells without runs, borders."""

from __future__ import annotations

import pytest

from phasegrok.errors import InputError
from phasegrok.frames.grid import Axis, axes_of
from phasegrok.frames.places import cell_numbers, located, placed, require, some, whole
from tests.frames.cases import COL, ROW, X, Y, frame_of


def test_runs_are_placed_by_value_and_those_off_the_grid_drop_out() -> None:
    frame = frame_of("x y seed", (0.4, 1.0, 0), (0.3, 1.0, 1), (0.1 + 0.2, 10.0, 2), (0.2, 1.0, 3))
    axes = {"x": Axis.of(X, [0.2, 0.3]), "y": Axis.of(Y, [1.0, 10.0])}
    inside = placed(frame, axes)
    assert inside["seed"].tolist() == [1, 2, 3], "in their order"
    assert inside[["x.at", "y.at"]].to_numpy().tolist() == [[1, 0], [1, 1], [0, 0]]
    assert list(inside) == [X, Y, "seed", "x.at", "y.at"]
    assert list(placed(frame, axes, keep=["status", "seed", "seed"])) == ["seed", "x.at", "y.at"]
    assert list(frame) == [X, Y, "seed"], "the frame given stays as it is"


def test_an_index_that_repeats_itself_does_not_mix_runs_up() -> None:
    frame = frame_of("x seed", (0.1, 0), (0.2, 1), (0.3, 2)).set_index([[7, 7, 7]])
    inside = placed(frame, {"x": Axis.of(X, [0.2, 0.3])})
    assert inside[["seed", "x.at"]].to_numpy().tolist() == [[1, 0], [2, 1]]


def test_every_combination_of_four_axes_has_a_row_and_runs_know_theirs() -> None:
    rows = [(x, y, row, 16) for x in (0.1, 0.2) for y in (0.0, 1.0, 2.0) for row in (1e-3, 1e-2)]
    frame = frame_of("x y row col", *rows[::-1])
    axes = axes_of(frame, {"x": X, "y": Y, "row": ROW, "col": COL})
    full = located(whole(axes), axes)
    keys = [X, Y, ROW, COL]
    assert full[keys].to_numpy().tolist() == [list(row) for row in rows]
    number = cell_numbers(placed(frame, axes), axes)
    assert full.loc[number, keys].to_numpy().tolist() == frame[keys].to_numpy().tolist()


def test_borders_are_told_of_x_and_y_and_not_of_facets() -> None:
    axes = {"x": Axis.of(X, [0.2, 0.4, 0.8], "linear"), "row": Axis.of(ROW, [0.1])}
    full = located(whole(axes), axes)
    assert list(full) == ["x.at", "row.at", X, "x.low", "x.high", ROW]
    assert full["x.low"].tolist() == pytest.approx([0.1, 0.3, 0.6])
    assert full["x.high"].tolist() == pytest.approx([0.3, 0.6, 1.0])


def test_zero_on_a_log_axis_has_its_cell_below_the_rest() -> None:
    axes = {"x": Axis.of(Y, [0.0, 0.1, 1.0, 10.0])}
    full = located(whole(axes), axes)
    assert full[Y].tolist() == [0.0, 0.1, 1.0, 10.0]
    low, high = full["x.low"].tolist(), full["x.high"].tolist()
    assert 0 < low[0] < high[0] < low[1]


def test_a_lone_cell_and_one_of_names_have_borders_too() -> None:
    axes = {"x": Axis.of(X, [0.5]), "y": Axis.of("task.operation", ["x/y"])}
    (cell,) = located(whole(axes), axes).to_dict("records")
    assert (cell["x.low"], cell["x.high"], cell["y.low"], cell["y.high"]) == (0, 1, -0.5, 0.5)
    assert cell["task.operation"] == "x/y"


def test_what_is_not_there_is_told_with_what_there_is() -> None:
    frame = frame_of("x seed", (0.1, 0))
    with pytest.raises(InputError, match=rf"no column {Y}; the frame has {X}, seed"):
        placed(frame, {"x": Axis.of(X, [0.1]), "y": Axis.of(Y, [1.0])})
    with pytest.raises(InputError, match=f"no run lies on the axes {X}"):
        placed(frame, {"x": Axis.of(X, [0.2])})
    with pytest.raises(InputError, match="no column a, b"):
        require(frame, ["a", "seed", "b"])
    assert some(range(4), most=3) == "0, 1, 2, ..."
