"""Networks of every kind, small, with inputs for each; what several of these tests measure by."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad

from phasegrok import losses, models

NANDA = {
    "name": "transformer",
    "tokens": "nanda",
    "blocks": 1,
    "norm": "none",
    "positions": "learned",
    "bias": True,
    "init": "nanda",
}
SMALL = {"width": 8, "heads": 2, "mlp_width": 16}


def mlp(**options):
    dim = {"embedding_dim": 6} if options.get("embedding") == "learned" else {}
    return {"name": "mlp", "width": 8, **dim, "bias": True, **options}


CASES: dict[str, dict[str, Any]] = {
    "quadratic_mlp": {"name": "quadratic_mlp", "width": 8},
    "mlp": mlp(),
    "mlp onehot sum tanh deep": mlp(combine="sum", activation="tanh", depth=3),
    "mlp onehot quadratic unbiased": mlp(activation="quadratic", bias=False),
    "mlp learned gelu": mlp(embedding="learned", activation="gelu"),
    "mlp learned per slot sum deep": mlp(
        embedding="learned", shared=False, combine="sum", depth=2, activation="gelu"
    ),
    "mlp learned per slot concat": mlp(embedding="learned", shared=False, activation="tanh"),
    "mlp learned shared sum": mlp(embedding="learned", combine="sum", activation="quadratic"),
    "liu2022 vector": {"name": "liu2022_toy", "width": 8},
    "liu2022 matrix": {
        "name": "liu2022_toy",
        "embedding": "matrix",
        "embedding_dim": 3,
        "width": 8,
    },
    "transformer power": {"name": "transformer", **SMALL},
    "transformer nanda": {**NANDA, **SMALL},
    "transformer mixture": {"name": "transformer", **SMALL, "blocks": 1, "positions": "learned"},
    "vector_mlp": {"name": "vector_mlp", "width": 8, "depth": 1},
    "vector_mlp gelu unbiased deep": {
        "name": "vector_mlp", "width": 8, "depth": 3, "activation": "gelu", "bias": False
    },
    "quadratic_mlp batch norm and dropout": {
        "name": "quadratic_mlp", "width": 8, "norm": "batch", "dropout": 0.3
    },
    "mlp onehot layer norm": mlp(norm="layer", depth=2),
    "mlp learned batch norm and dropout": mlp(embedding="learned", norm="batch", dropout=0.2),
    "vector_mlp layer norm and dropout": {
        "name": "vector_mlp", "width": 8, "norm": "layer", "dropout": 0.5
    },
    "transformer dropout": {"name": "transformer", **SMALL, "dropout": 0.2},
}  # fmt: skip
SYMBOLS, FEATURES, OUTPUTS = 5, 6, 7
every_model = pytest.mark.parametrize("name", CASES)


def of_pairs(symbols: int, outputs: int) -> dict[str, int]:
    return {"symbols": symbols, "outputs": outputs}


PAIRS = of_pairs(SYMBOLS, OUTPUTS)
VECTORS = {"features": FEATURES, "outputs": OUTPUTS}


def sizes(name: str) -> dict[str, int]:
    return VECTORS if models.reads(CASES[name]) == "vectors" else PAIRS


def build(name: str, seed: int = 0, dtype: torch.dtype = torch.float64) -> nn.Module:
    torch.manual_seed(seed)
    module = models.build(CASES[name], sizes(name)).to(dtype)
    with torch.no_grad():
        for parameter in module.parameters():  # what starts at 0 or 1 shall matter too
            parameter.add_(0.1 * torch.randn_like(parameter))
    return module


def all_pairs(symbols: int = SYMBOLS) -> Tensor:
    return torch.tensor(list(itertools.product(range(symbols), repeat=2)))


def some_vectors(dtype: torch.dtype = torch.float64) -> Tensor:
    """As many as there are pairs."""
    drawn = torch.randn(25, FEATURES, generator=torch.Generator().manual_seed(0))
    return drawn.to(dtype)


def inputs(name: str, dtype: torch.dtype = torch.float64) -> Tensor:
    return some_vectors(dtype) if models.reads(CASES[name]) == "vectors" else all_pairs()


def labels() -> Tensor:
    return all_pairs().sum(dim=1) % OUTPUTS


def gradient_of(module: nn.Module, loss: str) -> Callable[..., dict[str, Tensor]]:
    """(parameters, buffers, inputs, labels) -> gradients, of one run."""

    def total(parameters: Any, buffers: Any, inputs: Tensor, targets: Tensor) -> Tensor:
        outputs = functional_call(module, (parameters, buffers), (inputs,))
        return losses.per_example(loss, outputs, targets, None).mean()

    return grad(total)


def close(a: Tensor, b: Tensor) -> bool:
    tolerance = 1e-12 if a.dtype == torch.float64 else 1e-5
    return torch.allclose(a, b, rtol=tolerance, atol=tolerance)
