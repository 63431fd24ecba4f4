"""Minibatches drawn per lane by a counter-based hash: no generator state, no host, any device.

The order of a run's examples in an epoch depends only on (seed, epoch), so a resumed run draws
what an uninterrupted one draws, and a GPU what a CPU draws.
"""

from __future__ import annotations

import torch
from torch import Tensor

from phasegrok.optim import Tensors

_MASK = 0xFFFFFFFF
_POSITION_BITS = 20
MAX_EXAMPLES = 1 << _POSITION_BITS


def batch_positions(data: Tensors, done: Tensor, batch_size: int | None) -> Tensor:
    """Positions in the training set used by the next update, int64 [batch].

    Each epoch is a fresh permutation without replacement; a last, smaller batch is dropped so
    that shapes stay static. `data["batches"]` [steps, batch], if given, is used instead.
    """
    if "batches" in data:
        batches = data["batches"]
        return batches[done % len(batches)]
    n_train = len(data["train_indices"])
    assert batch_size is not None and batch_size < n_train
    per_epoch = n_train // batch_size
    order = epoch_order(data["batch_seed"], done // per_epoch, n_train)
    first = (done % per_epoch) * batch_size
    return order[first + torch.arange(batch_size, device=order.device)]


def epoch_order(seed: Tensor, epoch: Tensor, n_train: int) -> Tensor:
    """A permutation of 0 .. n_train-1 for one epoch, int64 [n_train].

    Sorts 32-bit hashes; the position sits in the low bits of each key, so ties cannot occur and
    the order is the same under every sorting algorithm.
    """
    position = torch.arange(n_train, device=seed.device)
    key = mixed(mixed(position ^ (seed & _MASK)) ^ mixed(epoch ^ ((seed >> 31) & _MASK)))
    return ((key << _POSITION_BITS) | position).sort().values & (MAX_EXAMPLES - 1)


def mixed(value: Tensor) -> Tensor:
    """A 32-bit integer hash (the `lowbias32` finaliser, C. Wellons), computed in int64.

    The second multiplier is written minus 2**32, which is the same modulo 2**32 and keeps the
    product within int64, where overflow would be undefined in compiled code.
    """
    value = value & _MASK
    value = ((value ^ (value >> 16)) * 0x7FEB352D) & _MASK
    value = ((value ^ (value >> 15)) * (0x846CA68B - (1 << 32))) & _MASK
    return value ^ (value >> 16)
