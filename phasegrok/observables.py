"""What is measured of a run at every evaluation: the one table of it.

An entry is all there is to an observable: records, columns of results, curves and the words of
figures follow from the table. Nothing here imports torch until something is measured, for the
table is also read where results are looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Measured:
    """One run at one evaluation, over the whole finite dataset of n examples.

    Shapes: losses [n], correct [n] (bool, against the label given in training), in_train [n]
    (bool, the training split), corrupted [n] (bool, the training examples whose label was drawn
    anew) where the task has label noise, else None.
    """

    params: Mapping[str, Tensor]
    losses: Tensor
    correct: Tensor
    in_train: Tensor
    corrupted: Tensor | None = None


@dataclass(frozen=True)
class Observable:
    """One number of a run.

    Attributes:
        measure: one run's state -> a 0-d tensor; runs under vmap for every lane.
        words: what figures and reports call it.
        of: it is a count, so that thresholds are exact, and stored as its share of these examples:
            "train", "val", "corrupted" or "clean"; null in a run that has none of them.
        best: the largest value on the way is stored too, as `max_NAME`.
        applies: whether runs have it; may look only at what all lanes of a program share
            (`phasegrok.cells.shared_part`). Other runs do not compute it, and have null.
        needs: which runs those are, in words; "" for all.
        curve: stored at log-spaced steps too, as `curve.NAME`.
    """

    measure: Callable[[Measured], Tensor]
    words: str
    of: str | None = None
    best: bool = False
    applies: Callable[[Mapping[str, Any]], bool] = lambda shared: True
    needs: str = ""
    curve: bool = True


def train_correct(m: Measured) -> Tensor:
    """Right answers among the training examples."""
    return (m.correct & m.in_train).sum()


def val_correct(m: Measured) -> Tensor:
    """Right answers among the examples held out."""
    return (m.correct & ~m.in_train).sum()


def corrupted_correct(m: Measured) -> Tensor:
    """Training examples with a label drawn anew that are answered with it: memorised."""
    assert m.corrupted is not None
    return (m.correct & m.corrupted).sum()


def clean_correct(m: Measured) -> Tensor:
    """Right answers among the training examples whose label is the true one by construction."""
    assert m.corrupted is not None
    return (m.correct & m.in_train & ~m.corrupted).sum()


def train_loss(m: Measured) -> Tensor:
    """Mean loss over the training examples, against the labels given in training."""
    return m.losses.where(m.in_train, 0.0).sum() / m.in_train.sum()


def val_loss(m: Measured) -> Tensor:
    """Mean loss over the examples held out, against their true labels."""
    return m.losses.where(~m.in_train, 0.0).sum() / (~m.in_train).sum()


def weight_norm(m: Measured) -> Tensor:
    """L2 norm of all parameters together (Omnigrok, Liu et al. 2022, section 2)."""
    from phasegrok.optim import norm

    return norm(m.params)


def ipr(m: Measured) -> Tensor:
    """Mean over neurons of their inverse participation ratio (Doshi et al. 2023), those without
    one left out: a weight vector of theirs has faded to zero."""
    from phasegrok.circuits import neuron_ipr

    return neuron_ipr(m.params).nanmean()


def noisy(shared: Mapping[str, Any]) -> bool:
    """Runs with label noise."""
    return bool(shared["task"].get("noisy"))


def adding(shared: Mapping[str, Any]) -> bool:
    """Runs of `quadratic_mlp` on x+y or x-y modulo p, whose solutions are waves along the residues.

    Those of x*y are waves along the discrete logarithm: along the residues they look like noise.
    """
    model, task = shared["model"], shared["task"]
    sums = task["name"] == "binary_operation" and task.get("operation") in ("x+y", "x-y")
    return model["name"] == "quadratic_mlp" and sums


_NOISY: dict[str, Any] = {"applies": noisy, "needs": "runs with task.label_noise above 0"}
_WAVES: dict[str, Any] = {
    "applies": adding,
    "needs": "runs of model=quadratic_mlp on x+y or x-y modulo task.p",
}

OBSERVABLES: dict[str, Observable] = {
    "train_acc": Observable(train_correct, "training accuracy", of="train"),
    "val_acc": Observable(val_correct, "validation accuracy", of="val", best=True),
    "train_loss": Observable(train_loss, "training loss"),
    "val_loss": Observable(val_loss, "validation loss"),
    "weight_norm": Observable(weight_norm, "weight norm"),
    "corrupted_acc": Observable(
        corrupted_correct, "accuracy on corrupted training examples", of="corrupted", **_NOISY
    ),
    "clean_acc": Observable(
        clean_correct, "accuracy on clean training examples", of="clean", **_NOISY
    ),
    "ipr": Observable(ipr, "mean inverse participation ratio", **_WAVES),
}
"""Every observable under the name of its column."""

BEST = {f"max_{name}": name for name, about in OBSERVABLES.items() if about.best}
"""The columns of largest values, each with what it is of."""

CURVE = ("step", *(name for name, about in OBSERVABLES.items() if about.curve))
"""What the list columns `curve.NAME` hold."""

# What kept states hold that were written before they named it.
FIRST = ("train_acc", "val_acc", "train_loss", "val_loss", "weight_norm")


def of(shared: Mapping[str, Any]) -> tuple[str, ...]:
    """The observables of runs that share this (`phasegrok.cells.shared_part`)."""
    return tuple(name for name, about in OBSERVABLES.items() if about.applies(shared))


def named(column: str) -> str | None:
    """What a column of results is called; None if it is no observable's."""
    if column in BEST:
        return f"best {OBSERVABLES[BEST[column]].words}"
    return OBSERVABLES[column].words if column in OBSERVABLES else None
