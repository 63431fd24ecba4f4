"""The same runs under other rules."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from phasegrok.errors import InputError
from phasegrok.frames.grid import Axis, axes_of, phase_map
from phasegrok.frames.rules import (
    accuracy_rules,
    budget_rules,
    changes,
    gap_rules,
    sensitivity,
)
from phasegrok.phases import LADDER, Rule, classify
from tests.frames.cases import COL, ROW, X, Y, frame_of, runs_of

RULE = Rule(gap=100)


def test_a_smaller_budget_takes_crossings_away_and_changes_no_gap() -> None:
    frame = runs_of("x train val", (0.1, 10, 20), (0.2, 10, 400), (0.3, 10, 900), (0.4, 600, 650),
                    (0.5, 10, None))  # fmt: skip
    axes = axes_of(frame, {"x": X})
    rules = budget_rules(Rule(gap=0.1), 1000)
    assert [name for name, _ in rules] == [f"budget {n} steps" for n in (250, 500, 1000)]
    assert {rule.gap for _, rule in rules} == {100}, "0.1 of the whole budget, in steps"
    full = sensitivity(frame, axes, rules)
    shown = {rule: cells["shown"].tolist() for rule, cells in full.groupby("rule", sort=False)}
    c, g, m, f = "comprehension", "grokking", "memorization", "confusion"
    assert shown == {
        "budget 250 steps": [c, m, m, f, m],
        "budget 500 steps": [c, g, m, f, m],
        "budget 1000 steps": [c, g, g, c, m],
    }
    expected = pd.DataFrame({
        "rule": list(shown), "cells": 5, "changed": [3, 2, 0], "share": [0.6, 0.4, 0.0],
        "undecided": 0,
    })  # fmt: skip
    pd.testing.assert_frame_equal(changes(full), expected)
    assert changes(full, "budget 500 steps")["changed"].tolist() == [1, 0, 2]


@pytest.mark.parametrize(
    ("budget", "shares", "parts"),
    [(10, (0.25, 0.5, 1), [2, 5, 10]), (100, (0.29, 0.7), [29, 70]), (1000, (2,), [2000])],
)
def test_shares_of_a_budget_are_whole_steps(
    budget: int, shares: tuple[float, ...], parts: list[int]
) -> None:
    assert [rule.budget for _, rule in budget_rules(RULE, budget, shares)] == parts


def test_a_gap_of_part_of_a_step_is_no_share_of_the_smaller_budget() -> None:
    (_, rule), *_ = budget_rules(Rule(gap=0.01), 40)
    assert rule.gap == 1 and isinstance(rule.gap, int)


def test_a_budget_that_has_no_quarter_is_refused() -> None:
    with pytest.raises(InputError, match=r"budget 3: its shares .* one step or more"):
        budget_rules(RULE, 3)


@pytest.mark.parametrize(
    ("gap", "gaps", "names"),
    [
        (1000, [500, 1000, 2000], ["gap 500 steps", "gap 1000 steps", "gap 2000 steps"]),
        (0.05, [0.025, 0.05, 0.1],
         ["gap 2.5 % of the budget", "gap 5 % of the budget", "gap 10 % of the budget"]),
    ],
)  # fmt: skip
def test_half_the_gap_and_twice_the_gap_are_in_its_own_unit(
    gap: int | float, gaps: list[float], names: list[str]
) -> None:
    rules = gap_rules(Rule(gap=gap))
    assert [rule.gap for _, rule in rules] == gaps and [name for name, _ in rules] == names
    assert all(type(rule.gap) is type(gap) for _, rule in rules)


def test_gaps_without_a_half_or_a_double_must_be_given() -> None:
    with pytest.raises(InputError, match="name others"):
        gap_rules(Rule(gap=0))
    with pytest.raises(InputError, match=r"twice the gap 0\.6"):
        gap_rules(Rule(gap=0.6))
    given = gap_rules(Rule(gap=0), [0, 10, 0.5])
    assert [rule.gap for _, rule in given] == [0, 10, 0.5]


def test_another_gap_moves_cells_between_comprehension_and_grokking() -> None:
    frame = runs_of("x train val", (0.1, 10, 70), (0.2, 10, 120), (0.3, 10, 300), (0.4, 5, None))
    full = sensitivity(frame, axes_of(frame, {"x": X}), gap_rules(RULE))
    told = changes(full, "gap 100 steps")
    assert told["changed"].tolist() == [1, 0, 1] and told["cells"].tolist() == [4, 4, 4]


def test_both_thresholds_move_along_the_ladder() -> None:
    rules = accuracy_rules(RULE)
    assert [rule.train_accuracy for _, rule in rules] == list(LADDER)
    assert [rule.val_accuracy for _, rule in rules] == list(LADDER)
    assert {(rule.gap, rule.budget) for _, rule in rules} == {(100, None)}
    assert [name for name, _ in rules][-2:] == ["accuracy ≥ 0.99", "accuracy ≥ 0.999"]


def laddered() -> pd.DataFrame:
    """Two runs retired at 0.9, one that went on to its budget."""
    rows = [(0.1, 10, 20), (0.2, 10, 900), (0.3, 10, None)]
    frame = runs_of("x train val", *rows)
    frame["train_steps"] = [[5, 6, 8, 10, 12, 15, None]] * 3
    frame["val_steps"] = [
        [15, 16, 18, 20, None, None, None],
        [300, 500, 800, 900, None, None, None],
        [50, 60, None, None, None, None, None],
    ]
    return frame.assign(**{"phase.train_accuracy": 0.9, "phase.val_accuracy": 0.9})


def test_what_the_rows_cannot_answer_is_undecided_and_no_change() -> None:
    frame = laddered()
    full = sensitivity(frame, axes_of(frame, {"x": X}), accuracy_rules(RULE, [0.6, 0.9, 0.95, 0.7]))
    shown = [cells["shown"].tolist() for _, cells in full.groupby("rule", sort=False)]
    c, g, m, u = "comprehension", "grokking", "memorization", "undecided"
    assert shown == [[c, g, c], [c, g, m], [u, u, m], [u, u, u]]
    told = changes(full, "accuracy ≥ 0.9").set_index("rule")
    assert told["cells"].tolist() == [3, 3, 1, 0] and told["changed"].tolist() == [1, 0, 0, 0]
    assert told["undecided"].tolist() == [0, 0, 2, 3]
    np.testing.assert_array_equal(told["share"], [1 / 3, 0, 0, np.nan])


def test_each_part_is_the_phase_map_under_its_rule() -> None:
    frame = laddered().assign(phase="no phase of ours")
    axes = {"x": Axis.of(X, [0.1, 0.2, 0.3, 0.8], "linear")}
    rules = accuracy_rules(RULE, [0.5, 0.9])
    full = sensitivity(frame, axes, rules)
    assert len(full) == 8 and full["shown"].tolist().count("missing") == 2
    for name, rule in rules:
        expected = phase_map(frame.assign(phase=classify(frame, rule)), axes)
        part = full.loc[full["rule"] == name].drop(columns="rule").reset_index(drop=True)
        pd.testing.assert_frame_equal(part, expected)


def test_a_tie_that_becomes_another_tie_has_changed_and_missing_cells_count_nowhere() -> None:
    frame = runs_of("x train val", (0.1, 10, 70), (0.1, 10, None), (0.2, 10, 70), (0.2, 10, 70))
    frame = pd.concat([frame, frame_of("x status", (0.4, "failed"))])
    axes = {"x": Axis.of(X, [0.1, 0.2, 0.4, 0.8], "linear")}
    full = sensitivity(frame, axes, gap_rules(RULE, [100, 50]))
    first, second = (cells for _, cells in full.groupby("rule", sort=False))
    assert first["shown"].tolist() == ["tie", "comprehension", "failed", "missing"]
    assert second["shown"].tolist() == ["tie", "grokking", "failed", "missing"]
    told = changes(full)
    assert told["cells"].tolist() == [2, 2] and told["changed"].tolist() == [2, 0]


def test_four_axes_and_a_lone_cell() -> None:
    rows = [(x, y, r, c, 10, 60) for x in (1, 2) for y in (0, 1) for r in (1, 2) for c in (1, 2)]
    frame = runs_of("x y row col train val", *rows)
    axes = axes_of(frame, {"x": X, "y": Y, "row": ROW, "col": COL})
    told = changes(sensitivity(frame, axes, gap_rules(RULE)))
    assert told["cells"].tolist() == [16] * 3 and told["changed"].tolist() == [16, 0, 0]
    one = frame.iloc[:1]
    full = sensitivity(one, {"x": Axis.of(X, [1])}, gap_rules(RULE))
    assert len(full) == 3
    np.testing.assert_array_equal(changes(full)["share"], [1.0, 0.0, 0.0])


def test_rules_must_be_told_apart_and_a_reference_must_be_one_of_them() -> None:
    frame = runs_of("x train val", (0.1, 10, 20))
    axes = axes_of(frame, {"x": X})
    for rules in ([], [("mine", RULE), ("mine", Rule())]):
        with pytest.raises(InputError, match="one or more rules with different names"):
            sensitivity(frame, axes, rules)
    full = sensitivity(frame, axes, [("mine", RULE)])
    with pytest.raises(InputError, match="no rule 'yours' to compare with; there is mine"):
        changes(full, "yours")
    with pytest.raises(InputError, match="train_step"):
        sensitivity(frame.drop(columns="train_step"), axes, [("mine", RULE)])


def test_maps_of_other_gaps_and_budgets_are_of_first_crossing_alone() -> None:
    final = Rule(name="final_accuracy")
    with pytest.raises(InputError, match="the rule final_accuracy has no gap"):
        gap_rules(final, [0.01])
    with pytest.raises(InputError, match="of which runs keep none for a smaller one"):
        budget_rules(final, 400)
    assert [rule.train_accuracy for _, rule in accuracy_rules(final, (0.5, 0.9))] == [0.5, 0.9]
