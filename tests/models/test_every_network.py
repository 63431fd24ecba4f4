"""What holds for every network: shapes, gradients, and a thousand of it run as one program."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import functional_call, stack_module_state, vmap

from phasegrok import losses, models
from tests.models.cases import (
    CASES,
    OUTPUTS,
    build,
    close,
    every_model,
    gradient_of,
    inputs,
    labels,
)


@every_model
def test_a_model_maps_its_inputs_to_outputs_in_either_precision(name):
    for dtype in (torch.float32, torch.float64):
        outputs = build(name, dtype=dtype)(inputs(name, dtype))
        assert outputs.shape == (25, OUTPUTS) and outputs.dtype == dtype
        assert outputs.isfinite().all() and (outputs.std(dim=0) > 0).all()


@every_model
@pytest.mark.parametrize("loss", losses.NAMES)
def test_the_gradient_of_many_lanes_is_that_of_each_in_a_loop(name, loss):
    modules = [build(name, seed) for seed in range(3)]
    gradient = gradient_of(modules[0], loss)
    parameters, buffers = stack_module_state(modules)
    # Each lane has its own minibatch, as in training.
    rows = torch.stack([torch.randperm(25)[:11] for _ in modules])
    given, targets = inputs(name)[rows], labels()[rows]
    together = vmap(gradient)(parameters, buffers, given, targets)
    for lane, module in enumerate(modules):
        own = dict(module.named_parameters()), dict(module.named_buffers())
        alone = gradient(*own, given[lane], targets[lane])
        assert together.keys() == alone.keys() == dict(module.named_parameters()).keys()
        for key, value in alone.items():
            assert close(together[key][lane], value), key


@every_model
def test_lanes_may_share_one_dataset(name):
    modules = [build(name, seed) for seed in range(3)]
    parameters, buffers = stack_module_state(modules)
    shared = inputs(name)

    def outputs(parameters: Any, buffers: Any) -> Tensor:
        return functional_call(modules[0], (parameters, buffers), (shared,))

    together = vmap(outputs)(parameters, buffers)
    for lane, module in enumerate(modules):
        assert close(together[lane], module(shared))


@every_model
def test_every_tensor_receives_gradient(name):
    module = build(name)
    own = dict(module.named_parameters()), dict(module.named_buffers())
    for loss in losses.NAMES:
        gradients = gradient_of(module, loss)(*own, inputs(name), labels())
        for key, value in gradients.items():
            assert value.isfinite().all() and value.norm() > 1e-8, key


def compiled_agrees(name: str, dtype: torch.dtype, backend: str) -> None:
    modules = [build(name, seed, dtype) for seed in range(2)]
    lanes = vmap(gradient_of(modules[0], "mse"))
    parameters, buffers = stack_module_state(modules)
    given, targets = torch.stack([inputs(name, dtype)] * 2), torch.stack([labels()] * 2)
    torch.compiler.reset()
    compiled = torch.compile(lanes, fullgraph=True, backend=backend)
    together = compiled(parameters, buffers, given, targets)
    for key, value in lanes(parameters, buffers, given, targets).items():
        assert together[key].dtype == dtype and close(together[key], value), key


@every_model
def test_many_lanes_are_one_graph_without_a_break(name):
    compiled_agrees(name, torch.float64, backend="eager")  # captured whole, then run as it is


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, dtype",
    [
        ("quadratic_mlp", torch.float32),
        ("mlp learned per slot sum deep", torch.float64),
        ("liu2022 matrix", torch.float32),
        ("transformer nanda", torch.float64),
    ],
)
def test_many_lanes_compile_to_machine_code(name, dtype):
    compiled_agrees(name, dtype, backend="inductor")


@every_model
def test_the_named_parts_are_the_top_level_names_of_the_parameters(name):
    assert models.parts(CASES[name]) == models.module_parts(build(name))


@every_model
def test_a_model_depends_on_nothing_but_torchs_generator(name):
    first, again, other = build(name, 1), build(name, 1), build(name, 2)
    for key, value in first.state_dict().items():
        assert torch.equal(value, again.state_dict()[key])
    for key, value in first.named_parameters():
        assert not torch.equal(value, other.get_parameter(key))


@every_model
def test_the_cases_have_no_fault(name):
    assert models.faults(CASES[name]) == []
