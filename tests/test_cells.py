"""What is asked: the values of an axis, the order of a grid, and the id that names a run."""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

import phasegrok
from phasegrok import cells
from phasegrok.cells import Config, axis_values, grid, lookup, replaced, run_id

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


# ------------------------------------------------------------------------------------------- runs


def composed(**more: Any) -> Config:
    """A composed configuration, as small as they come."""
    return {
        "task": {"name": "binary_operation", "operation": "x+y", "p": 7, "train_fraction": 0.5},
        "model": {"name": "quadratic_mlp", "width": 8, "init_scale": 1.0},
        "optim": {"name": "adamw", "lr": 0.01, "weight_decay": 1.0, "betas": [0.9, 0.98],
                  "groups": {}},
        "train": {"steps": 100, "batch_size": None, "eval_every": 5, "dtype": "float32",
                  "loss": "mse", "vectorise": True, "compile": "auto", "lanes": "auto",
                  "stop_when_decided": True, "stop_accuracy": None, "keep_state": False},
        "phase": {"name": "first_crossing", "train_accuracy": 0.9, "val_accuracy": 0.9,
                  "gap": 0.01},
        "launch": {"name": "local", "workers": "auto", "device": "auto"},
        "seeds": 2,
        "split_seed": None,
        "out": None,
        "reuse": [],
        "sweep": sweep(),
        **more,
    }  # fmt: skip


def ids(config: Mapping[str, Any]) -> list[str]:
    return [run.run_id for run in cells.runs(config)]


def test_every_cell_is_run_with_every_seed() -> None:
    runs = cells.runs(composed())
    assert len(runs) == len({run.run_id for run in runs}) == 2 * 3 * 2
    assert [run.seed for run in runs] == [0, 1] * 6
    last = runs[-1]
    assert last.cell == {"optim.lr": 0.2, "optim.betas.1": 0.999}
    assert last.index == {"x": 1, "y": 2}
    assert last.config["optim"] == {
        "name": "adamw",
        "lr": 0.2,
        "weight_decay": 1.0,
        "betas": [0.9, 0.999],
        "groups": {},
    }


def test_a_number_of_seeds_counts_from_zero_and_a_list_names_them() -> None:
    assert cells.seeds({"seeds": 3}) == [0, 1, 2]
    assert cells.seeds({"seeds": [5, 0]}) == [5, 0]


def test_the_split_has_the_seed_of_the_run_unless_it_has_its_own() -> None:
    assert [run.config["split_seed"] for run in cells.runs(composed())[:2]] == [0, 1]
    assert [run.config["split_seed"] for run in cells.runs(composed(split_seed=0))[:2]] == [0, 0]
    shared = [run.run_id for run in cells.runs(composed(split_seed=0))]
    assert [a == b for a, b in zip(ids(composed())[:4], shared, strict=False)] == [True, False] * 2


def test_more_seeds_or_cells_keep_the_ids_of_those_there_were() -> None:
    finer = sweep(x={"param": "optim.lr", "low": 0.1, "high": 0.2, "num": 5})
    assert set(ids(composed())) < set(ids(composed(sweep=finer)))
    assert set(ids(composed())) < set(ids(composed(seeds=5)))


def test_two_sweeps_that_share_a_cell_share_its_id() -> None:
    other = sweep(
        x={"param": "optim.weight_decay", "values": [1]},
        y={"param": "optim.betas.1", "values": [0.98]},
    )
    config = composed()
    in_other = composed(sweep=other, optim={**config["optim"], "lr": 0.2})
    assert set(ids(in_other)) < set(ids(config))


@pytest.mark.parametrize(
    "key, value",
    [
        ("train.steps", 10**6),
        ("train.vectorise", False),
        ("train.compile", True),
        ("train.lanes", 64),
        ("train.stop_when_decided", False),
        ("train.stop_accuracy", 0.99),
        ("train.keep_state", True),
        ("phase", {"name": "first_crossing", "train_accuracy": 1, "val_accuracy": 1, "gap": 3}),
        ("launch", {"name": "inline"}),
        ("out", "elsewhere"),
        ("reuse", ["elsewhere"]),
        ("sweep.name", "other"),
    ],
)
def test_what_says_how_where_or_how_judged_is_not_part_of_an_id(key: str, value: Any) -> None:
    assert ids(replaced(composed(), {key: value})) == ids(composed())


# ------------------------------------------------------------------------------------------- ids

# A run as it may be in any store. Change a value here and the test below has to follow.
GOLDEN: Config = {
    "task": {"name": "binary_operation", "operation": "x+y", "p": 23, "pairs": "ordered",
             "train_fraction": 0.45, "label_noise": 0.0},
    "model": {"name": "quadratic_mlp", "width": 128, "init_scale": 3.0},
    "optim": {"name": "adamw", "lr": 0.01, "weight_decay": 0.0533482941173, "betas": [0.9, 0.98],
              "eps": 1e-8, "momentum": None, "warmup_steps": 0, "clip_norm": None,
              "allow_overdecay": False, "groups": {"embedding": {"lr": 1e-3, "weight_decay": 0}}},
    "train": {"steps": 2000, "batch_size": None, "eval_every": 5, "dtype": "float32",
              "loss": "mse", "vectorise": True},
    "seed": 0,
    "split_seed": 0,
}  # fmt: skip


def test_an_id_stays_what_it_was() -> None:
    assert (cells.SEMANTICS, run_id(GOLDEN)) == (1, "7d3d43936e5ccb2a"), (
        "The ids of all runs have changed, so that no stored result will be found again. Where "
        "training changed its meaning, that is right: raise cells.SEMANTICS by one and put the "
        "new pair here. Where it did not, the canonical form of a configuration must stay."
    )


def test_an_id_is_a_hash_of_the_semantics_and_the_canonical_configuration() -> None:
    text = f"{cells.SEMANTICS}:{cells.canonical(GOLDEN)}"
    assert run_id(GOLDEN) == hashlib.sha256(text.encode()).hexdigest()[:16]
    assert json.loads(cells.canonical(GOLDEN))["task"] == GOLDEN["task"]


@pytest.mark.parametrize("name", ["quick", "lr_vs_wd", "liu2022_s3"])
def test_runs_made_together_have_the_ids_and_the_json_of_each_alone(name: str) -> None:
    encoded = cells.as_json()
    for run in phasegrok.runs(name, ["seeds=[4,1]"]):
        assert run.run_id == run_id(run.config)
        assert encoded(run.config) == json.dumps(run.config, sort_keys=True)


def test_new_semantics_give_new_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    before = run_id(GOLDEN)
    monkeypatch.setattr(cells, "SEMANTICS", cells.SEMANTICS + 1)
    assert run_id(GOLDEN) != before


def test_the_order_of_keys_does_not_count() -> None:
    def backwards(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {key: backwards(value[key]) for key in reversed(value)}

    assert list(backwards(GOLDEN)) != list(GOLDEN)
    assert run_id(backwards(GOLDEN)) == run_id(GOLDEN)


@pytest.mark.parametrize(
    "key, one, other",
    [
        ("optim.weight_decay", 1, 1.0),
        ("optim.weight_decay", 0, -0.0),
        ("optim.lr", 0.3, 0.1 + 0.2),
        ("optim.betas", [0.9, 0.98], (0.9, 0.98)),
        ("optim.groups.embedding.weight_decay", 0, 0.0),
        ("task.p", 23, 23.0),
    ],
)
def test_the_same_number_written_otherwise_is_the_same_run(key: str, one: Any, other: Any) -> None:
    assert run_id(replaced(GOLDEN, {key: one})) == run_id(replaced(GOLDEN, {key: other}))


def test_numbers_that_differ_in_the_12th_digit_are_different_runs() -> None:
    near = [0.123456789012, 0.123456789013]
    assert len({run_id(replaced(GOLDEN, {"optim.lr": value})) for value in near}) == 2


def test_true_is_not_one() -> None:
    flags = [run_id(replaced(GOLDEN, {"model.width": value})) for value in (1, True)]
    assert flags[0] != flags[1]


def test_a_null_key_does_not_count() -> None:
    """So that a setting added later, null by default, leaves old ids as they are."""
    later = replaced(GOLDEN, {"optim": {**GOLDEN["optim"], "dropout": None}})
    later = replaced(later, {"task": {**later["task"], "later": None}})
    assert run_id(later) == run_id(GOLDEN)
    without = {k: v for k, v in GOLDEN["optim"].items() if v is not None}
    assert run_id(replaced(GOLDEN, {"optim": without})) == run_id(GOLDEN)


def leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Every dotted key that holds no mapping and no list, with its value."""
    if isinstance(value, dict) and value:
        for name, item in value.items():
            yield from leaves(item, f"{key}.{name}" if key else name)
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from leaves(item, f"{key}.{position}")
    else:
        yield key, value


def another(value: Any) -> Any:
    """A value that differs from this one; of the same type where it has a meaning."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    return "another"


@pytest.mark.parametrize("name", ["quick", "liu2022_s3"])
def test_everything_that_can_change_a_result_changes_the_id(name: str) -> None:
    """Every leaf of a real run's configuration, but the few of which it is known otherwise."""
    config = phasegrok.runs(name)[0].config
    keys = dict(leaves(config))
    changed = {key: run_id(replaced(config, {key: another(v)})) for key, v in keys.items()}
    same = {key for key, other in changed.items() if other == run_id(config)}
    assert same == {"train.steps", "train.vectorise", "optim.allow_overdecay"}
    assert len(set(changed.values())) == len(keys) - len(same) + 1
    assert {"seed", "split_seed", "task.train_fraction", "optim.betas.1", "optim.lr"} < keys.keys()


# ---------------------------------------------------------------------------- one program for all

LANE_NUMBERS: dict[str, Any] = {
    "task.train_fraction": 0.7,
    "task.label_noise": 0.2,
    "model.init_scale": 1.5,
    "optim.lr": 0.1,
    "optim.weight_decay": 3.0,
    "optim.betas.0": 0.8,
    "optim.eps": 1e-6,
    "optim.warmup_steps": 10,
    "optim.groups.embedding.lr": 0.5,
    "train.steps": 7,
    "seed": 4,
    "split_seed": 9,
}
SHAPES: dict[str, Any] = {
    "task.p": 29,
    "task.operation": "x*y",
    "model.width": 64,
    "optim.name": "adam",
    "optim.clip_norm": 1.0,
    "optim.groups": {},
    "train.loss": "cross_entropy",
    "train.batch_size": 32,
    "train.eval_every": 1,
    "train.dtype": "float64",
}


@pytest.mark.parametrize("key", LANE_NUMBERS)
def test_runs_that_differ_in_a_lanes_own_numbers_share_a_program(key: str) -> None:
    other = replaced(GOLDEN, {key: LANE_NUMBERS[key]})
    assert cells.shared_part(other) == cells.shared_part(GOLDEN)


@pytest.mark.parametrize("key", SHAPES)
def test_runs_that_differ_in_shape_or_arithmetic_do_not(key: str) -> None:
    other = replaced(GOLDEN, {key: SHAPES[key]})
    assert cells.shared_part(other) != cells.shared_part(GOLDEN)
