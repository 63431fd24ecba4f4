"""What the weights of a network for symbols look like along its symbols: periodic, or noise.

Inverse participation ratio, Doshi et al. 2023 (arXiv 2310.13061, section 3): neurons that
generalise modular arithmetic are waves of one frequency, those that memorise are not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor


def ipr(x: Tensor) -> Tensor:
    """The inverse participation ratio of real vectors in Fourier space, [..., p] -> [...].

    With x~ = |rfft(x)|, the constant term included, it is sum x~^4 / (sum x~^2)^2: 1 for a single
    cosine, 1 / (p // 2 + 1) for a delta, about 2 / (p // 2 + 1) for noise. NaN for zeros.
    """
    # A tiny network's squares would underflow; the ratio knows no scale.
    x = x / x.abs().amax(dim=-1, keepdim=True)
    # As a product, which runs under vmap and compiles; for these lengths it is no slower.
    cosine, sine = waves(x.shape[-1], x)
    power = (x @ cosine).square() + (x @ sine).square()
    return power.square().sum(dim=-1) / power.sum(dim=-1).square()


def waves(p: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """cos and sin of 2 pi j k / p for j < p, k <= p // 2, [p, p // 2 + 1] each."""
    j, k = (torch.arange(n, device=like.device) for n in (p, p // 2 + 1))
    # The remainder is exact; a large angle in float32 is not.
    angle = torch.outer(j, k).remainder(p).double() * (2 * math.pi / p)
    return angle.cos().to(like.dtype), angle.sin().to(like.dtype)


def neuron_ipr(params: Mapping[str, Tensor]) -> Tensor:
    """Of each neuron of a `quadratic_mlp`, [width]: the mean over its two input rows and its output
    row; NaN if one of the three is zero, or not finite."""
    columns = params["left"].mT, params["right"].mT, params["readout"]
    return torch.stack([ipr(rows) for rows in columns]).mean(dim=0)
