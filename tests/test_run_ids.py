"""The runs that a configuration asks for, and the id of each: what changes it and what does not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

import phasegrok
from phasegrok import cells
from phasegrok.cells import Config, replaced, run_id
from tests.test_cells import sweep

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
        "store": {"weights": "none"},
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
        ("store", {"weights": "final"}),
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


def test_a_norm_that_is_not_fixed_is_no_setting_whether_null_or_false() -> None:
    free, fixed = (
        {**GOLDEN, "optim": {**GOLDEN["optim"], "fix_norm": value}} for value in (False, True)
    )
    assert run_id(free) == run_id(GOLDEN) != run_id(fixed)
    assert cells.shared_part(free) == cells.shared_part(GOLDEN) != cells.shared_part(fixed)


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
    "task.label_noise": 0.2,  # of which more is measured
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
    noisy = replaced(GOLDEN, {"task.label_noise": 0.1})
    other = replaced(noisy, {key: LANE_NUMBERS[key]})
    assert cells.shared_part(other) == cells.shared_part(noisy)


def test_where_data_lie_changes_no_program() -> None:
    here, there = (
        {**GOLDEN, "task": {"name": "mnist", "data": "mnist", "path": path}} for path in "ab"
    )
    assert cells.shared_part(here) == cells.shared_part(there)
    fashion = replaced(here, {"task.data": "fashion"})
    assert cells.shared_part(here) != cells.shared_part(fashion)


@pytest.mark.parametrize("key", SHAPES)
def test_runs_that_differ_in_shape_or_arithmetic_do_not(key: str) -> None:
    other = replaced(GOLDEN, {key: SHAPES[key]})
    assert cells.shared_part(other) != cells.shared_part(GOLDEN)
