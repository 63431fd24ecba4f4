"""The step and the evaluation of one run, as pure functions; `vmap` gives them the lane axis.

This is the whole of the training mathematics. `program` turns it into a vectorised program: the
plain path is `vmap`, the fast path is `torch.compile` of the same thing, and `loop` runs the lanes
one after another for models that do not run under vmap.

Shapes of one run (no lane axis here): inputs [examples, k], labels [examples], codebook [classes,
outputs], step 0-d. The training set is train_inputs [n_train, k] and train_labels [n_train] where
every step sees all of it, train_indices [n_train] where a step draws a minibatch.
"""

from __future__ import annotations

import contextlib
import copy
import itertools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.utils import _pytree as pytree

from phasegrok import losses, optim
from phasegrok.engine.batches import batch_positions
from phasegrok.models import layers
from phasegrok.observables import OBSERVABLES, Measured
from phasegrok.optim import Slots, Tensors

# params, slots, step, data, hyper: of one run or of all lanes
Arguments = tuple[Tensors, Slots, Tensor, Tensors, Tensors]
# Arguments -> (params, slots, step, running), the last of which are the data that a step replaces
Step = Callable[[Tensors, Slots, Tensor, Tensors, Tensors], tuple[Tensors, Slots, Tensor, Tensors]]
# Arguments, of which params, slots, step and running become what they are one update later
Update = Callable[[Tensors, Slots, Tensor, Tensors, Tensors], None]
# (params, data) -> observables of the recipe, in its order, float64
Evaluate = Callable[[Tensors, Tensors], Tensor]


@dataclass(frozen=True)
class Recipe:
    """What all lanes of a program share: nothing here can differ between them."""

    loss: str
    optim: str
    batch_size: int | None
    observables: tuple[str, ...]


def one_run(module: nn.Module, recipe: Recipe) -> tuple[Step, Evaluate]:
    """The step and the evaluation of a single run of this model."""
    training, evaluating = module.train(), copy.deepcopy(module).eval()
    clocks = [f"{name}.step" for name in layers.dropouts(module)]
    running = layers.running(module)

    def mean_loss(
        params: Tensors, data: Tensors, done: Tensor, inputs: Tensor, labels: Tensor
    ) -> tuple[Tensor, Tensors]:
        tensors = {**params, **own_buffers(data), **dict.fromkeys(clocks, done)}
        predicted = functional_call(training, tensors, (inputs,))
        found = losses.per_example(recipe.loss, predicted, labels, data.get("codebook")).mean()
        # What forward has put in a buffer's place stands in `tensors` now.
        return found, {f"{BUFFER}{key}": tensors[key] for key in running}

    def step(
        params: Tensors, slots: Slots, done: Tensor, data: Tensors, hyper: Tensors
    ) -> tuple[Tensors, Slots, Tensor, Tensors]:
        if "train_indices" in data:
            chosen = data["train_indices"][batch_positions(data, done, recipe.batch_size)]
            inputs, labels = data["inputs"][chosen], data["labels"][chosen]
        else:
            inputs, labels = data["train_inputs"], data["train_labels"]
        grads, moved = grad(mean_loss, has_aux=True)(params, data, done, inputs, labels)
        params, slots = optim.update(recipe.optim, params, grads, slots, done, hyper)
        return params, slots, done + 1, moved

    def evaluate(params: Tensors, data: Tensors) -> Tensor:
        tensors = {**params, **own_buffers(data)}
        predicted = functional_call(evaluating, tensors, (data["inputs"],))
        codebook = data.get("codebook")
        measured = Measured(
            params=params,
            losses=losses.per_example(recipe.loss, predicted, data["labels"], codebook),
            correct=losses.correct(predicted, data["labels"], codebook, data.get("within")),
            in_train=data["in_train"],
            corrupted=data.get("corrupted"),
        )
        values = [OBSERVABLES[name].measure(measured) for name in recipe.observables]
        return torch.stack([value.double() for value in values])

    return step, evaluate


# The module's buffers stand in the data under their names after this.
BUFFER = "buffer."


def own_buffers(data: Tensors) -> Tensors:
    """The module's buffers, by the names it gives them."""
    return {key.removeprefix(BUFFER): v for key, v in data.items() if key.startswith(BUFFER)}


# Data that all lanes share have no lane axis; the rest have it in front.
SHARED = ("inputs",)


def program(
    module: nn.Module, recipe: Recipe, data: Tensors, *, compiled: bool, vectorise: bool
) -> tuple[Update, Evaluate]:
    """The same step, in place, and the same evaluation for all lanes at once."""
    step, evaluate = one_run(module, recipe)
    data_axes = {key: None if key in SHARED else 0 for key in data}
    if not vectorise:
        return in_place(loop(step, (0, 0, 0, data_axes, 0))), loop(evaluate, (0, data_axes))
    update = in_place(vmap(step, in_dims=(0, 0, 0, data_axes, 0)))
    all_evaluate: Any = vmap(evaluate, in_dims=(0, data_axes))
    if compiled:
        return compile_alone(update), compile_alone(all_evaluate)
    return update, all_evaluate


def in_place(step: Callable[..., Any]) -> Update:
    """The step with its results where its arguments were.

    So the lanes of a program stay where they are in memory: in the cache of a CPU, where reading
    and writing one place takes half of what two places take, and at the addresses that a CUDA
    graph was captured with.
    """

    def update(params: Tensors, slots: Slots, done: Tensor, data: Tensors, hyper: Tensors) -> None:
        new_params, new_slots, new_done, running = step(params, slots, done, data, hyper)
        for key, value in new_params.items():
            params[key].copy_(value)
        for slot, values in new_slots.items():
            for key, value in values.items():
                slots[slot][key].copy_(value)
        for key, value in running.items():
            data[key].copy_(value)
        done.copy_(new_done)

    return update


_compiled = itertools.count()


def compile_alone(function: Callable[..., Any]) -> Callable[..., Any]:
    """torch.compile of a function, whatever else this process has compiled.

    Dynamo remembers by code object, and all that `vmap` returns is one code object to it. Then
    the ninth program of a process would silently run eagerly, and a second one get symbols for
    sizes that differ from the first's: other kernels, other last bits.
    """

    def alone(*arguments: Any) -> Any:
        return function(*arguments)

    alone.__code__ = alone.__code__.replace(co_name=f"program_{next(_compiled)}")
    # dynamic=False: only the training set's size, marked by the lanes, is a symbol, so that one
    # compilation serves every train_fraction.
    return torch.compile(alone, dynamic=False)


# How often a program may be compiled besides once for each size of the training set.
_SPARE_COMPILATIONS = 8


@contextlib.contextmanager
def compiling(shapes: int) -> Iterator[None]:
    """Calls in here compile a program if its code does not fit yet; never is it run eagerly.

    Dynamo would do that silently, after 8 compilations. What PyTorch cannot compile once for all
    sizes of the training set it compiles for each of so many `shapes`.

    Raises:
        Recompiling: it was compiled for the same shapes again and again.
    """
    most = shapes + _SPARE_COMPILATIONS
    limits = {"recompile_limit": most, "accumulated_recompile_limit": max(most, 256)}
    dynamo: Any = torch._dynamo
    with dynamo.config.patch(**limits, fail_on_recompile_limit_hit=True):
        try:
            yield
        except dynamo.exc.FailOnRecompileLimitHit as error:
            raise Recompiling from error


class Recompiling(Exception):
    """torch.compile makes a program again and again for the same shapes."""


def unguarded() -> AbstractContextManager[Any]:
    """Calls in here are of compiled programs that have run before on tensors of these very shapes.

    Asking again whether the program still fits its arguments takes a tenth of a small network's
    step. What tells the several compilations of one program apart is asked all the same.
    """
    return torch.compiler.set_stance(skip_guard_eval_unsafe=True)


def loop(function: Callable[..., Any], in_dims: tuple[Any, ...]) -> Callable[..., Any]:
    """What `vmap(function, in_dims)` computes, one lane after another."""

    def looped(*arguments: Any) -> Any:
        lanes = len(pytree.tree_leaves(arguments[0])[0])
        results = [function(*(_lane(a, d, i) for a, d in zip(arguments, in_dims, strict=True)))
                   for i in range(lanes)]  # fmt: skip
        return pytree.tree_map(lambda *leaves: torch.stack(leaves), *results)

    return looped


def _lane(argument: Any, in_dim: Any, index: int) -> Any:
    if isinstance(in_dim, dict):
        return {k: v if in_dim[k] is None else v[index] for k, v in argument.items()}
    return pytree.tree_map(lambda leaf: leaf[index], argument)
