"""Which phase a run is in: comprehension, grokking, memorization or confusion, and two side cases.

The rule is Liu et al. 2022 (arXiv 2205.10343), Table 1: accuracy thresholds on training and
validation data, the *first* evaluated step that reaches each, and the gap between the two steps.
First crossing means that a run which fitted and later collapsed still counts as having fitted.
A run that did not generalise within its budget is censored, not proven unable to.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from phasegrok.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

PHASES = ("comprehension", "grokking", "memorization", "confusion", "inversion", "val_only")
UNDECIDED = "undecided"

# Accuracies whose first crossings every run keeps, so that it can be judged by other thresholds.
LADDER = (0.5, 0.6, 0.8, 0.9, 0.95, 0.99, 0.999)


@dataclass(frozen=True)
class Rule:
    """A first-crossing rule (Liu et al. 2022, Table 1).

    `gap` as an integer is in steps; as a float below 1 it is a share of the budget (the published
    1000 of 1e5 steps is 0.01). `budget` in steps; None means the budget each run was given.
    A crossing later than the budget counts as never.
    """

    train_accuracy: float = 0.9
    val_accuracy: float = 0.9
    gap: int | float = 0.01
    budget: int | None = None

    def __post_init__(self) -> None:
        accuracies = (self.train_accuracy, self.val_accuracy)
        faults = [
            f"accuracy {a}: must be above 0 and at most 1" for a in accuracies if not 0 < a <= 1
        ]
        if not self.gap >= 0:
            faults.append(
                f"gap {self.gap}: must be 0 or more (steps; below 1, a share of the budget)"
            )
        if faults:
            raise InputError([f"Rule: {fault}" for fault in faults])

    @classmethod
    def from_config(cls, phase: Mapping[str, Any]) -> Rule:
        return cls(phase["train_accuracy"], phase["val_accuracy"], phase["gap"])

    def gap_steps(self, budget: int) -> float:
        """The gap in steps for a run with this budget; exact, so that 0.07 of 100 is 7."""
        share = isinstance(self.gap, float) and self.gap < 1
        return float(Fraction(str(self.gap)) * budget) if share else self.gap


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
    """The phase of one run from its two first crossings (None or NaN: never).

    Args:
        gap: steps between the crossings from which a run groks.
        complete: the run was followed to the end of its budget (or diverged). If it was not,
            a threshold it has not crossed yet stays open and the phase is undecided.
        noisy: some training labels are wrong, so that generalising without fitting has a meaning.
    """
    fitted, generalised = _reached(train_step), _reached(val_step)
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


def _reached(step: float | None) -> bool:
    return step is not None and not math.isnan(step)


def classify(frame: pd.DataFrame, rule: Rule | None = None) -> pd.Series:
    """The phase of every row of a frame, under any rule, without training anything.

    Needs the columns `train_step`, `val_step` (null: never), `steps` and `status`; uses `budget`,
    `task.label_noise`, the ladders `train_steps`/`val_steps`, and the thresholds for which
    `train_step`/`val_step` were recorded (`phase.train_accuracy`, `phase.val_accuracy`) if there.
    A row that cannot answer the rule (a threshold that is not on the ladder, or a run that
    stopped before this rule's thresholds and its budget) is "undecided".
    """
    import pandas as pd

    rule = rule or Rule()
    missing = [c for c in ("train_step", "val_step", "steps", "status") if c not in frame]
    if missing:
        raise InputError(f"classify needs the column(s) {', '.join(missing)}; got {list(frame)}")
    names = [c for c in CLASSIFY_COLUMNS if c in frame]
    rows = zip(*(_with_none(frame[name]) for name in names), strict=True)
    labels = [phase_of(dict(zip(names, row, strict=True)), rule) for row in rows]
    return pd.Series(labels, index=frame.index, name="phase", dtype="str")


CLASSIFY_COLUMNS = (
    "train_step",
    "val_step",
    "steps",
    "status",
    "budget",
    "task.label_noise",
    "train_steps",
    "val_steps",
    "phase.train_accuracy",
    "phase.val_accuracy",
)


def _with_none(column: Any) -> list[Any]:
    """The values of a column, with None for whatever kind of null its type has."""
    return column.astype(object).where(column.notna(), None).tolist()


def phase_of(row: Mapping[str, Any], rule: Rule) -> str:
    """The phase of one row, given as a mapping with the columns that `classify` names."""
    if row["status"] == "failed" or not _reached(row["steps"]):
        return UNDECIDED
    own_budget: Any = row.get("budget")
    budget = rule.budget or (int(own_budget) if _reached(own_budget) else int(row["steps"]))
    try:
        train_step = _crossing(row, "train", rule.train_accuracy, budget)
        val_step = _crossing(row, "val", rule.val_accuracy, budget)
    except LookupError:
        return UNDECIDED
    complete = row["status"] == "diverged" or row["steps"] >= budget
    noise = row.get("task.label_noise")
    noisy = _reached(noise) and noise > 0  # type: ignore[operator]
    gap = rule.gap_steps(budget)
    return decide(train_step, val_step, gap=gap, complete=complete, noisy=noisy)


def _crossing(row: Mapping[str, Any], side: str, accuracy: float, budget: int) -> float | None:
    """First step at `accuracy`, None if not within the budget; LookupError if not recorded."""
    recorded = row.get(f"phase.{side}_accuracy")
    ladder = row.get(f"{side}_steps")
    if recorded == accuracy:
        step = row[f"{side}_step"]
    elif ladder is not None and accuracy in LADDER:
        step = ladder[LADDER.index(accuracy)]
    elif not _reached(recorded):  # nothing says that it was another threshold
        step = row[f"{side}_step"]
    else:
        raise LookupError(accuracy)
    return step if _reached(step) and step <= budget else None


def cell_table(frame: pd.DataFrame, by: Sequence[str], phase: str = "phase") -> pd.DataFrame:
    """One row per cell: phase probabilities over seeds, majority phase, ties and entropy.

    Args:
        by: the columns whose values make a cell. Cells come in the order of those values.

    Returns:
        Columns `by`, then `seeds` (runs whose phase is known), `majority` (a phase, "tie", or
        "undecided" where as many runs or more are undecided), `tied` (the phases that share the
        lead), `p.PHASE` (share of seeds in each phase), `entropy` (bits), `undecided` and
        `failed` (runs).
    """
    import pandas as pd

    failed = frame["status"].eq("failed") if "status" in frame else pd.Series(False, frame.index)
    label = frame[phase].astype(object)
    label = label.where(label.isin(PHASES), UNDECIDED).mask(failed, "failed")
    rows: Any = frame.assign(_label=label).groupby([*by, "_label"], sort=True, dropna=False)
    sizes = rows.size().unstack(fill_value=0)
    counts = sizes.reindex(columns=[*PHASES, UNDECIDED, "failed"], fill_value=0)
    of_phases: list[dict[str, int]] = [
        dict(zip(PHASES, row, strict=True)) for row in counts[list(PHASES)].to_numpy()
    ]
    tied = [leaders(row) for row in of_phases]
    known = counts[list(PHASES)].sum(axis=1)
    table = counts.index.to_frame(index=False)
    table["seeds"] = known.to_numpy()
    table["majority"] = [
        _majority(row, names, left)
        for row, names, left in zip(of_phases, tied, counts[UNDECIDED].tolist(), strict=True)
    ]
    table["tied"] = tied
    for name in PHASES:
        table[f"p.{name}"] = (counts[name] / known.where(known > 0)).to_numpy()
    table["entropy"] = [entropy(row.values()) for row in of_phases]
    for name in (UNDECIDED, "failed"):
        table[name] = counts[name].to_numpy()
    return table


def leaders(counts: Mapping[str, int]) -> tuple[str, ...]:
    """The phases that share the largest count; empty if nothing was counted."""
    top = max(counts.values(), default=0)
    return tuple(name for name, count in counts.items() if count == top) if top else ()


def _majority(counts: Mapping[str, int], tied: Sequence[str], undecided: int) -> str:
    if not tied or undecided >= counts[tied[0]]:
        return UNDECIDED
    return tied[0] if len(tied) == 1 else "tie"


def entropy(counts: Any) -> float:
    """Shannon entropy of the shares, in bits; NaN if nothing was counted."""
    known = [count for count in counts if count]
    total = sum(known)
    if not total:
        return math.nan
    return -sum(c / total * math.log2(c / total) for c in known) + 0.0
