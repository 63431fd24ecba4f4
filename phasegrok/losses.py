"""What a run minimises, and how its outputs are read as an answer.

A target is a class. Its target vector is its row of the codebook ([classes, d]) or, without one,
its one-hot vector. In a task of regression each example is a class of its own.
"""

from __future__ import annotations

import torch
from torch import Tensor

from phasegrok.errors import InputError

NAMES = ("mse", "cross_entropy")


def per_example(name: str, outputs: Tensor, labels: Tensor, codebook: Tensor | None) -> Tensor:
    """The loss of each example, [n].

    Args:
        name: "mse", the mean over the components of the squared difference to the target
            vector; or "cross_entropy", minus the log of the softmax at the label.
        outputs: [n, d], d the number of classes where there is no codebook.
        labels: int64 [n].
        codebook: [classes, d], or None for one-hot targets.

    Raises:
        InputError: the loss is unknown, or cross-entropy is asked of a codebook.
    """
    if name == "mse":
        return (outputs - _targets(outputs, labels, codebook)).square().mean(dim=-1)
    if name != "cross_entropy":
        raise InputError(f"train.loss = {name}: must be one of {', '.join(NAMES)}")
    if codebook is not None:
        raise InputError("train.loss = cross_entropy: the targets are vectors; use mse")
    # log_softmax subtracts the maximum first; logsumexp minus the label's score would cancel.
    scores = outputs.log_softmax(dim=-1)
    # By comparison: under vmap, torch.compile would make a program per training-set size of gather.
    return -torch.where(_is_label(outputs, labels), scores, 0.0).sum(dim=-1)


def _targets(outputs: Tensor, labels: Tensor, codebook: Tensor | None) -> Tensor:
    """The target vectors, [n, d]."""
    if codebook is not None:
        return codebook[labels].to(outputs.dtype)
    return _is_label(outputs, labels).to(outputs.dtype)


def _is_label(outputs: Tensor, labels: Tensor) -> Tensor:
    """One-hot labels, bool [n, d]; torch's one_hot raises under vmap."""
    return labels.unsqueeze(-1) == torch.arange(outputs.shape[-1], device=labels.device)


def correct(
    outputs: Tensor, labels: Tensor, codebook: Tensor | None, within: Tensor | None = None
) -> Tensor:
    """Whether each output stands for its label, bool [n], the same for every loss.

    An output stands for the nearest target vector in squared L2 distance; without a codebook that
    is the class of the largest output. Of equally near ones it is the first. NaN stands for none.
    With `within` (0-d) it is right if its mean squared error is below that, whatever is nearest
    (the accuracy of a regression, Omnigrok, Liu et al. 2023).
    """
    if within is not None:
        return per_example("mse", outputs, labels, codebook) < within.to(outputs.dtype)
    if codebook is None:
        scores = outputs
    else:
        difference = outputs.unsqueeze(-2) - codebook.to(outputs.dtype)
        scores = -difference.square().sum(dim=-1)
    # As argmax has it, but in sums, of which a compiler makes vector code: a third of the time.
    own = torch.where(_is_label(scores, labels), scores, 0.0).sum(dim=-1, keepdim=True)
    index = torch.arange(scores.shape[-1], device=labels.device)
    behind = (scores < own) | ((scores == own) & (index >= labels.unsqueeze(-1)))
    return behind.to(scores.dtype).sum(dim=-1) == scores.shape[-1]
