"""The vocabulary: every phase there is, and the rules, each with its phases and what it reads.

A rule is `phase.name` of a configuration and `Rule.name`; a file in `conf/phase/` sets its numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

UNDECIDED = "undecided"

# All phases, in the order of legends; those of each rule are in it in their own order.
PHASES = (
    "coexistence", "partial inversion", "full inversion", "comprehension", "grokking",
    "memorization", "forgetting", "confusion", "inversion", "val_only",
)  # fmt: skip

FIRST_CROSSING, FINAL_ACCURACY = "first_crossing", "final_accuracy"


@dataclass(frozen=True)
class Kind:
    """What sets a rule apart from others.

    Attributes:
        phases: that it tells apart, in order.
        numbers: those of `Rule`, its budget aside, that it reads: its keys in `conf/phase/`.
        columns: of a row that decide, beside `steps` and `status`.
        retires: whether a phase can be known before the end, so that the run may stop there.
    """

    phases: tuple[str, ...]
    numbers: tuple[str, ...]
    columns: tuple[str, ...]
    retires: bool


KINDS = {
    FIRST_CROSSING: Kind(
        ("comprehension", "grokking", "memorization", "confusion", "inversion", "val_only"),
        ("train_accuracy", "val_accuracy", "gap"),
        ("train_step", "val_step"),
        retires=True,
    ),
    FINAL_ACCURACY: Kind(
        ("coexistence", "partial inversion", "full inversion", "memorization", "forgetting",
         "confusion"),
        ("train_accuracy", "val_accuracy", "slack"),
        ("train_acc", "val_acc", "max_val_acc"),
        retires=False,
    ),
}  # fmt: skip

NUMBERS = tuple(dict.fromkeys(number for kind in KINDS.values() for number in kind.numbers))
"""The numbers of all rules; one that a rule does not read is null in its configuration."""
