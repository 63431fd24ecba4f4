"""Minibatches drawn per lane: the order of a run's examples is a hash of (seed, epoch)."""

from __future__ import annotations

import torch
from torch import Tensor

from phasegrok.hashing import hashed
from phasegrok.optim import Tensors

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
    key = hashed(seed, epoch, position)
    return ((key << _POSITION_BITS) | position).sort().values & (MAX_EXAMPLES - 1)
