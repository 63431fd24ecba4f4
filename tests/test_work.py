"""The work of a run, as it is known without torch, is what torch counts when the run trains."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.cases import CASES, Case
from phasegrok import models, tasks, work
from phasegrok.cells import replaced
from phasegrok.engine import Mode, prepare
from phasegrok.engine.lanes import Lanes
from phasegrok.observables import FIRST

PAIRS = {"name": "binary_operation", "operation": "x+y", "p": 7, "pairs": "ordered",
         "train_fraction": 0.6}  # fmt: skip
VECTORS = {"name": "gaussian_clusters", "classes": 3, "features": 6, "examples": 30,
           "spread": 0.5, "data_seed": 0, "train_fraction": 0.6}  # fmt: skip
TEXTS = {"name": "planted_sentiment", "examples": 30, "length": 7, "train_fraction": 0.6,
         "sentiment_words": 3}  # fmt: skip

GRAPHS = {"name": "random_graphs", "examples": 30, "nodes": 7, "node_kinds": 3, "edge_kinds": 2,
          "data_seed": 0, "train_fraction": 0.6}  # fmt: skip
TASKS = {"pairs": PAIRS, "vectors": VECTORS, "tokens": TEXTS, "graphs": GRAPHS}

# The numbers are all different, so that no two can be taken for each other.
MODELS: dict[str, list[dict[str, Any]]] = {
    "quadratic_mlp": [{"width": 5}],
    "mlp": [
        {"width": 5},
        {"width": 5, "depth": 2, "combine": "sum", "activation": "gelu", "bias": False},
        {"width": 5, "embedding": "learned", "embedding_dim": 4},
        {"width": 5, "embedding": "learned", "embedding_dim": 4, "combine": "sum", "depth": 2},
        {"width": 5, "embedding": "learned", "embedding_dim": 4, "shared": False, "depth": 3},
    ],
    "liu2022_toy": [
        {"width": 5, "embedding": "vector", "embedding_dim": 1},
        {"width": 5, "embedding": "vector", "embedding_dim": 4},
        {"width": 5, "embedding": "matrix", "embedding_dim": 3},
    ],
    "transformer": [
        {"tokens": tokens, "blocks": blocks, "width": 6, "heads": heads, "mlp_width": 10, **other}
        for tokens in ("power", "nanda")
        for blocks in (1, 2, 3)
        for heads, other in (
            (2, {}),
            (3, {"norm": "none", "positions": "learned", "bias": True, "init": "nanda"}),
        )
    ],
    "vector_mlp": [{"width": 5, "depth": 1}, {"width": 5, "depth": 3, "bias": False}],
    "lstm": [{"embedding_dim": 4, "width": 5, "layers": layers} for layers in (1, 2, 3)],
    "message_passing": [{"width": 5, "pooled_width": 4}],
}


def configs() -> list[Any]:
    found = []
    for name, all_options in MODELS.items():
        task = TASKS[models.KINDS[name].reads]
        for options in all_options:
            config = {"task": task, "model": {"name": name, **options},
                      "train": {"batch_size": None}, "seed": 0}  # fmt: skip
            words = [str(value) for value in options.values()]
            found.append(pytest.param(config, id="-".join([name, *words])))
    return found


every_model = pytest.mark.parametrize("config", configs())


def counted(compute: Callable[[], Any]) -> int:
    with FlopCounterMode(display=False) as counter:
        compute()
    return counter.get_total_flops()


def network_and_inputs(config: Mapping[str, Any]) -> tuple[torch.nn.Module, torch.Tensor]:
    data = tasks.dataset(config["task"], config["seed"])
    inputs = torch.from_numpy(data.inputs.copy())
    inputs = inputs.float() if inputs.is_floating_point() else inputs
    return models.build(config["model"], data.sizes), inputs


def test_the_models_below_are_all_there_are() -> None:
    assert MODELS.keys() == models.KINDS.keys()


@every_model
@pytest.mark.parametrize("batch_size", [None, 4, 10_000])
def test_an_update_is_the_forward_and_backward_pass_of_a_training_batch(
    config: Mapping[str, Any], batch_size: int | None
) -> None:
    config = replaced(dict(config), {"train.batch_size": batch_size})
    network, inputs = network_and_inputs(config)
    batch = inputs[: min(batch_size or len(inputs), tasks.train_size(config["task"]))]
    known = work.of_run(config)
    assert known is not None and known.step > 0
    assert counted(lambda: network(batch).square().sum().backward()) == known.step


@every_model
def test_an_evaluation_is_the_forward_pass_of_the_whole_dataset(config: Mapping[str, Any]) -> None:
    network, inputs = network_and_inputs(config)
    known = work.of_run(config)
    assert known is not None and known.evaluation > 0
    with torch.no_grad():
        assert counted(lambda: network(inputs)) == known.evaluation


@pytest.mark.parametrize("case", CASES, ids=[case.key for case in CASES])
def test_the_engine_does_this_work_in_every_lane_and_no_other(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Products that an observable needs, as `ipr` does, are no work of the run."""
    monkeypatch.setattr("phasegrok.observables.of", lambda shared: FIRST)
    (run,) = case.runs(1, quick=True)
    lanes = Lanes(prepare(run), Mode(3))
    known, rows = work.of_run(run.config), len(lanes.done)  # a few spare rows, too
    assert known is not None and rows >= 3
    assert counted(lambda: lanes.advance(5)) == rows * (5 * known.step + known.evaluation)


def test_of_a_users_own_network_nothing_is_known() -> None:
    model = {"name": "torch.nn:Linear", "options": {}}
    assert work.of_run({"task": PAIRS, "model": model, "train": {}, "seed": 0}) is None
