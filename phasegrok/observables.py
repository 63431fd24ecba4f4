"""What is measured of a run at every evaluation, by name.

An observable is a function of one run's `Measured` state that returns a 0-d tensor. Adding one
is adding a function here; it then runs under vmap for every lane like the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from phasegrok.optim import norm


@dataclass(frozen=True)
class Measured:
    """One run at one evaluation, over the whole finite dataset of n examples.

    Shapes: losses [n], correct [n] (bool), in_train [n] (bool, the training split).
    """

    params: Mapping[str, Tensor]
    losses: Tensor
    correct: Tensor
    in_train: Tensor


def train_loss(m: Measured) -> Tensor:
    """Mean loss over the training examples, against the labels given in training."""
    return torch.where(m.in_train, m.losses, 0.0).sum() / m.in_train.sum()


def val_loss(m: Measured) -> Tensor:
    """Mean loss over the examples held out, against their true labels."""
    return torch.where(m.in_train, 0.0, m.losses).sum() / (~m.in_train).sum()


def train_correct(m: Measured) -> Tensor:
    """Right answers among the training examples (a count, so that thresholds are exact)."""
    return (m.correct & m.in_train).sum()


def val_correct(m: Measured) -> Tensor:
    """Right answers among the examples held out (a count)."""
    return (m.correct & ~m.in_train).sum()


def weight_norm(m: Measured) -> Tensor:
    """L2 norm of all parameters together (Omnigrok, Liu et al. 2022, section 2)."""
    return norm(m.params)


OBSERVABLES: dict[str, Callable[[Measured], Tensor]] = {
    "train_loss": train_loss,
    "val_loss": val_loss,
    "train_correct": train_correct,
    "val_correct": val_correct,
    "weight_norm": weight_norm,
}
