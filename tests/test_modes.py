"""However a map is trained, its phases are the same: compiled, eager, in one lane or many, in
float32 or float64. Only a run on a boundary of the rule may change its phase, and every such run
is listed here. And a step that fails, or is only tried, leaves the lanes as they were.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils import _pytree as pytree

import phasegrok
from phasegrok.cells import Run
from phasegrok.engine import Mode, Pack, Watch, cpu_numerics, outcomes, prepare
from phasegrok.engine import lanes as lanes_module
from phasegrok.engine.lanes import Lanes
from phasegrok.phases import phase_of
from tests.engine_cases import CASES, MAP_RULE, NEVER_STOP, Case, lanes, trained, with_config
from tests.test_pack_invariance import boundary

# A run by its place in the sweep: train fraction, weight decay, seed.
Place = tuple[float, float, int]
Rows = dict[Place, dict[str, Any]]

FOUR = {"comprehension", "grokking", "memorization", "confusion"}
STOPPING = Watch(points_per_decade=0)
WHOLE = Watch(stop_train=None, stop_val=None, points_per_decade=0)


def rows_of(runs: Sequence[Run], mode: Mode, dtype: str, watch: Watch = STOPPING) -> Rows:
    """Every run of a map, trained in packs of one training-set size."""
    rows: Rows = {}
    with cpu_numerics():
        for _, group in groupby(runs, lambda run: run.config["task"]["train_fraction"]):
            typed = [with_config(r, train={**r.config["train"], "dtype": dtype}) for r in group]
            for outcome in outcomes(Pack(typed, mode, watch)):
                assert outcome.error is None, outcome.error
                config = outcome.run.config
                place = config["task"]["train_fraction"], config["optim"]["weight_decay"]
                rows[*place, outcome.run.seed] = outcome.row | {"status": outcome.status}
    return rows


def phases_of(rows: Rows) -> dict[Place, str]:
    return {place: phase_of(row, MAP_RULE) for place, row in rows.items()}


def on_boundary(rows: Rows) -> dict[Place, str]:
    """The runs within 2 % of a boundary of the rule, each with why."""
    return {place: why for place, row in rows.items() if (why := boundary(row))}


# ---------------------------------------------------------------------------- one map, many modes

# `quick` with three fractions: 24 runs, all four phases.
ON_BOUNDARY: dict[Place, str] = {
    (0.95, 0.2, 0): "the crossings are 35 steps apart",  # of 40 that make it grokking
}

MODES = (
    (Mode(1), "float32"),
    (Mode(2), "float32"),
    (Mode(16), "float32"),
    (Mode(16, compiled=True), "float32"),
    (Mode(1, compiled=True), "float64"),
)


def a_map() -> list[Run]:
    return phasegrok.runs("quick", ["sweep.x.num=3"])


@pytest.fixture(scope="module")
def reference() -> Rows:
    """Eager, float64, 16 lanes, no run stopped before its budget."""
    return rows_of(a_map(), Mode(16), "float64", WHOLE)


def test_the_map_has_every_phase_and_its_runs_on_a_boundary_are_those_listed(reference):
    assert len(reference) == 24
    assert set(phases_of(reference).values()) == FOUR
    assert on_boundary(reference) == ON_BOUNDARY


@pytest.mark.parametrize("mode, dtype", MODES, ids=[
    f"{('eager', 'compiled')[m.compiled]}, lanes {m.width}, {dtype}" for m, dtype in MODES
])  # fmt: skip
def test_phases_are_those_of_every_other_mode_but_for_runs_on_a_boundary(reference, mode, dtype):
    expected, found = phases_of(reference), phases_of(rows_of(a_map(), mode, dtype))
    assert found.keys() == expected.keys()
    differ = {place: found[place] for place in found if found[place] != expected[place]}
    assert differ.keys() <= ON_BOUNDARY.keys(), differ


# ------------------------------------------------------------------------- minibatches of vectors

VECTORS_ON_BOUNDARY: dict[Place, str] = {
    (0.3, 4, 0): "the crossings are 20 steps apart",  # as many as make it grokking
    (0.3, 0.2, 1): "its best val accuracy is 0.910",
}


def vectors() -> list[Run]:
    """Twelve runs of an ordinary network on real vectors, in batches of 16."""
    asked = ["task=gaussian_clusters", "task.p=null", "task.spread=0.25", "task.classes=4",
             "task.features=20", "task.examples=96", "model=vector_mlp", "model.width=24",
             "model.init_scale=3", "train=minibatch", "train.batch_size=16", "train.steps=200",
             "train.loss=cross_entropy", "sweep.x.values=[0.3,0.8]",
             "sweep.y.values=[0.2,4,45]"]  # fmt: skip
    return phasegrok.runs("quick", asked)


def test_phases_of_vectors_in_minibatches_are_the_same_compiled_and_eager():
    expected = rows_of(vectors(), Mode(6), "float64", WHOLE)
    assert on_boundary(expected) == VECTORS_ON_BOUNDARY
    assert set(phases_of(expected).values()) == {"comprehension", "grokking", "confusion"}
    for mode in (Mode(6), Mode(6, compiled=True)):
        found = phases_of(rows_of(vectors(), mode, "float32"))
        differ = {place for place, phase in phases_of(expected).items() if found[place] != phase}
        assert differ <= VECTORS_ON_BOUNDARY.keys()


# ------------------------------------------------------------------------------ stepping in place

EVERY_OPTIMISER = list({case.optim: case for case in CASES}.values())
every_optimiser = pytest.mark.parametrize("case", EVERY_OPTIMISER, ids=lambda case: case.optim)


def filled(runs: Sequence[Run], *, compiled: bool = False) -> Lanes:
    """A lane for each run."""
    found = Lanes(prepare(runs[0]), Mode(len(runs), compiled))
    for lane, run in enumerate(runs):
        found.fill(lane, prepare(run))
    return found


def changing(found: Lanes) -> tuple[Any, ...]:
    """All that training changes."""
    return found.params, found.slots, found.done


def copied(tensors: Any) -> Any:
    return pytree.tree_map(torch.clone, tensors)


def same(one: Any, other: Any) -> bool:
    pairs = zip(pytree.tree_leaves(one), pytree.tree_leaves(other), strict=True)
    return all(torch.equal(ours, theirs) for ours, theirs in pairs)


@pytest.mark.parametrize("method, call", [("_update", 2), ("_evaluate", 1)])
@every_optimiser
def test_a_step_that_fails_midway_leaves_the_lanes_as_they_were(monkeypatch, case, method, call):
    """The update that fails has already written its results where its arguments were."""
    runs = lanes(case, 2, dtype="float32")
    ours, expected = filled(runs), filled(runs)
    before, does, calls = copied(changing(ours)), getattr(ours, method), itertools.count(1)
    midway: list[Any] = []

    def failing(*arguments: Any) -> Tensor:
        result = does(*arguments)
        if next(calls) == call:
            midway.append(copied(changing(ours)))
            raise torch.OutOfMemoryError("no more")
        return result

    with monkeypatch.context() as patch:
        patch.setattr(ours, method, failing)
        with pytest.raises(torch.OutOfMemoryError):
            ours.advance(5)
    assert not same(midway[0], before)
    assert same(changing(ours), before)
    assert torch.equal(ours.advance(5), expected.advance(5))
    assert same(changing(ours), changing(expected))


@every_optimiser
def test_lanes_stay_where_they_are_in_memory(case: Case):
    found = filled(lanes(case, 2))
    addresses = [leaf.data_ptr() for leaf in pytree.tree_leaves(changing(found))]
    for _ in range(2):
        found.advance(3)
    assert [leaf.data_ptr() for leaf in pytree.tree_leaves(changing(found))] == addresses


@pytest.mark.parametrize("vectorise", [True, False])
def test_trying_a_users_own_network_leaves_the_lanes_untouched(monkeypatch, vectorise):
    own = {"name": "tests.test_own_networks:Own", "init_scale": 1.0}
    runs = [with_config(r, model=own) for r in lanes(CASES[0], 2, vectorise=vectorise)]
    tried: list[bool] = []
    try_out = lanes_module.try_out

    def watched(name: str, module: Any, recipe: Any, rows: Any, *rest: Any, **how: Any) -> None:
        before = copied(rows)
        try_out(name, module, recipe, rows, *rest, **how)
        tried.append(same(rows, before))

    monkeypatch.setattr(lanes_module, "_PROGRAMS", {})
    monkeypatch.setattr(lanes_module, "try_out", watched)
    started = filled(runs)
    assert tried == [True]
    assert same(started.state_of(1)["params"], prepare(runs[1]).params)
    assert started.done.tolist()[:2] == [0, 0]


def test_a_run_in_a_loop_over_lanes_comes_out_as_under_vmap():
    """In place, too: the loop's results are written where its arguments were."""
    runs = lanes(EVERY_OPTIMISER[0], 2, dtype="float64")
    vectorised, looped = (
        trained([with_config(r, train={**r.config["train"], "vectorise": v}) for r in runs], 2)
        for v in (True, False)
    )
    assert NEVER_STOP.stop_train is None
    for run_id, outcome in vectorised.items():
        other = looped[run_id].row
        for column in ("train_loss", "val_loss", "weight_norm"):
            assert other[column] == pytest.approx(outcome.row[column], rel=1e-9)


def test_lanes_of_several_sizes_take_turns_with_one_compiled_program(monkeypatch):
    """Where the guards of torch.compile are skipped, every shape still gets its own kernels."""
    monkeypatch.setattr(lanes_module, "_PROGRAMS", {})
    (run,) = lanes(Case("quadratic_mlp", "x+y", "mse", "adamw", 0.01), 1, dtype="float64")
    p = run.config["task"]["p"]
    # A training set as large as there are symbols, which a compiler may take for one size; larger.
    fractions = [size / p**2 for size in (p, 2 * p + 1, p * (p - 1))]
    runs = [with_config(run, task={**run.config["task"], "train_fraction": fraction})
            for fraction in fractions]  # fmt: skip
    with cpu_numerics():
        by_mode = [[filled([run], compiled=compiled) for run in runs]
                   for compiled in (True, False)]  # fmt: skip
        sizes = [found.data["train_labels"].shape[1] for found in by_mode[0]]
        assert sizes == [p, 2 * p + 1, p * (p - 1)]
        for _ in range(3):
            for compiled, eager in zip(*by_mode, strict=True):
                torch.testing.assert_close(compiled.advance(5), eager.advance(5),
                                           rtol=1e-9, atol=1e-12)  # fmt: skip
