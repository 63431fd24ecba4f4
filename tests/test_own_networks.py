"""Networks of a user's own in the engine, in lanes and in a loop."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._dynamo.utils import counters

from phasegrok import InputError
from phasegrok.cells import Run
from phasegrok.engine import Given, Mode, Pack, cpu_numerics, outcomes
from phasegrok.models.layers import BatchNorm, Dropout
from tests.engine_cases import CASES, NEVER_STOP, lanes, of_sizes, trained, with_config

PLAIN = next(case for case in CASES if case.model == "quadratic_mlp" and case.optim == "adamw")


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


class Layered(Own):
    """Dropout and batch normalisation as they can be had."""

    def __init__(self, symbols: int, outputs: int):
        super().__init__(symbols, outputs)
        self.norm = BatchNorm(16)
        self.dropout = Dropout(0.3)

    def hidden(self, pairs: Tensor) -> Tensor:
        return self.dropout(self.norm(super().hidden(pairs)))


class Averaging(Own):
    """A buffer that is replaced, but that nobody carries."""

    def __init__(self, symbols: int, outputs: int):
        super().__init__(symbols, outputs)
        self.register_buffer("seen", torch.zeros(16))

    def hidden(self, pairs: Tensor) -> Tensor:
        hidden = super().hidden(pairs)
        self.seen = hidden.detach().mean(dim=0)
        return hidden


class Frozen(Own):
    def __init__(self, symbols: int, outputs: int):
        super().__init__(symbols, outputs)
        self.embedding.requires_grad_(False)


def own_runs(name: str, **train: Any) -> list[Run]:
    runs = lanes(PLAIN, 2, steps=10, **train)
    return [with_config(r, model={"name": f"{__name__}:{name}", "init_scale": 1.0}) for r in runs]


@pytest.mark.parametrize("name", ["Own", "Layered"])
def test_a_users_own_network_trains_in_lanes_as_in_a_loop(name):
    vectorised, looped = (
        trained(own_runs(name, vectorise=vectorise), 2) for vectorise in (True, False)
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
    assert "at test_own_networks.py:" in message
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
        ("Normalised", "forward changes its buffer norm.num_batches_tracked, norm.running_mean"),
        ("Averaging", "forward changes its buffer seen"),
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


# ----------------------------------------------------------------------------------- compiled


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
