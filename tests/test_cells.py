"""What is asked: the values of an axis, the order of a grid, and the keys of a configuration."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Mapping
from typing import Any

import pytest

from phasegrok import cells
from phasegrok.cells import Config, axis_values, grid, lookup, replaced

# ------------------------------------------------------------------------------------------- axes


def test_a_linear_axis_has_equal_steps_and_exact_ends() -> None:
    values = axis_values({"low": 0.2, "high": 0.9, "num": 15})
    assert values == [0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55,
                      0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9]  # fmt: skip


def test_a_log_axis_has_equal_ratios_and_exact_ends() -> None:
    values = axis_values({"low": 1e-5, "high": 1e-2, "num": 4, "scale": "log"})
    assert values == [1e-5, 1e-4, 1e-3, 1e-2]
    uneven = axis_values({"low": 0.03, "high": 30, "num": 13, "scale": "log"})
    assert (uneven[0], uneven[4], uneven[8], uneven[12]) == (0.03, 0.3, 3.0, 30.0)


@pytest.mark.parametrize("scale", ["linear", "log"])
@pytest.mark.parametrize("low, high", [(0.03, 30), (1 / 3, 0.7), (1e-5, 1e-2), (7, 97), (0.1, 0.3)])
@pytest.mark.parametrize("num", [2, 3, 7, 16, 101])
def test_an_axis_has_num_rising_values_of_12_digits_between_its_ends(
    scale: str, low: float, high: float, num: int
) -> None:
    values = axis_values({"low": low, "high": high, "num": num, "scale": scale})
    assert len(values) == num
    assert (values[0], values[-1]) == (float(f"{low:.12g}"), float(f"{high:.12g}"))
    assert values == [float(f"{value:.12g}") for value in values]
    assert all(a < b for a, b in itertools.pairwise(values))


def test_zero_stands_in_front_of_a_log_axis() -> None:
    axis = {"low": 0.01, "high": 1, "num": 3, "scale": "log", "zero": True}
    assert axis_values(axis) == [0.0, 0.01, 0.1, 1.0]
    assert axis_values({**axis, "zero": False}) == [0.01, 0.1, 1.0]


def test_an_axis_of_whole_values_holds_whole_numbers_zero_included() -> None:
    log = {"low": 1, "high": 100, "num": 3, "scale": "log", "zero": True}
    for axis, whole in (
        (log, [0, 1, 10, 100]),
        ({**log, "low": 1.0, "high": 1e2}, [0, 1, 10, 100]),
        ({"low": 16, "high": 128, "num": 4, "scale": "log"}, [16, 32, 64, 128]),
        ({"low": 0, "high": 10, "num": 11}, list(range(11))),
    ):
        assert axis_values(axis) == whole
        assert {type(value) for value in axis_values(axis)} == {int}
    broken = axis_values({"low": 1, "high": 2, "num": 3})
    assert broken == [1, 1.5, 2] and {type(value) for value in broken} == {float}


def test_an_axis_of_one_value_is_its_lower_end() -> None:
    assert axis_values({"low": 0.3, "high": 5, "num": 1}) == [0.3]
    assert axis_values({"low": 0.3, "high": 5, "num": 1, "scale": "log"}) == [0.3]


def test_listed_values_keep_their_order_and_their_types() -> None:
    assert axis_values({"values": [30, 0, 1.5]}) == [30, 0, 1.5]
    listed = axis_values({"values": ["adam", True, 7, None]})
    assert [type(value) for value in listed] == [str, bool, int, type(None)]


def test_listed_values_have_12_digits() -> None:
    assert axis_values({"values": [0.1 + 0.2, 1 / 3]}) == [0.3, 0.333333333333]


def test_values_win_over_the_ends_that_a_default_may_have_left() -> None:
    assert axis_values({"values": [3], "low": 0, "high": 1, "num": 5}) == [3]
    assert axis_values({"values": None, "low": 0, "high": 1, "num": 2}) == [0, 1]


# ------------------------------------------------------------------------------------------- grid


def sweep(**more: Any) -> Config:
    return {
        "name": "some",
        "x": {"param": "optim.lr", "values": [0.1, 0.2]},
        "y": {"param": "optim.betas.1", "values": [0.9, 0.98, 0.999]},
        **more,
    }


def positions(sweep: Mapping[str, Any]) -> list[tuple[int, ...]]:
    return [tuple(index.values()) for index in grid(sweep)]


def test_cells_come_in_the_order_x_y_row_col_with_the_last_axis_fastest() -> None:
    assert positions(sweep()) == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    col = {"param": "model.width", "values": [8, 16]}
    mixed_up = {"col": col, **dict(reversed(sweep().items()))}
    assert [list(index) for index in grid(mixed_up)] == [["x", "y", "col"]] * 12
    assert positions(mixed_up)[:3] == [(0, 0, 0), (0, 0, 1), (0, 1, 0)]


def test_an_axis_that_is_null_or_absent_is_no_axis() -> None:
    assert positions(sweep(row=None, col=None)) == positions(sweep())
    assert positions({"name": "none"}) == [()]


def test_zipped_axes_move_together() -> None:
    row = {"param": "optim.weight_decay", "values": [1, 2]}
    zipped = sweep(row=row, zip=["x", "row"])
    found = [(index["x"], index["row"], index["y"]) for index in grid(zipped)]
    assert found == [(0, 0, 0), (0, 0, 1), (0, 0, 2), (1, 1, 0), (1, 1, 1), (1, 1, 2)]
    cells_of = list(cells.cell_changes(zipped))
    assert cells_of[-1] == (
        {"x": 1, "row": 1, "y": 2},
        {"optim.lr": 0.2, "optim.weight_decay": 2, "optim.betas.1": 0.999},
    )


# ------------------------------------------------------------------------------------ dotted keys

NESTED: Config = {"a": {"b": [1, [2, 3]], "c": None}, "d": 4}


def test_lookup_follows_dots_into_mappings_and_lists() -> None:
    assert lookup(NESTED, "a.b.0") == 1
    assert lookup(NESTED, "a.b.1.1") == 3
    assert lookup(NESTED, "a.c") is None
    assert lookup(NESTED, "d") == 4
    assert lookup({"betas": (0.9, 0.98)}, "betas.1") == 0.98


@pytest.mark.parametrize("key", ["e", "a.e", "a.b.2", "a.b.-1", "a.b.x", "d.e", "a.c.d", "a.b.0.0"])
def test_lookup_of_a_key_that_is_not_there_is_a_key_error(key: str) -> None:
    with pytest.raises(KeyError):
        lookup(NESTED, key)


def test_replaced_is_a_copy_with_the_keys_set() -> None:
    before = copy.deepcopy(NESTED)
    changed = replaced(NESTED, {"a.b.1.0": 20, "d": {"new": 1}, "a.c": 5})
    assert changed == {"a": {"b": [1, [20, 3]], "c": 5}, "d": {"new": 1}}
    assert before == NESTED


def test_replaced_shares_what_it_leaves_alone() -> None:
    assert replaced(NESTED, {"d": 5})["a"] is NESTED["a"]


def test_replaced_does_not_make_new_keys() -> None:
    with pytest.raises(KeyError):
        replaced(NESTED, {"a.misspelt": 1})
