"""Random numbers that are a hash of what they are for: no generator state, no host, any device.

What a run draws depends only on its own seed and on a counter, as a step or an epoch. So a resumed
run draws what an uninterrupted one draws, and a GPU what a CPU draws.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

BITS = 32
"""Of every number here, in int64."""

_MASK = (1 << BITS) - 1


def hashed(seed: Tensor, counter: Tensor, place: Tensor | int = 0) -> Tensor:
    """A number for every value of seed (of `streams.seed_for`), counter and place, all int64."""
    return mixed(mixed(place ^ seed) ^ mixed(counter ^ (seed >> 31)))


def spread(number: Tensor, shape: Sequence[int]) -> Tensor:
    """A number for every element of a tensor of this shape, made from one 0-d number."""
    for size in shape:
        number = mixed(number.unsqueeze(-1) ^ mixed(torch.arange(size, device=number.device)))
    return number


def mixed(value: Tensor) -> Tensor:
    """A 32-bit integer hash (the `lowbias32` finaliser, C. Wellons), computed in int64.

    The second multiplier is written minus 2**32, which is the same modulo 2**32 and keeps the
    product within int64, where overflow would be undefined in compiled code.
    """
    value = value & _MASK
    value = ((value ^ (value >> 16)) * 0x7FEB352D) & _MASK
    value = ((value ^ (value >> 15)) * (0x846CA68B - (1 << 32))) & _MASK
    return value ^ (value >> 16)
