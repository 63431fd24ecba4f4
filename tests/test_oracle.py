"""A run in a pack is what a plain loop of nn.Module and torch.optim makes of the same beginning.

The loop takes from phasegrok what a run starts from (initial parameters, split, labels, target
vectors) and which examples each step sees; everything after that is torch's own.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from phasegrok import InputError
from phasegrok.cells import Run
from phasegrok.engine import Given, Outcome, prepare
from phasegrok.engine.batches import batch_positions
from phasegrok.engine.prepare import Array, Prepared
from phasegrok.models.layers import BatchNorm, Dropout, LayerNorm
from phasegrok.observables import OBSERVABLES
from phasegrok.streams import seed_for
from tests.engine_cases import CASES, MODELS, Case, every_case, lanes, trained, with_config

# The largest difference of a parameter or observable, relative to max(1, its size), after STEPS.
TOLERANCE = 1e-8
STEPS = 50
# Every tensor must have moved by more than this share of its norm: standing still agrees too well.
MOVED = 0.01

COMPILED = (
    Case("gelu shared concat deep", "x-y", "cross_entropy", "adamw", 0.01, batch_size=12,
         group="embedding", warmup=True, clip=0.5, noise=True),
    Case("liu2022 matrix", "s3", "mse", "sgd", 0.5, group="decoder", warmup=True),
    Case("transformer nanda", "x+y", "mse", "adam", 0.01),
    Case("tanh vector_mlp", "teacher", "mse", "adamw", 0.01, sphere=True),
    Case("message_passing", "graphs", "mse", "adam", 0.01),
    Case("quadratic_mlp batch norm", "x*y", "mse", "sgd", 0.1, dropout=True),
)  # fmt: skip
REGRESSIONS = [case for case in CASES if case.task in ("teacher", "graphs")]


def scrambled(value: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The hash `lowbias32` (C. Wellons), of 32 bits."""
    low = np.uint64(2**32 - 1)
    value = value & low
    value = (value ^ (value >> np.uint64(16))) * np.uint64(0x7FEB352D) & low
    value = (value ^ (value >> np.uint64(15))) * np.uint64(0x846CA68B) & low
    return value ^ (value >> np.uint64(16))


class Masked(nn.Module):
    """Dropout of the elements that the run's seed, the step and their places say."""

    def __init__(self, rate: float, seed: int):
        super().__init__()
        self.rate, self.seed, self.step = rate, seed, 0

    def kept(self, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
        low, high = np.array([self.seed % 2**32, self.step ^ (self.seed >> 31)], dtype=np.uint64)
        number = scrambled(scrambled(low) ^ scrambled(high))
        for size in shape:
            number = scrambled(number[..., None] ^ scrambled(np.arange(size, dtype=np.uint64)))
        return number >= self.rate * 2**32 // 1

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        return x * torch.from_numpy(self.kept(tuple(x.shape))) / (1 - self.rate)


def by_torch(layer: nn.Module, name: str, prepared: Prepared) -> nn.Module:
    """The layer as PyTorch has it, or as it is."""
    if isinstance(layer, Dropout):
        rate = prepared.run.config["model"]["dropout"]
        return Masked(rate, seed_for(prepared.run.seed, f"dropout {name}"))
    width = len(layer.bias) if isinstance(layer, BatchNorm | LayerNorm) else 0
    if isinstance(layer, BatchNorm):
        return nn.BatchNorm1d(width)
    return nn.LayerNorm(width) if isinstance(layer, LayerNorm) else layer


@dataclass
class Plain:
    """One run by torch alone."""

    prepared: Prepared
    network: nn.Module
    labels: Tensor

    @classmethod
    def trained(cls, run: Run, given: Given | None = None) -> Plain:
        prepared = prepare(run, given)
        network = prepared.module
        for name, layer in list(network.named_modules()):
            if (plain := by_torch(layer, name, prepared)) is not layer:
                network.set_submodule(name, plain)
        network = network.double().train()
        names = dict(network.named_parameters())
        assert names.keys() == prepared.params.keys()
        network.load_state_dict(prepared.params, strict=False)
        plain = cls(prepared, network, prepared.labels)
        plain.train(run.config)
        return plain

    def train(self, config: Mapping[str, Any]) -> None:
        optimiser = _optimiser(self.network, config["optim"])
        warmup = config["optim"]["warmup_steps"]
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimiser, lambda step: min(step / warmup, 1.0) if warmup else 1.0
        )
        for step in range(config["train"]["steps"]):
            examples = self.prepared.train_indices
            if self.prepared.batch is not None:
                examples = examples[self._positions(step)]
            for layer in self.network.modules():
                if isinstance(layer, Masked):
                    layer.step = step
            optimiser.zero_grad()
            self.loss(config["train"]["loss"], examples).backward()
            if config["optim"]["clip_norm"] is not None:
                clip = config["optim"]["clip_norm"]
                torch.nn.utils.clip_grad_norm_(self.network.parameters(), clip)
            optimiser.step()
            schedule.step()
            if config["optim"]["fix_norm"]:
                self.rescale()

    @torch.no_grad()
    def rescale(self) -> None:
        start = torch.cat([p.flatten() for p in self.prepared.params.values()])
        now = torch.nn.utils.parameters_to_vector(self.network.parameters())
        for parameter in self.network.parameters():
            parameter.mul_(start.norm() / now.norm())

    def _positions(self, step: int) -> Tensor:
        if self.prepared.batches is not None:
            return self.prepared.batches[step % len(self.prepared.batches)]
        seed, indices = torch.tensor(self.prepared.batch_seed), self.prepared.train_indices
        data = {"batch_seed": seed, "train_indices": indices}
        return batch_positions(data, torch.tensor(step), self.prepared.batch)

    def loss(self, name: str, examples: Tensor) -> Tensor:
        outputs, labels = self.network(self.prepared.inputs[examples]), self.labels[examples]
        if name == "cross_entropy":
            return F.cross_entropy(outputs, labels)
        codebook = self.prepared.codebook
        if codebook is None:
            codebook = torch.eye(outputs.shape[1], dtype=torch.float64)
        return F.mse_loss(outputs, codebook[labels])

    @torch.no_grad()
    def observed(self, name: str) -> dict[str, float]:
        """The observables, each by its definition."""
        self.network.eval()
        train = self.prepared.train_indices
        val = torch.tensor([i for i in range(len(self.labels)) if i not in set(train.tolist())])
        norms = [p.norm() for p in self.network.parameters()]
        found = {
            "train_loss": self.loss(name, train).item(),
            "val_loss": self.loss(name, val).item(),
            "train_acc": self._accuracy(train),
            "val_acc": self._accuracy(val),
            "weight_norm": torch.stack(norms).norm().item(),
        }
        task = self.prepared.run.config["task"]
        if task["label_noise"]:
            noisy = math.floor(Fraction(str(task["label_noise"])) * len(train))
            found["corrupted_acc"] = self._accuracy(train[:noisy])
            found["clean_acc"] = self._accuracy(train[noisy:])
        adds = task.get("operation") in ("x+y", "x-y")
        if self.prepared.run.config["model"]["name"] == "quadratic_mlp" and adds:
            found["ipr"] = self._ipr()
        return found

    def _ipr(self) -> float:
        """Doshi et al. 2023: of both input rows and the output row of every neuron."""
        left, right, readout = (self.network.get_parameter(n) for n in ("left", "right", "readout"))
        power = torch.fft.rfft(torch.cat([left.T, right.T, readout])).abs().square()
        return (power.square().sum(dim=1) / power.sum(dim=1).square()).mean().item()

    def _accuracy(self, examples: Tensor) -> float:
        outputs = self.network(self.prepared.inputs[examples])
        if self.prepared.within is not None:
            assert self.prepared.codebook is not None
            errors = (outputs - self.prepared.codebook[self.labels[examples]]).square().mean(dim=1)
            return (errors < self.prepared.within).double().mean().item()
        if self.prepared.codebook is None:
            answers = outputs.argmax(dim=1)
        else:
            answers = torch.cdist(outputs, self.prepared.codebook).argmin(dim=1)
        return (answers == self.labels[examples]).double().mean().item()


def _optimiser(network: nn.Module, optim: Mapping[str, Any]) -> torch.optim.Optimizer:
    parts: dict[str, list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        parts.setdefault(name.split(".")[0], []).append(parameter)
    groups = [{"params": p, **optim["groups"].get(part, {})} for part, p in parts.items()]
    common = {"lr": optim["lr"], "weight_decay": optim["weight_decay"]}
    if optim["name"] == "sgd":
        return torch.optim.SGD(groups, **common, momentum=optim["momentum"])
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[optim["name"]]
    return kind(groups, **common, betas=tuple(optim["betas"]), eps=optim["eps"])


# ----------------------------------------------------------------------------------- comparison


def assert_agree(outcome: Outcome, plain: Plain, loss: str) -> None:
    assert outcome.state is not None
    assert outcome.state["done"] == STEPS
    for name, expected in plain.network.named_parameters():
        got, start = outcome.state["params"][name], plain.prepared.params[name]
        assert _difference(got, expected) < TOLERANCE, name
        assert (got - start).norm() > MOVED * start.norm(), f"{name} has hardly moved"
    for name, row in outcome.state["running"].items():
        assert _difference(row, plain.network.get_buffer(name)) < TOLERANCE, name
    observed = plain.observed(loss)
    assert {name for name in OBSERVABLES if outcome.row.get(name) is not None} == observed.keys()
    for name, value in observed.items():
        assert outcome.row[name] == pytest.approx(value, rel=TOLERANCE, abs=TOLERANCE), name


def _difference(got: Tensor, expected: Tensor) -> float:
    scale = expected.detach().abs().clamp(min=1.0)
    return ((got - expected.detach()).abs() / scale).max().item()


def differing(config: Mapping[str, Any], key: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf of a run's configuration."""
    for name, value in config.items():
        if isinstance(value, Mapping):
            yield from differing(value, f"{key}{name}.")
        else:
            yield f"{key}{name}", str(value)


@every_case
def test_a_run_in_a_pack_is_what_torch_makes_of_the_same_beginning(case):
    runs = lanes(case, steps=STEPS)
    ended = trained(runs, width=len(runs))
    looped = lanes(case, steps=STEPS, vectorise=False)
    ended_in_loop = trained(looped, width=len(looped))
    for run in runs:
        plain = Plain.trained(run)
        assert_agree(ended[run.run_id], plain, case.loss)
        assert_agree(ended_in_loop[run.run_id], plain, case.loss)


@pytest.mark.parametrize("case", COMPILED, ids=[case.name for case in COMPILED])
def test_a_run_in_a_compiled_pack_is_what_torch_makes_of_the_same_beginning(case):
    runs = lanes(case, steps=STEPS)
    ended = trained(runs, width=len(runs), compiled=True)
    for run in runs:
        assert_agree(ended[run.run_id], Plain.trained(run), case.loss)


# ------------------------------------------------------------------------ what the table covers


def test_the_cases_cover_every_model_loss_optimiser_and_option_at_least_twice():
    optimisers = {model: {c.optim for c in CASES if c.model == model} for model in MODELS}
    assert {model for model, used in optimisers.items() if len(used) < 2} == set()
    used = Counter(word for c in CASES for word in {c.optim, c.loss, *c.options})
    assert {word for word, count in used.items() if count < 2} == set()
    wanted = {"adamw", "adam", "sgd", "mse", "cross_entropy", "full batch", "minibatch"}
    assert used.keys() == wanted | {"group", "warmup", "clip", "noise", "sphere", "dropout"}
    assert {c.loss for c in CASES if c.model.startswith("liu2022")} == {"mse"}  # on a codebook


@every_case
def test_the_lanes_of_a_case_differ_in_every_number_that_lanes_may_differ_in(case):
    leaves = [dict(differing(run.config)) for run in lanes(case)]
    equal = {key for key in leaves[0] if len({leaf[key] for leaf in leaves}) < len(leaves)}
    numbers = {"optim.lr", "optim.weight_decay", "optim.betas", "optim.eps", "optim.momentum"}
    numbers |= {"model.init_scale", "seed", "split_seed"}
    numbers |= {"task.label_noise"} if case.noise else set()
    numbers |= {"model.dropout"} if case.dropout else set()
    numbers |= {"task.error_threshold"} if case in REGRESSIONS else set()
    numbers |= {"optim.warmup_steps"} if case.warmup else set()
    numbers |= {"optim.clip_norm"} if case.clip else set()
    numbers |= {f"optim.groups.{case.group}.{k}" for k in case.group_keys if case.group}
    assert equal & numbers == set()
    assert numbers <= leaves[0].keys()


@pytest.mark.parametrize("case", REGRESSIONS, ids=lambda case: case.name)
def test_the_threshold_of_a_lane_decides_which_of_its_answers_are_right(case):
    """Had each lane that of the one before or behind it, accuracies would be others."""
    plains = [Plain.trained(run) for run in lanes(case, steps=STEPS)]
    own, thresholds = zip(*[(p.observed("mse"), p.prepared.within) for p in plains], strict=True)
    for turned in (thresholds[1:] + thresholds[:1], thresholds[-1:] + thresholds[:-1]):
        for plain, other in zip(plains, turned, strict=True):
            plain.prepared = replace(plain.prepared, within=other)
        swapped = [plain.observed("mse") for plain in plains]
        assert [seen["val_loss"] for seen in swapped] == [seen["val_loss"] for seen in own]
        assert swapped != list(own)


@pytest.mark.parametrize("case", [c for c in CASES if c.clip], ids=lambda case: case.name)
def test_clipping_is_at_work_in_the_cases_that_use_it(case):
    (run,) = lanes(case, 1, steps=STEPS)
    optim = {**run.config["optim"], "clip_norm": None}
    clipped, loose = Plain.trained(run), Plain.trained(with_config(run, optim=optim))
    pairs = zip(clipped.network.parameters(), loose.network.parameters(), strict=True)
    assert all(_difference(*pair) > 1000 * TOLERANCE for pair in pairs)


# -------------------------------------------------------------------------- explicit beginnings


def _given(run: Run) -> Given:
    """An explicit beginning that differs in everything from what the run's seed gives."""
    drawn, rng = prepare(run), np.random.default_rng(5)
    examples, n_train = len(drawn.labels), len(drawn.train_indices)
    codebook = None
    if drawn.codebook is not None:
        codebook = rng.normal(size=drawn.codebook.shape)
    return Given(
        params={name: rng.normal(size=p.shape) / 3 for name, p in reversed(drawn.params.items())},
        train_indices=rng.permutation(examples)[:n_train],
        labels=rng.integers(6, size=examples),
        codebook=codebook,
        batches=rng.integers(n_train, size=(20, 7)),
    )


def _equal(got: Array | None, expected: Array | None) -> bool:
    if got is None or expected is None:
        return got is expected
    return bool(np.array_equal(np.asarray(got), np.asarray(expected)))


@pytest.mark.parametrize("name", ["liu2022 matrix", "tanh onehot"])
def test_a_given_beginning_is_taken_exactly_as_it_is(name):
    """Parameters without init_scale, indices in their order, batches again from the top."""
    case = next(c for c in CASES if c.model == name and c.optim == "sgd")
    runs = lanes(case, 2, steps=STEPS)
    given = {run.run_id: _given(run) for run in runs}
    ended = trained(runs, width=2, given=given)
    for run in runs:
        explicit, plain = given[run.run_id], Plain.trained(run, given[run.run_id])
        start = plain.prepared
        for key, value in (explicit.params or {}).items():
            assert _equal(start.params[key], value)
        for key in ("train_indices", "labels", "batches", "codebook"):
            assert _equal(getattr(start, key), getattr(explicit, key)), key
        assert_agree(ended[run.run_id], plain, case.loss)


def test_given_parameters_that_are_not_the_models_are_refused():
    (run,) = lanes(CASES[0], 1)
    params = dict(prepare(run).params)
    params["other"] = params.pop("left")
    params["readout"] = params["readout"].T
    with pytest.raises(InputError) as caught:
        prepare(run, Given(params=params))
    assert caught.value.faults == [
        "given params: left is missing, the model has [7, 13]",
        "given params: other is [7, 13], the model has no such parameter",
        "given params: readout is [7, 13], the model has [13, 7]",
    ]


def test_a_given_split_that_names_an_example_twice_is_refused():
    (run,) = lanes(CASES[0], 1)
    with pytest.raises(InputError, match="twice"):
        prepare(run, Given(train_indices=np.array([3, 4, 3])))
