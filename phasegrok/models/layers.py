"""Layers for networks that train under vmap: what they keep and draw is each run's own.

Each is PyTorch's of the same name, but for where it keeps its state. They serve a network of one's
own too. A network is in training mode in a step and in evaluation mode where it is evaluated, as
`nn.Module.train` and `eval` say.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from phasegrok.hashing import BITS, hashed, spread


class Dropout(nn.Module):
    """In training every element becomes 0 with probability `rate`, the others times 1/(1 - rate).

    Which do is a hash of the run's seed, the layer's name, the step and the element's place
    (`phasegrok.hashing`), for PyTorch's generator belongs to no run. So two places in a network
    need two layers. Its buffers are 0-d: `rate`, which may differ between the runs of one
    program, and, set by the engine, `seed` and `step`, the number of updates done.
    """

    rate: Tensor
    seed: Tensor
    step: Tensor

    def __init__(self, rate: float):
        super().__init__()
        self.register_buffer("rate", torch.tensor(float(rate)), persistent=False)
        self.register_buffer("seed", torch.tensor(0), persistent=False)
        self.register_buffer("step", torch.tensor(0), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        least = (self.rate.double() * 2**BITS).long()
        kept = spread(hashed(self.seed, self.step), x.shape) >= least
        return torch.where(kept, x / (1 - self.rate), 0)


class BatchNorm(nn.Module):
    """torch.nn.BatchNorm1d of [n, W], with its defaults.

    In training each of the W numbers is normalised by its mean and variance over the n examples of
    the step; in evaluation by their running averages, which a step moves a tenth of the way. They
    are replaced in `forward` and not written into: so `functional_call` gives the new ones back.
    """

    RUNNING = ("running_mean", "running_var")
    MOMENTUM, EPS = 0.1, 1e-5
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, width: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))
        self.register_buffer("running_mean", torch.zeros(width))
        self.register_buffer("running_var", torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        mean, variance = self.running_mean, self.running_var
        if self.training:
            mean = x.mean(dim=0)
            squares = (x - mean).square().sum(dim=0)
            variance = squares / len(x)
            self._follow(mean.detach(), squares.detach() / (len(x) - 1))
        return (x - mean) * (self.weight / (variance + self.EPS).sqrt()) + self.bias

    def _follow(self, mean: Tensor, variance: Tensor) -> None:
        self.running_mean = self.running_mean + self.MOMENTUM * (mean - self.running_mean)
        self.running_var = self.running_var + self.MOMENTUM * (variance - self.running_var)


class LayerNorm(nn.LayerNorm):
    """PyTorch's, but compiled it is written out.

    vmap makes PyTorch's look at the number of examples, and a compiled program would serve one
    size of the training set only.
    """

    def forward(self, x: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        if not torch.compiler.is_compiling():
            return super().forward(x)
        centred = x - x.mean(dim=-1, keepdim=True)
        variance = centred.square().mean(dim=-1, keepdim=True)
        return centred * torch.rsqrt(variance + self.eps) * self.weight + self.bias


def dropout(rate: float | None) -> nn.Module:
    """The layer of `model.dropout`; null is no layer, for drawing costs time at rate 0 too."""
    return nn.Identity() if rate is None else Dropout(rate)


def norm(name: str | None, width: int) -> nn.Module:
    """The layer of `model.norm`."""
    return {None: nn.Identity, "batch": BatchNorm, "layer": LayerNorm}[name](width)


def dropouts(network: nn.Module) -> Iterator[str]:
    """The dotted names of its Dropout layers."""
    return (name for name, layer in network.named_modules() if isinstance(layer, Dropout))


def running(network: nn.Module) -> list[str]:
    """The buffers that a step replaces, by dotted name."""
    layers = network.named_modules()
    norms = (name for name, layer in layers if isinstance(layer, BatchNorm))
    return [f"{name}.{buffer}" for name in norms for buffer in BatchNorm.RUNNING]
