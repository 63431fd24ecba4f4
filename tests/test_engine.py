"""The engine: minibatch streams, evaluation, crossings, isolation, compilation, own networks."""

from __future__ import annotations

import math
import pickle
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch._dynamo.utils import counters
from torch.func import vmap

from phasegrok import InputError
from phasegrok.cells import Run
from phasegrok.engine import Given, Mode, Pack, Watch, cpu_numerics, outcomes, prepare
from phasegrok.engine.batches import batch_positions, epoch_order
from phasegrok.engine.record import Record, on_curve
from phasegrok.streams import seed_for
from phasegrok.worker import train
from tests.engine_cases import CASES, NEVER_STOP, Case, lanes, small_map, trained, with_config

PLAIN = next(case for case in CASES if case.model == "quadratic_mlp" and case.optim == "adamw")
EVERY_EVALUATION = replace(NEVER_STOP, points_per_decade=0)

# ------------------------------------------------------------------------------------ minibatches

SEEDS = torch.tensor([seed_for(seed, "batches") for seed in range(400)])


def orders(seeds: Tensor, epochs: Tensor, n_train: int) -> Tensor:
    return vmap(lambda seed, epoch: epoch_order(seed, epoch, n_train))(seeds, epochs)


@pytest.mark.parametrize("n_train", [1, 2, 29, 1000])
def test_each_epoch_is_a_permutation_and_a_fresh_one(n_train):
    many = orders(SEEDS[:1].expand(50), torch.arange(50), n_train)
    assert torch.equal(many.sort(dim=1).values, torch.arange(n_train).expand(50, n_train))
    assert len(many.unique(dim=0)) >= min(math.factorial(min(n_train, 6)), 50)


def test_different_seeds_draw_different_orders():
    assert len(orders(SEEDS, torch.zeros_like(SEEDS), 29).unique(dim=0)) == len(SEEDS)


def test_orders_are_uniform():
    """Every order of three, and every pair of places among nine, comes up as often as others.

    The bounds are 5 standard deviations of a multinomial count.
    """
    epochs = torch.arange(100)
    seeds, epochs = SEEDS.repeat_interleave(len(epochs)), epochs.repeat(len(SEEDS))
    three = Counter(map(tuple, orders(seeds, epochs, 3).tolist()))
    assert len(three) == 6
    assert_even(three, 1 / 6)
    nine = orders(seeds, epochs, 9)
    for first, second in ((0, 1), (3, 4), (0, 8)):
        assert_even(
            Counter(zip(nine[:, first].tolist(), nine[:, second].tolist(), strict=True)), 1 / 72
        )


def assert_even(counts: Counter[Any], share: float) -> None:
    total = sum(counts.values())
    allowed = 5 * math.sqrt(total * share * (1 - share))
    assert len(counts) == round(1 / share)
    assert max(abs(count - total * share) for count in counts.values()) < allowed


def test_the_batches_of_an_epoch_are_disjoint_and_the_remainder_is_dropped():
    drawn = torch.stack([positions(SEEDS[0], torch.tensor(step)) for step in range(6)])
    assert drawn.shape == (6, 8)
    for epoch, batches in enumerate((drawn[:3], drawn[3:])):
        order = epoch_order(SEEDS[0], torch.tensor(epoch), 29)
        assert batches.flatten().tolist() == order[:24].tolist()


def test_a_batch_as_large_as_the_training_set_is_the_training_set():
    n_train = prepare(one_run(10)).train_total
    sizes = {None: None, 8: 8, n_train: None, n_train + 1: None}
    assert {size: prepare(one_run(10, batch_size=size)).batch for size in sizes} == sizes


def test_a_lane_draws_the_same_batches_alone_in_any_lane_and_compiled():
    seeds, steps = SEEDS[:5], torch.tensor([0, 2, 3, 1000, 10**6])
    alone = torch.stack([positions(*lane) for lane in zip(seeds, steps, strict=True)])
    assert torch.equal(vmap(positions)(seeds, steps), alone)
    assert torch.equal(vmap(positions)(seeds.flip(0), steps.flip(0)).flip(0), alone)
    assert torch.equal(torch.compile(vmap(positions), dynamic=False)(seeds, steps), alone)


def positions(seed: Tensor, done: Tensor) -> Tensor:
    data = {"batch_seed": seed, "train_indices": torch.arange(29)}
    return batch_positions(data, done, 8)


# --------------------------------------------------------------------- evaluation and what is kept


def one_run(steps: int, **train: Any) -> Run:
    """A run that groks: it crosses both thresholds within 100 steps."""
    run = next(r for r in small_map() if r.config["task"]["train_fraction"] == 0.9)
    return with_config(run, train={**run.config["train"], "steps": steps, **train})


def row_of(run: Run, watch: Watch = EVERY_EVALUATION) -> dict[str, Any]:
    return trained([run], 1, watch=watch)[run.run_id].row


def test_step_0_is_evaluated_before_any_update():
    run = one_run(10, dtype="float64")
    row, start = row_of(run), prepare(run)
    assert row["curve.step"] == [0, 5, 10]
    norm = math.sqrt(sum(p.square().sum().item() for p in start.params.values()))
    assert row["curve.weight_norm"][0] == pytest.approx(norm, rel=1e-12)


def test_a_run_that_starts_out_right_is_decided_at_step_0_with_its_weights_untouched():
    run = one_run(300)
    first = trained([run], 1)[run.run_id]
    assert first.state is not None
    params = first.state["params"]
    given = {run.run_id: Given(params=params)}
    again = trained([run], 1, given=given, watch=Watch())[run.run_id]
    assert again.status == "decided"
    assert [again.row[name] for name in ("steps", "train_step", "val_step")] == [0, 0, 0]
    assert again.state is not None
    assert all(torch.equal(again.state["params"][name], params[name]) for name in params)


def test_evaluating_more_often_changes_no_training_and_sharpens_the_crossings():
    rarely, often = (row_of(one_run(100, eval_every=every)) for every in (20, 1))
    assert rarely["weight_norm"] == often["weight_norm"]
    assert rarely["curve.train_loss"] == often["curve.train_loss"][::20]
    assert {rarely["train_step"], rarely["val_step"]} <= set(range(0, 101, 20))
    assert often["train_step"] < rarely["train_step"]
    assert often["val_step"] < rarely["val_step"]


def test_crossings_are_at_full_resolution_though_the_stored_curve_is_thinned():
    dense = row_of(one_run(100, eval_every=1))
    thin = row_of(one_run(100, eval_every=1), replace(NEVER_STOP, points_per_decade=3))
    assert len(thin["curve.step"]) < 12 < len(dense["curve.step"])
    for side in ("train", "val"):
        steps = zip(dense["curve.step"], dense[f"curve.{side}_acc"], strict=True)
        first = next(int(step) for step, accuracy in steps if accuracy >= 0.9)
        assert dense[f"{side}_step"] == thin[f"{side}_step"] == first
        assert thin[f"{side}_steps"] == dense[f"{side}_steps"]
    assert {dense["train_step"], dense["val_step"]} - set(thin["curve.step"])


def test_the_curve_of_a_longer_budget_begins_with_the_curve_of_a_shorter():
    watch = replace(NEVER_STOP, points_per_decade=8)
    short, long = (row_of(one_run(steps), watch) for steps in (155, 300))
    for name in (column for column in short if column.startswith("curve.")):
        *kept, last = short[name]
        assert kept == long[name][: len(kept)]
        assert name != "curve.step" or last == 155  # a curve ends with its run
    assert 155 not in long["curve.step"]


def test_the_curve_is_even_on_the_log_of_the_step():
    kept = [step for step in range(0, 100_001, 5) if on_curve(step, 5, 16)]
    assert kept[:2] == [0, 5]
    per_decade = [sum(5 * 10**k < step <= 5 * 10 ** (k + 1) for step in kept) for k in (2, 3)]
    assert per_decade == [16, 16]


@pytest.mark.parametrize("correct, crosses", [(8, False), (9, True), (10, True)])
def test_nine_right_answers_of_ten_reach_an_accuracy_of_nine_tenths(correct, crosses):
    record = Record(Watch(), train_total=10, val_total=10)
    record.add(5, [0.1, 0.1, correct, correct, 1.0], keep=True)
    assert record.decided() is crosses
    assert record.outcome()["train_step"] == (5 if crosses else None)


def test_a_crossing_is_the_first_one_though_the_run_falls_back():
    record = Record(NEVER_STOP, train_total=10, val_total=20)
    for step, correct in enumerate((3, 9, 2, 10)):
        record.add(step, [0.1, 0.1, correct, correct, 1.0], keep=True)
    row = record.outcome()
    assert row["train_step"] == 1
    assert row["train_steps"] == [1, 1, 1, 1, 3, 3, 3]
    assert row["val_steps"] == [3, None, None, None, None, None, None]
    assert row["max_val_acc"] == 0.5


# ---------------------------------------------------------------------------- what is left alone


@pytest.mark.parametrize("case", [c for c in CASES if c.batch_size and c.noise][:1])
def test_training_neither_reads_nor_moves_the_global_random_generators(case):
    runs = lanes(case, 2, steps=10)
    first = trained(runs, 2)
    torch.manual_seed(123)
    before = generators()
    second = trained(runs, 2)
    assert generators() == before
    assert {n: o.row for n, o in first.items()} == {n: o.row for n, o in second.items()}


def generators() -> tuple[Any, ...]:
    """The states of the generators that everybody shares."""
    numpys = pickle.dumps(np.random.get_state())
    return torch.get_rng_state().tolist(), numpys, random.getstate()


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("flush", [False, True])
def test_cpu_numerics_gives_the_caller_its_settings_back(threads, flush):
    old = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        torch.set_flush_denormal(flush)
        with pytest.raises(ZeroDivisionError):
            _fail_while_training()
        assert torch.get_num_threads() == threads
        assert _flushed() is flush
    finally:
        torch.set_num_threads(old)
        torch.set_flush_denormal(False)


def _fail_while_training() -> None:
    with cpu_numerics():
        assert torch.get_num_threads() == 1
        assert _flushed()
        raise ZeroDivisionError


def _flushed() -> bool:
    """Whether numbers too small to be normal are taken for zero."""
    return bool(torch.tensor(1e-310, dtype=torch.float64) * 1.0 == 0)


# ------------------------------------------------------------------------------------- compilation


SGD = {case.model: replace(case, optim="sgd", batch_size=None, group=None, warmup=False, clip=None)
       for case in CASES}  # fmt: skip
# A network of each family in which every training example has a place of its own.
FAMILIES = ("quadratic_mlp", "gelu slots concat", "relu onehot", "liu2022 vector", "vector_mlp",
            "transformer power")  # fmt: skip


def of_sizes(run: Run, fractions: Iterable[float]) -> list[Run]:
    """The run with other training sets: each of these fractions of all examples."""
    return [
        with_config(run, task={**run.config["task"], "train_fraction": fraction})
        for fraction in fractions
    ]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_program_is_compiled_once_for_every_training_set_size(family):
    """And trains on with it; which a second evaluation interval of every size shows."""
    assert _graphs_of_three_sizes(family) == 2  # a step and an evaluation


def test_one_network_needs_a_program_of_its_own_for_each_training_set_size():
    """Something in it depends on the size still: docs/sweeps.md says so."""
    assert _graphs_of_three_sizes("transformer nanda") == 4


def _graphs_of_three_sizes(family: str) -> int:
    counters.clear()
    (run,) = lanes(SGD[family], 1, steps=4, eval_every=2)
    model = {**run.config["model"], **({"blocks": 1} if "blocks" in run.config["model"] else {})}
    for one in of_sizes(with_config(run, model=model), (0.3, 0.5, 0.8)):
        (outcome,) = trained([one], 2, compiled=True).values()
        assert outcome.row["steps"] == 4
    return counters["stats"]["unique_graphs"]


def test_the_programs_of_a_process_are_compiled_whatever_came_before():
    counters.clear()
    with torch._dynamo.config.patch(recompile_limit=1):
        for loss in ("mse", "cross_entropy"):
            (run,) = lanes(Case("quadratic_mlp", "x+y", loss, "sgd", 0.01), 1, steps=1)
            (outcome,) = trained([run], 2, compiled=True).values()
            assert outcome.status == "finished"
    assert counters["stats"]["unique_graphs"] == 4


@pytest.fixture
def quickly_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dynamo decides what is compiled; this leaves out only the C++ that is made of it."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))
    monkeypatch.setattr("phasegrok.engine.lanes._PROGRAMS", {})


def test_a_network_compiled_for_every_size_anew_trains_at_more_sizes_than_dynamo_would_keep(
    quickly_compiled,
):
    run, _ = own_runs("Concatenating", eval_every=5)
    runs = of_sizes(run, [n / 49 for n in range(10, 31, 2)])
    assert len(runs) > torch._dynamo.config.recompile_limit
    counters.clear()
    for one in runs:
        (outcome,) = trained([one], 2, compiled=True).values()
        (eager,) = trained([one], 2).values()
        assert outcome.row["steps"] == 10
        assert outcome.row["train_loss"] == pytest.approx(eager.row["train_loss"], rel=1e-9)
    assert counters["stats"]["unique_graphs"] == len(runs) + 1


def test_a_network_compiled_again_and_again_for_one_size_is_refused(quickly_compiled):
    run, _ = own_runs("Counting")
    with pytest.raises(InputError, match="another program of it again and again") as caught:
        trained([run], 2, compiled=True)
    assert "train.compile=false" in str(caught.value)


# -------------------------------------------------------------------------------------- own models


class Own(nn.Module):
    """A network as a user writes one; the others below each do something that cannot work."""

    def __init__(self, symbols: int, outputs: int, width: int = 8):
        super().__init__()
        self.embedding = nn.Embedding(symbols, width)
        self.readout = nn.Linear(2 * width, outputs)

    def hidden(self, pairs: Tensor) -> Tensor:
        return torch.tanh(self.embedding(pairs).flatten(1))

    def forward(self, pairs: Tensor) -> Tensor:
        return self.readout(self.hidden(pairs))


class Concatenating(Own):
    """torch.compile makes a program of it for every number of examples."""

    def hidden(self, pairs: Tensor) -> Tensor:
        left, right = self.embedding(pairs[:, 0]), self.embedding(pairs[:, 1])
        return torch.tanh(torch.cat([left, right], dim=1))


class Counting(Own):
    """torch.compile makes a program of it for every call."""

    calls = 0

    def forward(self, pairs: Tensor) -> Tensor:
        self.calls += 1
        return super().forward(pairs) * (1 + 1 / self.calls)


class Branching(Own):
    def forward(self, pairs: Tensor) -> Tensor:
        hidden = self.hidden(pairs)
        if hidden.sum() > 0:
            hidden = -hidden
        return self.readout(hidden)


class Recurrent(Own):
    def __init__(self, symbols: int, outputs: int):
        super().__init__(symbols, outputs)
        self.lstm = nn.LSTM(8, 16, batch_first=True)

    def forward(self, pairs: Tensor) -> Tensor:
        return self.readout(self.lstm(self.embedding(pairs))[0][:, -1])


class Noisy(Own):
    def forward(self, pairs: Tensor) -> Tensor:
        return self.readout(nn.functional.dropout(self.hidden(pairs)))


class Narrow(Own):
    def forward(self, pairs: Tensor) -> Tensor:
        return super().forward(pairs).sum(dim=1)


class Broken(Own):
    def forward(self, pairs: Tensor) -> Tensor:
        return self.readout(self.hidden(pairs)[:, 1:])


class Normalised(Own):
    def __init__(self, symbols: int, outputs: int):
        super().__init__(symbols, outputs)
        self.norm = nn.BatchNorm1d(16)

    def hidden(self, pairs: Tensor) -> Tensor:
        return self.norm(super().hidden(pairs))


class Frozen(Own):
    def __init__(self, symbols: int, outputs: int):
        super().__init__(symbols, outputs)
        self.embedding.requires_grad_(False)


def own_runs(name: str, **train: Any) -> list[Run]:
    runs = lanes(PLAIN, 2, steps=10, **train)
    return [with_config(r, model={"name": f"{__name__}:{name}", "init_scale": 1.0}) for r in runs]


def test_a_users_own_network_trains_in_lanes_as_in_a_loop():
    vectorised, looped = (
        trained(own_runs("Own", vectorise=vectorise), 2) for vectorise in (True, False)
    )
    for name, outcome in vectorised.items():
        assert outcome.row["train_loss"] == pytest.approx(looped[name].row["train_loss"], rel=1e-9)


@pytest.mark.parametrize(
    "name, line, words",
    [
        ("Branching", "if hidden.sum() > 0:", "data-dependent control flow"),
        ("Recurrent", "self.lstm(self.embedding(pairs))", "aten::lstm"),
    ],
)
def test_an_own_network_that_does_not_run_under_vmap_gets_one_message_and_trains_without(
    name, line, words
):
    with pytest.raises(InputError) as caught:
        trained(own_runs(name), 2)
    (message,) = caught.value.faults
    assert message.startswith(f"model.name = {__name__}:{name}: it does not run under vmap (")
    assert words in message
    assert line in message
    assert "at test_engine.py:" in message
    assert message.endswith("; train.vectorise=false trains it without")
    assert "\n" not in message
    for outcome in trained(own_runs(name, vectorise=False), 2).values():
        assert outcome.row["steps"] == 10


@pytest.mark.parametrize("vectorise", [True, False])
@pytest.mark.parametrize(
    "name, words",
    [
        ("Noisy", "forward draws random numbers (dropout?)"),
        ("Narrow", "forward must give [49, 7] here, gives [49]"),
        ("Broken", "its forward fails (RuntimeError: mat1 and mat2"),
        ("Normalised", "forward changes its buffer norm.running_mean"),
        ("Frozen", "embedding.weight does not require a gradient"),
    ],
)
def test_an_own_network_that_cannot_be_trained_gets_one_message(name, words, vectorise):
    with pytest.raises(InputError) as caught:
        trained(own_runs(name, vectorise=vectorise), 2)
    (message,) = caught.value.faults
    assert message.startswith(f"model.name = {__name__}:{name}: {words}")


def test_a_group_that_is_no_part_of_an_own_network_is_named():
    groups = {"groups": {"embeding": {"lr": 1e-6}}}
    runs = [with_config(r, optim={**r.config["optim"], **groups}) for r in own_runs("Own")]
    with pytest.raises(InputError, match=r"embeding: no such part .* are embedding, readout"):
        trained(runs, 2)


def test_a_run_that_cannot_start_fails_alone():
    good, bad, other = lanes(PLAIN, 3, steps=10)
    given = {bad.run_id: Given(params={})}
    with cpu_numerics():
        ended = list(outcomes(Pack([good, bad, other], Mode(2), NEVER_STOP, given=given)))
    status = {outcome.run.run_id: outcome.status for outcome in ended}
    assert status == {good.run_id: "finished", bad.run_id: "failed", other.run_id: "finished"}


# ------------------------------------------------------------------------------ given beginnings


@pytest.mark.parametrize(
    "given, words",
    [
        ({"train_indices": range(49)}, "must be 1 to 48 of the 49 examples"),
        ({"train_indices": []}, "must be 1 to 48 of the 49 examples"),
        ({"train_indices": [3, 3]}, "an example stands in them twice"),
        ({"train_indices": [3, 49]}, "must be from 0 to 48, are from 3 to 49"),
        ({"train_indices": [-1, 3]}, "must be from 0 to 48, are from -1 to 3"),
        ({"labels": [0] * 48}, r"must have shape \[49\], has \[48\]"),
        ({"labels": [7] * 49}, "must be from 0 to 6, are from 7 to 7"),
        ({"codebook": np.ones((6, 7))}, r"must have shape \[7, 7\], has \[6, 7\]"),
        ({"batches": [0, 1]}, r"must be \[steps, batch\], not of shape \[2\]"),
        ({"batches": [[0, 29]]}, "must be from 0 to 28, are from 0 to 29"),
    ],
)
def test_a_given_beginning_that_does_not_fit_the_task_is_refused(given, words):
    ((name, value),) = given.items()
    beginning: dict[str, Any] = {name: np.array(value)}
    with pytest.raises(InputError, match=f"given {name}: {words}"):
        prepare(one_with(49, 29), Given(**beginning))


def one_with(examples: int, n_train: int) -> Run:
    (run,) = lanes(PLAIN, 1, steps=10)
    start = prepare(run)
    assert (len(start.labels), start.train_total) == (examples, n_train)
    return run


@pytest.mark.parametrize("key", ["batches", "codebook", "train_inputs"])
@pytest.mark.parametrize("first", [True, False])
def test_what_one_run_is_given_is_never_used_by_another(key, first):
    given, plain = lanes(PLAIN, 2, steps=10)
    own = {
        "batches": Given(batches=np.zeros((10, 4), dtype=np.int64)),
        "codebook": Given(codebook=2 * np.eye(7)),
        "train_inputs": Given(train_indices=np.arange(9)),
    }[key]
    runs = [given, plain] if first else [plain, given]
    with cpu_numerics():
        ended = list(outcomes(Pack(runs, Mode(2), NEVER_STOP, given={given.run_id: own})))
    status = {outcome.run.run_id: outcome.status for outcome in ended}
    assert status == {runs[0].run_id: "finished", runs[1].run_id: "failed"}
    (refused,) = [outcome.exception for outcome in ended if outcome.status == "failed"]
    assert isinstance(refused, InputError)
    assert f"run {runs[1].run_id}: {key} is " in str(refused)
    with pytest.raises(InputError, match=runs[1].run_id):
        train(runs, lanes=2, compiled=False, given={given.run_id: own})
