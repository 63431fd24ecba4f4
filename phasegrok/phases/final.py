"""The rule of final accuracies: Doshi et al. 2023 (arXiv 2310.13061), the table of the appendix.

| phase | training accuracy at the end | validation accuracy at the end |
| --- | --- | --- |
| coexistence | reaches its threshold | reaches its threshold |
| partial inversion | does not; 1.05 - label noise or more | reaches it |
| full inversion | does not; below 1.05 - label noise | reaches it |
| memorization | reaches it | does not |
| forgetting | does not | does not, and did before |
| confusion | does not | never did |

A network that gives every training example its true label has the training accuracy 1 - noise, and
a little for wrong labels that are drawn right; 0.05 is the published slack for that and for chance.
As printed, a run with little noise (below 0.15) can meet two rows: with accuracies of 0.9 or more
and below 1.05 - noise it would be of coexistence and of full inversion, as every run that
generalises is without noise. Here the order of the table decides: what reaches both thresholds is
coexistence. Up to a noise of 0.15 there is therefore no partial inversion, and corrupted labels
that were unlearned show only once the training accuracy falls below its threshold.

A run that diverged has lost what it knew: it ends below both thresholds, whatever is written down.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from phasegrok.phases.kinds import PHASES, UNDECIDED

if TYPE_CHECKING:
    from phasegrok.phases.rule import Rule


def decide_final(*, fitted: bool, generalised: bool, full: bool, before: bool) -> str:
    """The phase of one run from how it ended.

    Args:
        fitted, generalised: training and validation accuracy reach their thresholds at the end.
        full: the training accuracy is below `full_below` at the end.
        before: the validation accuracy reached its threshold at some evaluation.
    """
    if generalised:
        if fitted:
            return "coexistence"
        return "full inversion" if full else "partial inversion"
    if fitted:
        return "memorization"
    return "forgetting" if before else "confusion"


def full_below(noise: float, slack: float) -> float:
    """The training accuracy below which inversion is full: 1 + slack - noise.

    It is the float nearest to the sum of the decimals, so that an accuracy, which is the float
    nearest to a share of right answers, compares with it as the share itself does.
    """
    return float(1 + Fraction(str(slack)) - Fraction(f"{noise:.12g}"))


def final_phase(row: Mapping[str, Any], rule: Rule, budget: int) -> str:
    """The phase of one row that did not fail; undecided if it does not end with the budget.

    Args:
        row: as for `phase_of`, with `train_acc`, `val_acc`, `max_val_acc` and `task.label_noise`.
    """
    diverged = row["status"] == "diverged"
    if row["steps"] > budget or (row["steps"] < budget and not diverged):
        return UNDECIDED
    ends = (
        [0.0, 0.0] if diverged else [_number(row.get(f"{side}_acc")) for side in ("train", "val")]
    )
    best, noise = _number(row.get("max_val_acc")), _number(row.get("task.label_noise"))
    train, val = ends
    if train is None or val is None:
        return UNDECIDED
    fitted, generalised = train >= rule.train_accuracy, val >= rule.val_accuracy
    if best is None and not (fitted or generalised):
        return UNDECIDED
    return decide_final(
        fitted=fitted,
        generalised=generalised,
        full=train < full_below(noise or 0.0, rule.slack),
        before=best is not None and best >= rule.val_accuracy,
    )


def _number(value: Any) -> float | None:
    return None if value is None or not np.isfinite(value) else float(value)


def final_codes(
    column: Callable[..., np.ndarray | None],
    rule: Rule,
    steps: np.ndarray,
    status: np.ndarray,
    budget: np.ndarray,
) -> np.ndarray:
    """What `final_phase` says of every row, as positions in PHASES; -1: undecided.

    Args:
        column: as for `codes_of`; steps, status, budget: [rows], of which failed ones mean nothing.
    """
    diverged = status == "diverged"
    train, val, best = (_floats(column(name), len(steps)) for name in rule.kind.columns)
    train, val = np.where(diverged, 0.0, train), np.where(diverged, 0.0, val)
    fitted, generalised = train >= rule.train_accuracy, val >= rule.val_accuracy
    full = train < limits(_floats(column("task.label_noise"), len(steps)), rule.slack)
    facts = (fitted, generalised, full, best >= rule.val_accuracy)
    codes = _decisions()[sum(fact.astype(int) << bit for bit, fact in enumerate(facts))]
    known = (steps == budget) | (diverged & (steps < budget))
    known &= ~np.isnan(train) & ~np.isnan(val) & (fitted | generalised | ~np.isnan(best))
    return np.where(known, codes, -1)


def limits(noise: np.ndarray, slack: float) -> np.ndarray:
    """`full_below` of every row; a task without label noise has none."""
    distinct, at = np.unique(np.nan_to_num(noise), return_inverse=True)
    return np.array([full_below(each, slack) for each in distinct.tolist()], float)[at]


def _floats(values: np.ndarray | None, rows: int) -> np.ndarray:
    """A column of numbers, NaN where there is none or no finite one."""
    if values is None:
        return np.full(rows, np.nan)
    return np.where(np.isfinite(values), values, np.nan)


@cache
def _decisions() -> np.ndarray:
    """What `decide_final` says in each case; the bits of a position are the facts."""
    names = ("before", "full", "generalised", "fitted")  # the last runs fastest, as bit 0
    cases = [dict(zip(names, case, strict=True)) for case in product((False, True), repeat=4)]
    return np.array([PHASES.index(decide_final(**case)) for case in cases])
