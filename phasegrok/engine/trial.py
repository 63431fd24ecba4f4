"""A user's own network is tried before a pack trains with it, so that a fault has one message."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils import _pytree as pytree

from phasegrok import models
from phasegrok.engine.step import Arguments, Recipe, own_buffers, program
from phasegrok.errors import InputError
from phasegrok.models import layers
from phasegrok.optim import Tensors

# Code below these folders is not the user's.
_NOT_THE_USERS = (Path(torch.__file__).parent, Path(__file__).parent.parent)


def try_out(
    name: str, module: nn.Module, recipe: Recipe, lanes: Arguments, outputs: int, *, vectorise: bool
) -> None:
    """Evaluate and take one step, as single runs and then, to `vectorise`, under vmap.

    Args:
        name: the network's `model.name`.
        lanes: all tensors of at least one lane; params, slots, step and hyper stay as they are.
        outputs: the width that the network's output must have.

    Raises:
        InputError: the network fails, gives an output of another shape, draws random numbers, or
            does not run under vmap.
    """
    params, slots, done, data, hyper = pytree.tree_map(lambda rows: rows[:2].clone(), lanes)
    data["inputs"] = lanes[3]["inputs"]
    with _blamed(f"model.name = {name}: its forward fails"):
        _check_forward(name, module, params, data, outputs)
    ways = {False: ("its training fails", "")}
    if vectorise:
        ways[True] = ("it does not run under vmap", "; train.vectorise=false trains it without")
    for vectorised, (what, advice) in ways.items():
        step, evaluate = program(module, recipe, data, compiled=False, vectorise=vectorised)
        with _blamed(f"model.name = {name}: {what}", advice):
            evaluate(params, data)
            step(params, slots, done, data, hyper)


def check_parts(name: str, module: nn.Module, groups: Iterable[str]) -> None:
    """A network's parameters all train, and every group of `optim.groups` is a part of it."""
    parts = models.module_parts(module)
    if wrong := sorted(set(groups) - set(parts)):
        raise InputError(
            f"optim.groups.{wrong[0]}: no such part of the model {name}, whose parts are "
            f"{', '.join(parts)}"
        )
    if frozen := [key for key, value in module.named_parameters() if not value.requires_grad]:
        raise InputError(
            f"model.name = {name}: {', '.join(frozen)} does not require a gradient, but all "
            "parameters train here; make it a buffer (register_buffer)"
        )


def _check_forward(
    name: str, module: nn.Module, params: Tensors, data: Tensors, outputs: int
) -> None:
    row = {key: value[0].clone() for key, value in (params | own_buffers(data)).items()}
    untouched = dict(row)
    before = _generators()
    with torch.no_grad():
        output: Any = functional_call(module, row, (data["inputs"],))
    given = list(output.shape) if isinstance(output, Tensor) else type(output).__name__
    wanted = [len(data["inputs"]), outputs]
    if given != wanted:
        raise InputError(f"model.name = {name}: forward must give {wanted} here, gives {given}")
    if changed := _changed(untouched, own_buffers(data), row, layers.running(module)):
        raise InputError(
            f"model.name = {name}: forward changes its buffer {', '.join(changed)} (batch "
            "normalisation?), which is not carried from step to step; take BatchNorm of "
            "phasegrok.models.layers, whose buffers are"
        )
    if any(not torch.equal(*states) for states in zip(before, _generators(), strict=True)):
        raise InputError(
            f"model.name = {name}: forward draws random numbers (dropout?), so that the same run "
            "would not come out the same again; take Dropout of phasegrok.models.layers, whose are "
            "the run's own"
        )


def _changed(given: Tensors, kept: Tensors, now: Tensors, running: Iterable[str]) -> list[str]:
    """The buffers that were written into, and those that were replaced and are not `running`."""
    written = [key for key, rows in kept.items() if not torch.equal(given[key], rows[0])]
    replaced = [key for key in kept.keys() - set(running) if now[key] is not given[key]]
    return sorted({*written, *replaced})


def _generators() -> list[Tensor]:
    """The states of the global random generators."""
    on_gpu = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    return [torch.get_rng_state(), *on_gpu]


@contextlib.contextmanager
def _blamed(words: str, advice: str = "") -> Iterator[None]:
    """Turn an error into one sentence with the user's own line that led to it."""
    try:
        yield
    except (InputError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # it is the user's code
        first, *_ = f"{type(error).__name__}: {error}".split(". ")[0].splitlines()
        raise InputError(f"{words} ({first}{_users_line(error)}){advice}") from error


def _users_line(error: Exception) -> str:
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if not any(path.is_relative_to(folder) for folder in _NOT_THE_USERS):
            return f"; at {path.name}:{frame.lineno}: {frame.line}"
    return ""
