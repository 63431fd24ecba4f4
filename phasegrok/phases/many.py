"""The rules for the rows of a table, all at once; `decide` says what each combination means."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from phasegrok.errors import InputError
from phasegrok.phases.final import final_codes
from phasegrok.phases.kinds import FINAL_ACCURACY, FIRST_CROSSING, KINDS, PHASES, UNDECIDED
from phasegrok.phases.rule import LADDER, Rule, decide, reached

if TYPE_CHECKING:
    import pandas as pd

LABELS = (*PHASES, UNDECIDED)

# A column by its name as floats, NaN for null; `status` as words; None if there is no such column.
# Of a ladder, with the place on it: inf where it was never crossed, NaN where there is no ladder.
Column = Callable[..., np.ndarray | None]


def classify(frame: pd.DataFrame, rule: Rule | None = None) -> pd.Series:
    """The phase of every row of a frame, under any rule, without training anything.

    Needs the columns `steps` and `status`; by first crossing `train_step` and `val_step` (null:
    never), by final accuracies `train_acc`, `val_acc` and `max_val_acc`. Uses `budget`,
    `task.label_noise`, the ladders `train_steps`/`val_steps`, and the thresholds for which
    `train_step`/`val_step` were recorded (`phase.train_accuracy`, `phase.val_accuracy`) if there.
    A row that cannot answer the rule (a threshold that is not on the ladder, or a run that
    stopped before this rule's thresholds and its budget; by final accuracies, one that did not
    train to the budget exactly) is "undecided".
    """
    import pandas as pd

    rule = rule or Rule()
    column = _of_frame(frame, "classify", rule.name)
    labels = np.array(LABELS, object)[codes_of(column, rule)]
    return pd.Series(labels, index=frame.index, name="phase", dtype="str")


def crossings(frame: pd.DataFrame, rule: Rule | None = None) -> pd.DataFrame:
    """When every row first crossed, under any rule, and how far it is known that it did not.

    Args:
        frame: as for `classify`, and read in the same way.
        rule: None takes `train_step` and `val_step` as recorded and each run's own budget.

    Returns:
        One row per row, in steps: `train`, `val` (inf: not within the budget; NaN: the row cannot
        tell), `budget`, and `end`, up to which the run was followed: a diverged one to its
        budget, as by `classify`. All are NaN in a failed row.

    Raises:
        InputError: columns are missing, or without a rule, runs recorded different thresholds.
    """
    import pandas as pd

    column = _of_frame(frame, "crossings")
    if rule is None:
        _refuse_mixed_thresholds(column)
    found = pd.DataFrame(_followed(column, rule)._asdict(), index=frame.index)
    return found.mask(frame["status"].eq("failed"))


def _of_frame(frame: pd.DataFrame, user: str, rule: str = FIRST_CROSSING) -> Column:
    missing = [c for c in (*KINDS[rule].columns, "steps", "status") if c not in frame]
    if missing:
        raise InputError(f"{user} needs the column(s) {', '.join(missing)}; got {list(frame)}")

    def column(name: str, place: int | None = None) -> np.ndarray | None:
        if name not in frame:
            return None
        if place is not None:
            return np.array([_on_ladder(steps, place) for steps in frame[name].tolist()], float)
        if name == "status":
            return frame[name].to_numpy(object)
        return frame[name].to_numpy(float, na_value=np.nan)

    return column


def _refuse_mixed_thresholds(column: Column) -> None:
    for side in ("train", "val"):
        recorded = column(f"phase.{side}_accuracy")
        found = [] if recorded is None else np.unique(recorded[~np.isnan(recorded)]).tolist()
        if len(found) > 1:
            raise InputError(
                f"{side}_step is the step of a phase.{side}_accuracy of {found[0]} in one run and "
                f"of {found[1]} in another: give the rule that all are to be judged by"
            )


def codes_of(column: Column, rule: Rule) -> np.ndarray:
    """What `phase_of` says of every row of a table, as positions in LABELS: [rows] of integers."""
    codes = OF_TABLE[rule.name](column, rule)
    return np.where((codes < 0) | (column("status") == "failed"), LABELS.index(UNDECIDED), codes)


def _first_crossing_codes(column: Column, rule: Rule) -> np.ndarray:
    noise = column("task.label_noise")
    train, val, budget, end = _followed(column, rule)
    with np.errstate(invalid="ignore"):  # inf - inf, of runs that crossed neither
        late = ~(val - train < _gaps(rule, budget))
    noisy = np.zeros(len(end), bool) if noise is None else noise > 0
    facts = (np.isfinite(train), np.isfinite(val), late, end >= budget, noisy)
    unknown = np.isnan(end) | np.isnan(train) | np.isnan(val)
    decided = _decisions()[sum(fact.astype(int) << bit for bit, fact in enumerate(facts))]
    return np.where(unknown, -1, decided)


def _final_accuracy_codes(column: Column, rule: Rule) -> np.ndarray:
    steps, status = column("steps"), column("status")
    assert steps is not None and status is not None
    return final_codes(column, rule, steps, status, _budgets(column, steps, rule))


OF_TABLE: dict[str, Callable[[Column, Rule], np.ndarray]] = {
    FIRST_CROSSING: _first_crossing_codes,
    FINAL_ACCURACY: _final_accuracy_codes,
}
"""What each rule says of all rows, as positions in LABELS; below 0: undecided. Failed rows mean
nothing."""


@cache
def _decisions() -> np.ndarray:
    """What `decide` says in each case; the bits of a position are the facts that were seen."""
    cases = [[bool(case >> bit & 1) for bit in range(5)] for case in range(32)]
    return np.array([
        LABELS.index(decide(0 if fitted else None, int(late) if generalised else None,
                            gap=1, complete=complete, noisy=noisy))
        for fitted, generalised, late, complete, noisy in cases
    ])  # fmt: skip


class _Followed(NamedTuple):
    """The columns of `crossings`, where those of failed rows mean nothing."""

    train: np.ndarray
    val: np.ndarray
    budget: np.ndarray
    end: np.ndarray


def _followed(column: Column, rule: Rule | None) -> _Followed:
    steps, status = column("steps"), column("status")
    assert steps is not None and status is not None
    budget = _budgets(column, steps, rule)
    # What diverged will not cross any more: it is known to the end of its budget.
    end = np.where((status == "diverged") & ~np.isnan(steps), budget, np.minimum(steps, budget))
    train = _crossings(column, "train", rule and rule.train_accuracy, budget)
    val = _crossings(column, "val", rule and rule.val_accuracy, budget)
    return _Followed(train, val, budget, end)


def _budgets(column: Column, steps: np.ndarray, rule: Rule | None) -> np.ndarray:
    if rule and rule.budget:
        return np.full(len(steps), float(rule.budget))
    own = column("budget")
    return np.trunc(steps if own is None else np.where(np.isnan(own), steps, own))


def _gaps(rule: Rule, budget: np.ndarray) -> np.ndarray:
    distinct, at = np.unique(np.nan_to_num(budget), return_inverse=True)
    return np.array([rule.gap_steps(int(steps)) for steps in distinct], float)[at]


def _crossings(column: Column, side: str, accuracy: float | None, budget: np.ndarray) -> np.ndarray:
    """`_crossing` of every row: inf where there is none, NaN where it is not recorded.

    An accuracy of None is that of the record, whichever it was.
    """
    own, recorded = column(f"{side}_step"), column(f"phase.{side}_accuracy")
    assert own is not None
    own, step = np.where(np.isnan(own), np.inf, own), np.full(len(own), np.nan)
    if accuracy is None:
        return np.where(own > budget, np.inf, own)
    recorded = step if recorded is None else recorded
    if accuracy in LADDER and not np.all(recorded == accuracy):
        ladder = column(f"{side}_steps", LADDER.index(accuracy))
        step = step if ladder is None else ladder
    step = np.where(np.isnan(step) & np.isnan(recorded), own, step)
    step = np.where(recorded == accuracy, own, step)
    return np.where(step > budget, np.inf, step)


def _on_ladder(steps: Any, place: int) -> float:
    """One crossing of a ladder as `codes_of` wants it; the ladder may be a null of any kind."""
    try:
        step = steps[place]
    except TypeError:
        return math.nan
    return step if reached(step) else math.inf
