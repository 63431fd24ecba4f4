"""How much a phase map owes to its rule: the same runs under other budgets, gaps, accuracies."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

import pandas as pd

from phasegrok.errors import InputError
from phasegrok.frames.compare import phase_words
from phasegrok.frames.grid import Axis, phase_map
from phasegrok.phases import LADDER, UNDECIDED, Rule, classify
from phasegrok.words import counted

# A rule and the words for it on a figure.
Named = tuple[str, Rule]


def budget_rules(
    rule: Rule, budget: int, shares: Sequence[float] = (0.25, 0.5, 1.0)
) -> list[Named]:
    """The rule under shares of a budget in steps, rounded down: T/4, T/2 and T by default.

    The gap stays what it is in steps under the whole budget. One thing changes at a time: with
    less budget a run can lose a crossing, and never turns from grokking to comprehension.

    Raises:
        InputError: a share is no step, or the rule reads what runs keep of their last step alone.
    """
    if not rule.kind.retires:
        raise InputError(
            f"the rule {rule.name} reads accuracies at the end of the budget, of which runs keep "
            "none for a smaller one: there are no maps of other budgets"
        )
    steps = [int(Fraction(str(share)) * budget) for share in shares]
    if min(steps, default=0) < 1:
        raise InputError(f"budget {budget}: its shares {list(shares)} must be one step or more")
    gap = math.ceil(rule.gap_steps(budget))  # crossings are whole steps: rounding up changes none
    return [
        (f"budget {counted(part, 'step')}", replace(rule, budget=part, gap=gap)) for part in steps
    ]


def gap_rules(rule: Rule, gaps: Sequence[int | float] | None = None) -> list[Named]:
    """The rule under other gaps, each in steps or, below 1, a share of the budget, as `Rule` says.

    None stands for half the rule's own gap, the gap, and twice the gap. Equal ones count once.

    Raises:
        InputError: the rule has no gap, or one that has no half or double.
    """
    if "gap" not in rule.kind.numbers:
        raise InputError(f"the rule {rule.name} has no gap: there are no maps of other gaps")
    if gaps is None:
        gaps = [_times(rule.gap, factor) for factor in (0.5, 1, 2)]
    return [(_gap_words(gap), replace(rule, gap=gap)) for gap in dict.fromkeys(gaps)]


_NAME_GAPS = "name others, as in --gaps 0.1 200"


def _times(gap: int | float, factor: float) -> int | float:
    """A multiple of a gap that is read in the same unit: shares stay shares, steps whole steps."""
    if not gap:
        raise InputError(f"the rule's gap is 0, which has no half or double: {_NAME_GAPS}")
    if _is_share(gap):
        if gap * factor >= 1:
            raise InputError(f"twice the gap {gap} is no share of the budget: {_NAME_GAPS}")
        return gap * factor
    return max(1, round(gap * factor))


def _is_share(gap: int | float) -> bool:
    return isinstance(gap, float) and gap < 1


def _gap_words(gap: int | float) -> str:
    return f"gap {100 * gap:g} % of the budget" if _is_share(gap) else f"gap {counted(gap, 'step')}"


def accuracy_rules(
    rule: Rule, accuracies: Sequence[float] = LADDER, of: str | None = None
) -> list[Named]:
    """The rule with its thresholds at each of these accuracies: both, or that of "train" or "val".

    By first crossing, every run keeps its crossings for the accuracies of the ladder. Any other is
    answered only by runs that were trained under it, and leaves the rest undecided; so is, under a
    higher accuracy than it was stopped at, a run that had not crossed it by then.
    """
    if of not in (None, *_WORDS):
        raise InputError(f"of = {of!r}: an accuracy is of {' or of '.join(_WORDS)}")
    moved = [f"{name}_accuracy" for name in _WORDS if of in (None, name)]
    rules = [replace(rule, **dict.fromkeys(moved, each)) for each in accuracies]
    return [(accuracy_words(each, of), each) for each in rules]


_WORDS = {"train": "training accuracy", "val": "validation accuracy"}


def accuracy_words(rule: Rule, of: str | None = None) -> str:
    """The thresholds of a rule, as `accuracy_rules` calls them."""
    if of is not None:
        return f"{_WORDS[of]} ≥ {getattr(rule, f'{of}_accuracy'):g}"
    if rule.train_accuracy == rule.val_accuracy:
        return f"accuracy ≥ {rule.val_accuracy:g}"
    return f"training accuracy ≥ {rule.train_accuracy:g}, validation ≥ {rule.val_accuracy:g}"


def sensitivity(
    frame: pd.DataFrame, axes: Mapping[str, Axis], rules: Sequence[Named]
) -> pd.DataFrame:
    """The phase map of the same runs under each of several rules, one below the other.

    Args:
        frame: one row per run, with a column for every axis and what `classify` needs; the column
            `phase` is not read.
        rules: words and rule; the words tell the maps apart. A rule that the rows cannot answer
            gives undecided cells.

    Returns:
        The columns of `phase_map`, with `rule` (the words): len(rules) times the cells.
    """
    words = [name for name, _ in rules]
    if not words or len(set(words)) < len(words):
        raise InputError(f"sensitivity needs one or more rules with different names; got {words}")
    maps = [
        phase_map(frame.assign(phase=classify(frame, rule)), axes).assign(rule=name)
        for name, rule in rules
    ]
    return pd.concat(maps, ignore_index=True)


def changes(full: pd.DataFrame, reference: str | None = None) -> pd.DataFrame:
    """How many cells show something else than under a reference rule.

    Args:
        full: as from `sensitivity`.
        reference: the words of the rule to compare with; None takes the last.

    Returns:
        One row per rule: `rule`; `cells` (those that show a phase or a tie under it and under the
        reference); `changed` (how many of them differ; a tie of other phases does); `share`
        (changed / cells; NaN without cells); `undecided` (cells that this rule leaves so).
    """
    maps = {str(name): cells for name, cells in full.groupby("rule", sort=False)}
    reference = list(maps)[-1] if reference is None else reference
    if reference not in maps:
        raise InputError(f"no rule {reference!r} to compare with; there is {', '.join(maps)}")
    base = phase_words(maps[reference]).array
    rows = []
    for name, cells in maps.items():
        same = pd.Series(phase_words(cells).array == base).dropna()
        changed, undecided = int((~same).sum()), cells["shown"].tolist().count(UNDECIDED)
        share = changed / len(same) if len(same) else math.nan
        rows.append((name, len(same), changed, share, undecided))
    return pd.DataFrame(rows, columns=["rule", "cells", "changed", "share", "undecided"])
