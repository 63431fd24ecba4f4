"""What a run comes out as does not depend on the pack that it is trained in.

In one width on the CPU nothing moves by a bit: not by the lane, the neighbours, the order, a
refill or a resume. Across widths the kernels may differ in the last bits of a number, so there
float64 must agree within a tolerance and float32 must give the same phases.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import pytest
import torch
from torch import Tensor

from phasegrok.cells import Run
from phasegrok.engine import Mode, Outcome, Pack, Watch, cpu_numerics, outcomes
from phasegrok.phases import phase_of
from tests.engine_cases import (
    CASES,
    MAP_RULE,
    NEVER_STOP,
    Case,
    lanes,
    small_map,
    trained,
    with_config,
)

# Across widths: the largest difference of a parameter relative to max(1, its size), in float64,
# after HORIZON steps.
TOLERANCE = 1e-8
HORIZON = 50
WIDTHS = (1, 2, 64)

# A run is on a boundary of the phase map if an accuracy of its that decides is within this of its
# threshold, or a step that decides within this share of the budget of its limit.
NEAR = 0.02

# One case for every model; the table has two or more, which differ in loss and optimiser.
FAMILIES = tuple({case.model: case for case in CASES}.values())
every_family = pytest.mark.parametrize("case", FAMILIES, ids=[case.name for case in FAMILIES])
both_dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])

# A width, and budgets that end at different evaluations: lanes are refilled one at a time.
WIDTH = 3
BUDGETS = (8, 20, 12, 16, 20)


def some_runs(case: Case, **train: Any) -> list[Run]:
    """As many runs as there are budgets, each with its own."""
    runs = lanes(case, len(BUDGETS), eval_every=4, **train)
    return [
        with_config(run, train={**run.config["train"], "steps": steps})
        for run, steps in zip(runs, BUDGETS, strict=True)
    ]


def alone(runs: Iterable[Run], width: int, compiled: bool = False) -> dict[str, Outcome]:
    """Each run in the first lane of a pack of its own, the other lanes free."""
    ended = [trained([run], width, compiled=compiled) for run in runs]
    return {name: outcome for one in ended for name, outcome in one.items()}


def resumed(runs: Sequence[Run], width: int, compiled: bool = False) -> dict[str, Outcome]:
    """Stopped after three evaluations, saved, and gone on with by a new pack in another order."""
    mode = Mode(width, compiled)
    with cpu_numerics():
        first = Pack(runs, mode, NEVER_STOP)
        ended = [outcome for _ in range(3) for outcome in first.tick()]
        states = _through_a_file(first.state())
        assert {state["done"] for state in states.values()} > {0} or len(states) == width
        rest = sorted(first.unfinished(), key=lambda run: run.run_id)
        ended += outcomes(Pack(rest, mode, NEVER_STOP, states=states))
    return {outcome.run.run_id: outcome for outcome in ended}


def _through_a_file(states: Mapping[str, Any]) -> dict[str, Any]:
    file = io.BytesIO()
    torch.save(states, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def differences(one: Outcome, other: Outcome) -> list[str]:
    """The tensors of the last state and the result columns that are not equal to the last bit."""
    assert one.state is not None and other.state is not None
    ours, theirs = dict(_tensors(one.state)), dict(_tensors(other.state))
    assert ours.keys() == theirs.keys()
    differ = [name for name in ours if not torch.equal(ours[name], theirs[name])]
    differ += [] if one.status == other.status else ["status"]
    return differ + [name for name in one.row if one.row[name] != other.row[name]]


def _tensors(state: Mapping[str, Any]) -> Iterable[tuple[str, Tensor]]:
    yield from (state["params"] | state["running"]).items()
    for slot, rows in state["slots"].items():
        yield from ((f"{slot} of {name}", row) for name, row in rows.items())


def assert_same_bits(ended: Mapping[str, Outcome], expected: Mapping[str, Outcome]) -> None:
    assert ended.keys() == expected.keys()
    found = {name: differences(ended[name], expected[name]) for name in ended}
    assert {name: what for name, what in found.items() if what} == {}


# ------------------------------------------------------------------------------ within one width


@both_dtypes
@every_family
def test_bits_depend_on_neither_lane_nor_neighbours_nor_order_nor_refill_nor_resume(case, dtype):
    runs = some_runs(case, dtype=dtype)
    expected = alone(runs, WIDTH)
    assert_same_bits(trained(runs, WIDTH), expected)
    assert_same_bits(trained(runs[::-1], WIDTH), expected)
    assert_same_bits(resumed(runs, WIDTH), expected)


@pytest.mark.parametrize("width", [9, 13, 20])
def test_bits_do_not_depend_on_the_lane_where_a_kernel_splits_the_row_of_lanes(width):
    """A row of one number per lane is 9, 13, 20 long: whole vectors of 4 or 8, and a remainder.

    Kernels may take the remainder by another routine, whose last bit differs in a few per cent of
    all arguments; so the lanes behind the last whole vector train for a while.
    """
    case = next(c for c in CASES if c.model == "relu onehot" and c.optim == "adam")
    runs = lanes(case, width, steps=40, dtype="float64")
    expected = alone(runs[1:], width)
    together = trained(runs, width)
    assert_same_bits({name: together[name] for name in expected}, expected)


@both_dtypes
@pytest.mark.parametrize("batch_size", [1, 3])
def test_bits_do_not_depend_on_the_lane_where_a_lane_has_few_numbers(batch_size, dtype):
    """Then the remainder of an activation is several lanes long."""
    case = next(c for c in CASES if c.model.startswith("gelu") and c.loss == "cross_entropy")
    runs = some_runs(replace(case, batch_size=batch_size), dtype=dtype)
    runs = [with_config(run, model={**run.config["model"], "width": 4}) for run in runs]
    assert_same_bits(trained(runs, 5), alone(runs, 5))


COMPILED = (
    (Case("quadratic_mlp", "x+y", "mse", "adamw", 0.01), "float32"),
    (Case("tanh onehot", "x*y", "cross_entropy", "adam", 0.01, batch_size=9), "float64"),
)


@pytest.mark.parametrize("case, dtype", COMPILED, ids=[c.name for c, _ in COMPILED])
def test_bits_of_compiled_programs_depend_on_none_of_these_either(case, dtype):
    runs = some_runs(case, dtype=dtype)
    expected = alone(runs, WIDTH, compiled=True)
    assert_same_bits(trained(runs, WIDTH, compiled=True), expected)
    assert_same_bits(trained(runs[::-1], WIDTH, compiled=True), expected)
    assert_same_bits(resumed(runs, WIDTH, compiled=True), expected)


def test_bits_of_compiled_programs_do_not_depend_on_the_size_they_were_first_compiled_for(
    monkeypatch,
):
    """One program serves all training-set sizes; the first one must not shape its kernels."""
    (run,) = lanes(Case("quadratic_mlp", "x+y", "mse", "adamw", 0.01), 1, steps=20)
    runs = [
        with_config(run, task={**run.config["task"], "train_fraction": fraction})
        for fraction in (0.1, 0.9)
    ]
    ended = []
    for order in (runs, runs[::-1]):
        monkeypatch.setattr("phasegrok.engine.lanes._PROGRAMS", {})
        ended.append([trained([run], WIDTH, compiled=True) for run in order])
    assert_same_bits(ended[0][0], ended[1][1])
    assert_same_bits(ended[0][1], ended[1][0])


@both_dtypes
def test_a_run_that_diverges_is_a_result_and_leaves_its_neighbours_bits_alone(dtype):
    case = next(c for c in CASES if c.model == "quadratic_mlp" and c.optim == "sgd")
    runs = some_runs(case, dtype=dtype)
    wild = with_config(runs[0], optim={**runs[0].config["optim"], "lr": 1e30, "warmup_steps": 0})
    ended = trained([wild, *runs], WIDTH)
    outcome = ended.pop(wild.run_id)
    assert outcome.status == "diverged"
    assert 0 < outcome.row["steps"] < BUDGETS[0]
    assert_same_bits(ended, alone(runs, WIDTH))


# --------------------------------------------------------------------------------- across widths


@every_family
def test_across_widths_float64_agrees(case):
    runs = lanes(case, 3, steps=HORIZON, dtype="float64")
    one, *others = [trained(runs, width) for width in WIDTHS]
    for other, run in ((other, run) for other in others for run in runs):
        ours, theirs = one[run.run_id].state, other[run.run_id].state
        assert ours is not None and theirs is not None
        assert ours["done"] == HORIZON
        for name, value in ours["params"].items():
            scale = value.abs().clamp(min=1.0)
            difference = ((value - theirs["params"][name]).abs() / scale).max().item()
            assert difference < TOLERANCE, f"{name} at {other[run.run_id].run.run_id}"


def test_across_widths_float32_gives_the_same_phases_but_for_runs_on_a_boundary():
    runs = small_map()
    rows = {width: _rows(runs, width) for width in WIDTHS}
    phases = {width: {n: phase_of(r, MAP_RULE) for n, r in rows[width].items()} for width in WIDTHS}
    on_boundary = {run.run_id: reason for run in runs
                   if (reason := boundary(rows[1][run.run_id]))}  # fmt: skip
    differ = {
        run.run_id
        for run in runs
        if len({of_width[run.run_id] for of_width in phases.values()}) > 1
    }
    for run in runs:
        if run.run_id in on_boundary:
            print("on a boundary:", run.cell, "seed", run.seed, on_boundary[run.run_id])
    assert differ <= on_boundary.keys()
    assert 0 < len(on_boundary) < len(runs) / 2
    assert {"comprehension", "grokking", "memorization", "confusion"} == set(phases[1].values())


def _rows(runs: Sequence[Run], width: int) -> dict[str, dict[str, Any]]:
    """Every run to its budget with every evaluation in its curve."""
    watch = Watch(stop_train=None, stop_val=None, points_per_decade=0)
    ended: dict[str, Outcome] = {}
    for _, group in groupby(runs, lambda run: run.config["task"]["train_fraction"]):
        ended |= trained(list(group), width, watch=watch)
    return {name: outcome.row | {"status": outcome.status} for name, outcome in ended.items()}


def boundary(row: Mapping[str, Any]) -> str:
    """Why the phase of this run could be another one after a small disturbance; else ""."""
    reasons, budget = [], row["budget"]
    for side in ("train", "val"):
        best = max(row[f"curve.{side}_acc"])
        threshold = getattr(MAP_RULE, f"{side}_accuracy")
        if abs(best - threshold) <= NEAR:
            reasons.append(f"its best {side} accuracy is {best:.3f}")
        step = row[f"{side}_step"]
        if step is not None and step >= (1 - NEAR) * budget:
            reasons.append(f"{side} crosses at {step} of {budget} steps")
    if row["train_step"] is not None and row["val_step"] is not None:
        apart = row["val_step"] - row["train_step"]
        if abs(apart - MAP_RULE.gap_steps(budget)) <= NEAR * budget:
            reasons.append(f"the crossings are {apart} steps apart")
    return ", ".join(reasons)
