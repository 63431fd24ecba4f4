"""What training leaves alone, and beginnings that it is given."""

from __future__ import annotations

import pickle
import random
from typing import Any

import numpy as np
import pytest
import torch

from phasegrok import InputError
from phasegrok.cells import Run
from phasegrok.engine import Given, Mode, Pack, cpu_numerics, outcomes, prepare
from phasegrok.worker import train
from tests.engine_cases import CASES, NEVER_STOP, lanes, trained

PLAIN = next(case for case in CASES if case.model == "quadratic_mlp" and case.optim == "adamw")


@pytest.mark.parametrize("case", [c for c in CASES if c.batch_size and c.noise][:1])
def test_training_neither_reads_nor_moves_the_global_random_generators(case):
    runs = lanes(case, 2, steps=10)
    first = trained(runs, 2)
    torch.manual_seed(123)
    before = generators()
    second = trained(runs, 2)
    assert generators() == before
    assert {n: o.row for n, o in first.items()} == {n: o.row for n, o in second.items()}


@pytest.mark.parametrize("model", ["liu2022 vector", "tanh vector_mlp"])
def test_runs_of_one_task_share_the_storage_of_their_inputs(model):
    """However many lanes there are, and though each has targets or a threshold of its own."""
    case = next(case for case in CASES if case.model == model)
    one, other = (prepare(run).inputs for run in lanes(case, 2))
    assert one.data_ptr() == other.data_ptr()
    (narrow,) = lanes(case, 1, dtype="float32")
    assert prepare(narrow).inputs.dtype in (torch.float32, torch.int64)


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
