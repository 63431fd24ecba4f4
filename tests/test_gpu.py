"""On a GPU: CUDA graphs change no number, memory is never exceeded, phases are the CPU's."""

from __future__ import annotations

import functools
import importlib.util
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from phasegrok import load, sizing
from phasegrok.cells import Run
from phasegrok.engine import Mode, fitted, matmul_peak, prepare
from phasegrok.engine.graphs import Graph
from phasegrok.engine.lanes import Lanes
from phasegrok.engine.memory import SHARE, TRIED
from phasegrok.sweep import main
from phasegrok.worker import train
from tests import test_own_networks
from tests.engine_cases import CASES, MAP_RULE, lanes, with_config
from tests.test_modes import (
    ON_BOUNDARY,
    WHOLE,
    Place,
    a_map,
    changing,
    copied,
    every_optimiser,
    phases_of,
    rows_of,
    same,
)

CUDA = "cuda"
GIB = 2**30

# Numbers on a GPU in float64, of two ways that may sum in another order.
TOLERANCE = 1e-9


@pytest.fixture(autouse=True)
def a_gpu(require) -> Iterator[None]:
    require("cuda", torch.cuda.is_available(), "an NVIDIA GPU, and torch built for it")
    yield
    torch.cuda.empty_cache()


def filled(runs: Sequence[Run]) -> Lanes:
    """A lane on the GPU for each run."""
    found = Lanes(prepare(runs[0]), Mode(len(runs), device=CUDA))
    for lane, run in enumerate(runs):
        found.fill(lane, prepare(run))
    return found


def far_apart(one: Any, other: Any) -> float:
    """The largest difference, relative to max(1, size)."""
    pairs = zip(pytree.tree_leaves(one), pytree.tree_leaves(other), strict=True)
    return max(
        ((a.double() - b.double()).abs() / b.double().abs().clamp(min=1)).max().item()
        for a, b in pairs
    )


# ------------------------------------------------------------------------------------ CUDA graphs


def a_state() -> dict[str, Tensor]:
    return {"x": torch.linspace(-1, 1, 1000, device=CUDA), "n": torch.zeros((), device=CUDA)}


def updating(state: dict[str, Tensor]) -> Callable[[], None]:
    """An update in which every repeat and its place count."""

    def update() -> None:
        state["n"] += 1
        state["x"].mul_(0.9).add_(torch.sin(state["n"]))

    return update


@pytest.mark.parametrize("times", [1, 5, 7, 16, 17, 48])
def test_a_graph_does_what_its_updates_do_one_by_one_however_often(times):
    plain, replayed = a_state(), a_state()
    graph = Graph(updating(replayed), replayed)
    for _ in range(3):
        graph.repeat(times)
        for _ in range(times):
            updating(plain)()
        assert replayed["n"] == plain["n"]
        assert same(replayed, plain)
    assert graph._captured is not None


def test_capturing_leaves_the_state_as_it_was():
    state = a_state()
    before = copied(state)
    graph = Graph(updating(state), state)
    graph._capture(5)
    assert graph._captured is not None
    assert same(state, before)


def test_an_update_that_waits_for_the_gpu_is_done_one_by_one_and_said_once(caplog):
    plain, state = a_state(), a_state()
    update = updating(state)

    def waiting() -> None:
        update()
        assert state["n"].item() >= 1

    graph = Graph(waiting, state)
    with caplog.at_level(logging.WARNING, "phasegrok"):
        for _ in range(3):
            graph.repeat(4)
            for _ in range(4):
                updating(plain)()
            assert same(state, plain)
    after = a_state()  # the next network is captured all the same
    Graph(updating(after), after).repeat(12)
    assert same(after, plain)
    (warning,) = caplog.records
    assert warning.getMessage().startswith("no CUDA graph of this network (")


@every_optimiser
def test_lanes_that_replay_a_graph_come_out_as_lanes_that_step_one_by_one(case):
    runs = lanes(case, 3, dtype="float64")
    replaying, plain = filled(runs), filled(runs)
    for _ in range(3):
        replaying.advance(10)
        for _ in range(10):
            plain._update(plain.params, plain.slots, plain.done, plain.data, plain.hyper)
        assert replaying.done.tolist() == plain.done.tolist()
        assert far_apart(changing(replaying), changing(plain)) < TOLERANCE
    assert [graph._captured is not None for graph in replaying._graphs.values()] == [True]


class Waiting(test_own_networks.Own):
    """A network that asks the GPU for a number in the middle of its forward pass."""

    def forward(self, pairs: Tensor) -> Tensor:
        return super().forward(pairs) * (1.0 if pairs.sum().item() >= 0 else 2.0)


def test_a_network_that_waits_for_the_gpu_trains_as_on_a_cpu_and_is_named_once(caplog):
    own = {"name": f"{__name__}:Waiting", "init_scale": 1.0}
    runs = [
        with_config(run, model=own)
        for run in lanes(CASES[0], 2, steps=20, dtype="float64", vectorise=False)
    ]
    with caplog.at_level(logging.WARNING, "phasegrok"):
        on_gpu = train(runs, lanes=2, compiled=False, device=CUDA)
    assert sum("no CUDA graph" in record.getMessage() for record in caplog.records) == 1
    on_cpu = train(runs, lanes=2, compiled=False, device="cpu")
    for column in ("train_loss", "val_loss", "weight_norm"):
        assert on_gpu[column].tolist() == pytest.approx(on_cpu[column].tolist(), rel=1e-7)


# ---------------------------------------------------------------------------------------- memory


@pytest.fixture
def crowded(require) -> Iterator[int]:
    """All of the GPU's memory taken but 2 GiB; gives what is free then, in bytes."""
    torch.cuda.empty_cache()
    free, _ = torch.cuda.mem_get_info()
    require("cuda", free > 3 * GIB, "3 GiB of its memory free")
    ballast = torch.empty(free - 2 * GIB, dtype=torch.uint8, device=CUDA)
    yield torch.cuda.mem_get_info()[0]
    del ballast
    torch.cuda.empty_cache()


def test_lanes_never_exceed_the_memory_and_use_most_of_it(crowded):
    (run,) = lanes(CASES[0], 1)
    run = with_config(run, model={**run.config["model"], "width": 20_000})  # some MB a lane
    asked = Mode(1_000_000, device=CUDA)
    found = fitted(asked, run)
    assert TRIED < found.width < asked.width
    taken = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    Lanes(prepare(run), found).advance(10)  # or it raises torch.OutOfMemoryError
    peak = torch.cuda.max_memory_allocated() - taken
    assert SHARE * crowded / 4 < peak < crowded


def test_lanes_that_fit_are_left_as_they_were():
    (run,) = lanes(CASES[0], 1)
    for mode in (Mode(TRIED, device=CUDA), Mode(64, device=CUDA), Mode(64)):
        assert fitted(mode, run) == mode


def test_the_peak_of_a_gpu_is_measured():
    assert matmul_peak(CUDA) > 0


# ---------------------------------------------------------------------------------------- phases


@functools.cache
def of_a_cpu() -> dict[Place, str]:
    return phases_of(rows_of(a_map(), Mode(16), "float64", WHOLE))


def differing(mode: Mode, dtype: str) -> dict[Place, str]:
    """The phases that a mode gives and the CPU does not."""
    found = phases_of(rows_of(a_map(), mode, dtype))
    return {place: found[place] for place, phase in of_a_cpu().items() if found[place] != phase}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_phases_are_those_of_a_cpu_but_for_runs_on_a_boundary(dtype):
    assert differing(Mode(8, device=CUDA), dtype).keys() <= ON_BOUNDARY.keys()


def test_compiled_phases_are_those_of_a_cpu_but_for_runs_on_a_boundary(require):
    require("cuda", importlib.util.find_spec("triton"), "triton, to compile for it")
    found = differing(Mode(8, compiled=True, device=CUDA), "float32")
    assert found.keys() <= ON_BOUNDARY.keys()


def test_training_in_this_process_takes_the_gpu_that_is_asked_for():
    frame = train(a_map()[:8], device=CUDA, rule=MAP_RULE)
    assert set(frame["device"]) == {CUDA}
    assert "failed" not in set(frame["status"])


def test_a_sweep_in_this_process_trains_on_the_gpu_that_it_is_given_and_lets_it_go(tmp_path):
    before, last = torch.cuda.current_device(), sizing.visible_gpus()[-1]
    asked = ["launch=inline", f"launch.devices=[{last}]", f"out={tmp_path / 'quick'}"]
    assert main(["+sweep=quick", "seeds=1", "train.steps=20", *asked]) == 0
    assert set(load(tmp_path / "quick")["device"]) == {CUDA}
    assert torch.cuda.current_device() == before
