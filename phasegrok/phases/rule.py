"""The rules for one run, on plain numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import Any

from phasegrok.errors import InputError
from phasegrok.phases.final import final_phase
from phasegrok.phases.kinds import FINAL_ACCURACY, FIRST_CROSSING, KINDS, NUMBERS, UNDECIDED, Kind

# Accuracies whose first crossings every run keeps, so that it can be judged by other thresholds.
LADDER = (0.5, 0.6, 0.8, 0.9, 0.95, 0.99, 0.999)


@dataclass(frozen=True)
class Rule:
    """By which numbers a run is in which phase: one of the rules of `phasegrok.phases.kinds`.

    `name` is "first_crossing" (Liu et al. 2022, Table 1; `decide`), or "final_accuracy" (Doshi et
    al. 2023, appendix; `decide_final`), which reads accuracies at the end of the budget.

    `gap`, of first crossing alone: an integer is in steps; a float below 1 is a share of the budget
    (the published 1000 of 1e5 steps is 0.01). `slack`, of final accuracies alone: inversion is full
    below a training accuracy of 1 + slack - label noise. `budget` in steps; None means the budget
    each run was given. A crossing later than the budget counts as never.
    """

    train_accuracy: float = 0.9
    val_accuracy: float = 0.9
    gap: int | float = 0.01
    budget: int | None = None
    name: str = FIRST_CROSSING
    slack: float = 0.05

    def __post_init__(self) -> None:
        if self.name not in KINDS:
            raise InputError(f"Rule: name {self.name!r}: there is {' and '.join(KINDS)}")
        accuracies = (self.train_accuracy, self.val_accuracy)
        faults = [
            f"accuracy {a}: must be above 0 and at most 1" for a in accuracies if not 0 < a <= 1
        ]
        if not self.gap >= 0:
            faults.append(
                f"gap {self.gap}: must be 0 or more (steps; below 1, a share of the budget)"
            )
        if not 0 <= self.slack < 1:
            faults.append(f"slack {self.slack}: must be 0 or more and below 1")
        faults += [
            f"{number} {getattr(self, number)}: the rule {self.name} has no {number}"
            for number in NUMBERS
            if number not in self.kind.numbers and getattr(self, number) != getattr(Rule, number)
        ]
        if faults:
            raise InputError([f"Rule: {fault}" for fault in faults])

    @property
    def kind(self) -> Kind:
        return KINDS[self.name]

    @classmethod
    def from_config(cls, phase: Mapping[str, Any]) -> Rule:
        name = phase.get("name") or FIRST_CROSSING  # which rows of older versions do not say
        return cls(name=name, **{number: phase[number] for number in KINDS[name].numbers})

    def to_config(self) -> dict[str, Any]:
        """The `phase` part of a configuration."""
        return {"name": self.name, **{each: getattr(self, each) for each in self.kind.numbers}}

    @classmethod
    def of_sweep(cls, config: Mapping[str, Any]) -> Rule:
        """The rule of a composed config, within the budget that it plans.

        A run that was censored at a smaller budget, before the sweep's grew, is undecided by it.
        """
        return replace(cls.from_config(config["phase"]), budget=config["train"]["steps"])

    def gap_steps(self, budget: int) -> float:
        """The gap in steps for a run with this budget; exact, so that 0.07 of 100 is 7."""
        share = isinstance(self.gap, float) and self.gap < 1
        return _share(self.gap, budget) if share else self.gap


@lru_cache
def _share(gap: float, budget: int) -> float:
    return float(Fraction(str(gap)) * budget)


def needed(accuracy: float, total: int) -> int:
    """How many correct answers of `total` reach `accuracy`; exact, so that 9 of 10 is 0.9."""
    return math.ceil(Fraction(str(accuracy)) * total)


def decide(
    train_step: float | None,
    val_step: float | None,
    *,
    gap: float,
    complete: bool = True,
    noisy: bool = False,
) -> str:
    """The phase of one run from its two first crossings (None or NaN: never), by first crossing.

    Args:
        gap: steps between the crossings from which a run groks.
        complete: the run was followed to the end of its budget (or diverged). If it was not,
            a threshold it has not crossed yet stays open and the phase is undecided.
        noisy: some training labels are wrong, so that generalising without fitting has a meaning.
    """
    fitted, generalised = reached(train_step), reached(val_step)
    if fitted and generalised:
        assert train_step is not None and val_step is not None
        return "comprehension" if val_step - train_step < gap else "grokking"
    if not complete:
        return UNDECIDED
    if fitted:
        return "memorization"
    if generalised:
        return "inversion" if noisy else "val_only"
    return "confusion"


def reached(step: float | None) -> bool:
    return step is not None and not math.isnan(step)


CLASSIFY_COLUMNS = (
    "steps",
    "status",
    "budget",
    "task.label_noise",
    "train_steps",
    "val_steps",
    "phase.train_accuracy",
    "phase.val_accuracy",
    *dict.fromkeys(column for kind in KINDS.values() for column in kind.columns),
)


def phase_of(row: Mapping[str, Any], rule: Rule) -> str:
    """The phase of one row, given as a mapping with the columns that `classify` names."""
    if row["status"] == "failed" or not reached(row["steps"]):
        return UNDECIDED
    own_budget: Any = row.get("budget")
    budget = rule.budget or (int(own_budget) if reached(own_budget) else int(row["steps"]))
    return OF_ROW[rule.name](row, rule, budget)


def _first_crossing_phase(row: Mapping[str, Any], rule: Rule, budget: int) -> str:
    try:
        train_step = _crossing(row, "train", rule.train_accuracy, budget)
        val_step = _crossing(row, "val", rule.val_accuracy, budget)
    except LookupError:
        return UNDECIDED
    complete = row["status"] == "diverged" or row["steps"] >= budget
    noise = row.get("task.label_noise")
    noisy = reached(noise) and noise > 0  # type: ignore[operator]
    gap = rule.gap_steps(budget)
    return decide(train_step, val_step, gap=gap, complete=complete, noisy=noisy)


OF_ROW: dict[str, Callable[[Mapping[str, Any], Rule, int], str]] = {
    FIRST_CROSSING: _first_crossing_phase,
    FINAL_ACCURACY: final_phase,
}
"""What each rule says of a row that did not fail, within a budget."""


def _crossing(row: Mapping[str, Any], side: str, accuracy: float, budget: int) -> float | None:
    """First step at `accuracy`, None if not within the budget; LookupError if not recorded."""
    recorded = row.get(f"phase.{side}_accuracy")
    ladder = row.get(f"{side}_steps")
    if recorded == accuracy:
        step = row[f"{side}_step"]
    elif ladder is not None and accuracy in LADDER:
        step = ladder[LADDER.index(accuracy)]
    elif not reached(recorded):  # nothing says that it was another threshold
        step = row[f"{side}_step"]
    else:
        raise LookupError(accuracy)
    return step if reached(step) and step <= budget else None
