"""The lanes of a program: stacked tensors, one row per lane, filled and refilled in place.

Shapes: every tensor of params, slots, data (but the shared inputs) and hyper has the lane axis
first. A free lane holds an old run that nobody reads; it costs time and changes nothing.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from phasegrok import models, optim, tasks
from phasegrok.cells import shared_part
from phasegrok.engine.graphs import Graph
from phasegrok.engine.prepare import Prepared
from phasegrok.engine.step import (
    BUFFER,
    SHARED,
    Arguments,
    Evaluate,
    Recipe,
    Recompiling,
    Update,
    compiling,
    program,
    unguarded,
)
from phasegrok.engine.trial import check_parts, try_out
from phasegrok.errors import InputError
from phasegrok.models import layers
from phasegrok.optim import Slots, Tensors


@dataclass(frozen=True)
class Mode:
    """How lanes are run, which may move results in the last bits; on a CPU fixed in the plan.

    width: lanes in one program, on a GPU no more than fit. compiled: torch.compile, else eager.
    device: a torch device.
    """

    width: int
    compiled: bool = False
    device: str = "cpu"


class Lanes:
    """`mode.width` runs of equal shapes training side by side."""

    def __init__(self, first: Prepared, mode: Mode):
        self.mode = mode
        self.width = mode.width
        rows = mode.width + _spare_rows(first, mode)
        self.params = _stacked(first.params, rows, mode.device)
        self.slots: Slots = optim.init(first.run.config["optim"]["name"], self.params)
        self.done = torch.zeros(rows, dtype=torch.int64, device=mode.device)
        self.data = _stacked(_lane_data(first), rows, mode.device)
        self.data["inputs"] = first.inputs.to(mode.device)
        self.running = {name: self.data[f"{BUFFER}{name}"] for name in layers.running(first.module)}
        self.hyper = _stacked(_hyper_tensors(first), rows, mode.device)
        everything = self.params, self.slots, self.done, self.data, self.hyper
        self._name: str = first.run.config["model"]["name"]
        made = _program(first, everything, mode)
        self._update, self._evaluate, self._shapes = made.update, made.evaluate, made.shapes
        self._graphs: dict[int, Graph] = {}
        self._proven = False

    def fill(self, lane: int, prepared: Prepared, state: Mapping[str, Any] | None = None) -> None:
        """Put a run into a lane, at its beginning or where `state` (of `state_of`) left it.

        Raises:
            InputError: the run has other tensors than those the lanes were made for.
        """
        data = _lane_data(prepared)
        self._refuse_others(prepared.run.run_id, data)
        state = state or {"params": prepared.params, "slots": None, "done": 0}
        for key, row in state["params"].items():
            self.params[key][lane].copy_(row)
        for slot, rows in self.slots.items():
            for key, row in rows.items():
                row[lane] = 0 if state["slots"] is None else state["slots"][slot][key]
        self.done[lane] = state["done"]
        for key, row in data.items():
            self.data[key][lane].copy_(row)
        for key, row in state.get("running", {}).items():
            self.running[key][lane].copy_(row)
        for key, row in _hyper_tensors(prepared).items():
            self.hyper[key][lane].copy_(row)

    def _refuse_others(self, name: str, data: Tensors) -> None:
        ours = {k: list(v.shape[1:]) for k, v in self.data.items() if k not in SHARED}
        theirs = {k: list(v.shape) for k, v in data.items()}
        if ours != theirs:
            raise InputError(
                f"run {name}: {key} is {theirs.get(key, 'not given')}, but "
                f"{ours.get(key, 'not given')} in the runs beside it; give it to all runs that "
                "train side by side, in one shape, or train them apart"
                for key in sorted(ours | theirs)
                if ours.get(key) != theirs.get(key)
            )

    def state_of(self, lane: int) -> dict[str, Any]:
        """A copy of a lane's training state on the CPU, from which `fill` goes on bit for bit."""
        return {
            "params": _row(self.params, lane),
            "slots": {slot: _row(rows, lane) for slot, rows in self.slots.items()},
            "running": _row(self.running, lane),
            "done": int(self.done[lane]),
        }

    def advance(self, steps: int) -> Tensor:
        """Every lane does `steps` updates; the observables afterwards (see `observe`).

        If that fails, for lack of memory say, the lanes are as they were before. (On a CPU only the
        first time: what fitted once fits again, and the copy would take as long as a step.)
        """
        if self._proven and not self.done.is_cuda:
            with unguarded() if self.mode.compiled else nullcontext():
                self._train(steps)
                return self._observed()
        state = self._state()
        before = pytree.tree_map(torch.clone, state)
        try:
            with self._compiling():
                self._train(steps)
                values = self._observed()
        except BaseException:
            pytree.tree_map(Tensor.copy_, state, before)
            raise
        self._proven = True
        return values

    def _state(self) -> tuple[Tensors, Slots, Tensor, Tensors]:
        """What a step changes."""
        return self.params, self.slots, self.done, self.running

    def _train(self, steps: int) -> None:
        if self.done.is_cuda:
            if steps not in self._graphs:
                # No method of these lanes: they would hold each other, and much memory, too long.
                update = functools.partial(
                    self._update, self.params, self.slots, self.done, self.data, self.hyper
                )
                self._graphs[steps] = Graph(update, self._state())
            self._graphs[steps].repeat(steps)
        else:
            for _ in range(steps):
                self._update(self.params, self.slots, self.done, self.data, self.hyper)

    def observe(self) -> Tensor:
        """All observables of all lanes, float64 [width, observables], on the CPU."""
        with self._compiling():
            return self._observed()

    def _observed(self) -> Tensor:
        return self._evaluate(self.params, self.data)[: self.width].cpu()

    @contextmanager
    def _compiling(self) -> Iterator[None]:
        if not self.mode.compiled:
            yield
            return
        try:
            with compiling(len(self._shapes)):
                yield
        except Recompiling as error:
            raise InputError(
                f"model.name = {self._name}: torch.compile makes another program of it again and "
                "again, though the shapes are the same; train.compile=false trains it without"
            ) from error


# Eager CPU kernels take numbers by two vectors of up to 16; what is left goes to a remainder loop.
_MOST_LEFT = 31


def _spare_rows(first: Prepared, mode: Mode) -> int:
    """Rows behind the lanes that nobody reads.

    A kernel's remainder loop has other transcendentals, which differ in the last bit, and it gets
    the end of the last row or, where rows are short, the last rows. These must not be lanes. A
    row of an activation has at least one number for each example of a step.
    """
    if mode.compiled or mode.device != "cpu":
        return 0
    return math.ceil(_MOST_LEFT / (first.batch or first.train_total))


def _stacked(row: Mapping[str, Tensor], rows: int, device: str) -> Tensors:
    return {k: v.to(device).expand(rows, *v.shape).clone() for k, v in row.items()}


def _row(rows: Tensors, lane: int) -> Tensors:
    return {key: value[lane].to("cpu", copy=True) for key, value in rows.items()}


def _lane_data(prepared: Prepared) -> Tensors:
    """What a lane reads while it trains, apart from the shared inputs."""
    indices = prepared.train_indices
    data = {
        "labels": prepared.labels,
        "in_train": prepared.in_train,
        "batch_seed": torch.tensor(prepared.batch_seed),
    }
    if prepared.batch is None:
        data["train_inputs"] = prepared.inputs[indices]
        data["train_labels"] = prepared.labels[indices]
    else:  # the inputs themselves are shared by all lanes
        data["train_indices"] = indices
    if prepared.corrupted is not None:
        data["corrupted"] = prepared.corrupted
    if prepared.codebook is not None:
        data["codebook"] = prepared.codebook
    if prepared.within is not None:
        data["within"] = torch.tensor(prepared.within, dtype=torch.float64)
    if prepared.batches is not None:
        data["batches"] = prepared.batches
    return data | {f"{BUFFER}{k}": v for k, v in prepared.buffers.items()}


def _hyper_tensors(prepared: Prepared) -> Tensors:
    return {k: torch.tensor(v, dtype=torch.float64) for k, v in prepared.hyper.items()}


# ------------------------------------------------------------------- one program per kind of run


@dataclass
class _Program:
    """`shapes`: those of the data that lanes were made for, one for each training-set size."""

    update: Update
    evaluate: Evaluate
    shapes: set[tuple[torch.Size, ...]] = field(default_factory=set)


# A worker trains many packs of one kind; what torch.compile made for the first serves them all.
_PROGRAMS: dict[str, _Program] = {}


def _program(first: Prepared, rows: Arguments, mode: Mode) -> _Program:
    config, data = first.run.config, rows[3]
    ways = mode.width, mode.compiled, mode.device
    kind = json.dumps([shared_part(config), *ways, sorted(data), first.observables])
    if kind not in _PROGRAMS:
        train = config["train"]
        batch_size = train.get("batch_size")
        recipe = Recipe(train["loss"], config["optim"]["name"], batch_size, first.observables)
        vectorise = train.get("vectorise", True)
        compiled = mode.compiled and vectorise
        module = first.module.to(mode.device)
        name = config["model"]["name"]
        if name not in models.KINDS:
            check_parts(name, module, config["optim"].get("groups") or {})
            wanted = tasks.dataset(config["task"], config["seed"]).outputs
            try_out(name, module, recipe, rows, wanted, vectorise=vectorise)
        made = program(module, recipe, data, compiled=compiled, vectorise=vectorise)
        _PROGRAMS[kind] = _Program(*made)
    _PROGRAMS[kind].shapes.add(tuple(data[key].shape for key in sorted(data)))
    if mode.compiled:
        for key in {"train_inputs", "train_labels", "train_indices"} & data.keys():
            torch._dynamo.maybe_mark_dynamic(data[key], 1)
    return _PROGRAMS[kind]
