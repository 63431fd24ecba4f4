"""The phase of a run: every branch of the rule."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from phasegrok.errors import InputError
from phasegrok.phases import (
    CLASSIFY_COLUMNS,
    KINDS,
    LADDER,
    NUMBERS,
    Rule,
    decide,
    needed,
    phase_of,
)
from phasegrok.phases.many import OF_TABLE
from phasegrok.phases.rule import OF_ROW
from tests.phase_cases import RECORDED, ladder, laddered, row

NAN = float("nan")


@pytest.mark.parametrize(
    "train_step, val_step, expected",
    [
        (100, 199, "comprehension"),
        (100, 200, "grokking"),
        (100, 100, "comprehension"),
        (300, 100, "comprehension"),  # generalised before it fitted
        (0, 0, "comprehension"),
        (100, None, "memorization"),
        (0, None, "memorization"),
        (None, None, "confusion"),
        (None, 100, "val_only"),
        (None, 0, "val_only"),
    ],
)
def test_a_finished_run_is_labelled_by_its_two_first_crossings(
    train_step: int | None, val_step: int | None, expected: str
) -> None:
    assert decide(train_step, val_step, gap=100) == expected


@pytest.mark.parametrize("crossings", [(100, None), (None, None), (None, 100)])
def test_a_run_that_was_not_followed_to_its_end_is_undecided(crossings: Any) -> None:
    assert decide(*crossings, gap=100, complete=False) == "undecided"


def test_a_run_that_crossed_both_thresholds_is_decided_before_its_end() -> None:
    assert decide(10, 20, gap=100, complete=False) == "comprehension"
    assert decide(10, 200, gap=100, complete=False) == "grokking"


@pytest.mark.parametrize("never", [None, NAN, np.nan, math.inf])
def test_every_way_to_write_never_means_never(never: Any) -> None:
    assert phase_of(row(100, never), Rule()) == "memorization"
    assert phase_of(row(never, never), Rule()) == "confusion"


def test_generalising_without_fitting_is_inversion_only_where_labels_are_noisy() -> None:
    def with_noise(noise: Any) -> str:
        return phase_of(row(None, 100, **{"task.label_noise": noise}), Rule())

    assert with_noise(0.3) == "inversion"
    assert [with_noise(clean) for clean in (0.0, None, NAN)] == ["val_only"] * 3
    assert phase_of(row(None, 100), Rule()) == "val_only"


# ------------------------------------------------------------------------------------- thresholds


@pytest.mark.parametrize(
    "accuracy, total, count",
    [
        (0.9, 10, 9),
        (0.9, 45, 41),
        (0.9, 24, 22),
        (0.9, 12, 11),
        (0.6, 5, 3),
        (0.999, 1000, 999),
        (0.7, 10, 7),  # 0.7 * 10 is 7.000000000000001 in some orders of rounding
        (0.29, 100, 29),  # 0.29 * 100 is 28.999999999999996
        (0.55, 100, 55),  # 0.55 * 100 is 55.00000000000001
        (1.0, 7, 7),
        (1, 7, 7),
        (0.0, 7, 0),
    ],
)
def test_a_threshold_is_an_exact_count_of_right_answers(
    accuracy: float, total: int, count: int
) -> None:
    assert needed(accuracy, total) == count


@pytest.mark.parametrize("total", [1, 3, 10, 45, 97, 9409])
@pytest.mark.parametrize("accuracy", LADDER)
def test_the_needed_count_is_the_smallest_that_reaches_the_accuracy(
    accuracy: float, total: int
) -> None:
    count, per_mille = needed(accuracy, total), round(accuracy * 1000)
    assert 1000 * count >= per_mille * total > 1000 * (count - 1)


def test_an_integer_gap_is_in_steps_and_a_float_below_one_is_a_share_of_the_budget() -> None:
    assert Rule(gap=1000).gap_steps(2000) == 1000
    assert Rule(gap=0.01).gap_steps(100_000) == 1000
    assert Rule(gap=0.05).gap_steps(2000) == 100
    assert Rule(gap=50.0).gap_steps(2000) == 50
    assert Rule(gap=1).gap_steps(2000) == 1
    assert Rule(gap=0).gap_steps(2000) == 0


@pytest.mark.parametrize("percent", range(1, 100))
def test_a_gap_that_is_a_share_is_an_exact_number_of_steps(percent: int) -> None:
    gap = Rule(gap=percent / 100).gap_steps(100)
    assert decide(0, percent, gap=gap) == "grokking"
    assert decide(0, percent - 1, gap=gap) == "comprehension"


def test_a_share_is_of_the_budget_and_not_of_the_steps_that_were_trained() -> None:
    early = row(100, 199, steps=199, budget=2000)
    assert phase_of(early, Rule(gap=0.05)) == "comprehension"
    assert phase_of(early, Rule(gap=0.05, budget=1000)) == "grokking"
    assert phase_of(early | {"budget": None}, Rule(gap=0.05)) == "grokking"  # 0.05 of 199


def test_a_rule_is_read_from_the_phase_part_of_a_configuration() -> None:
    phase = {"name": "first_crossing", "train_accuracy": 0.8, "val_accuracy": 0.6, "gap": 7}
    assert Rule.from_config(phase) == Rule(0.8, 0.6, 7)


def test_the_default_rule_is_the_published_one() -> None:
    assert Rule() == Rule(train_accuracy=0.9, val_accuracy=0.9, gap=0.01, budget=None)


@pytest.mark.parametrize("wrong", [{"val_accuracy": 90}, {"train_accuracy": 0}, {"gap": -3}])
def test_a_rule_that_cannot_work_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="must be"):
        Rule(**wrong)


# ----------------------------------------------------------------------------------------- budget


def test_a_crossing_later_than_the_budget_counts_as_never() -> None:
    late = row(100, 1500)
    assert phase_of(late, Rule(gap=50)) == "grokking"
    assert phase_of(late, Rule(gap=50, budget=1500)) == "grokking"
    assert phase_of(late, Rule(gap=50, budget=1499)) == "memorization"
    assert phase_of(late, Rule(gap=50, budget=99)) == "confusion"


def test_a_run_is_censored_by_a_budget_it_was_not_trained_for() -> None:
    assert phase_of(row(100, None), Rule()) == "memorization"
    assert phase_of(row(100, None), Rule(budget=2001)) == "undecided"
    assert phase_of(row(100, 300), Rule(budget=100_000)) == "comprehension"


def test_a_run_that_stopped_before_its_own_budget_is_undecided_where_a_crossing_is_open() -> None:
    assert phase_of(row(100, None, steps=500, budget=2000), Rule()) == "undecided"
    assert phase_of(row(100, None, steps=2000, budget=2000), Rule()) == "memorization"
    assert phase_of(row(100, None, steps=500, budget=2000), Rule(budget=400)) == "memorization"


# ----------------------------------------------------------------------------------------- ladder


@pytest.mark.parametrize(
    "train_accuracy, val_accuracy, expected",
    [
        (0.9, 0.9, "grokking"),  # 50, 400
        (0.9, 0.6, "comprehension"),  # 50, 60
        (0.5, 0.8, "grokking"),  # 10, 150
        (0.999, 0.8, "comprehension"),  # 90, 150
        (0.9, 0.99, "memorization"),  # 50, never
        (0.9, 0.95, "grokking"),
    ],
)
def test_other_thresholds_are_answered_by_the_ladder(
    train_accuracy: float, val_accuracy: float, expected: str
) -> None:
    assert phase_of(laddered(), Rule(train_accuracy, val_accuracy, gap=100)) == expected


def test_a_threshold_that_is_not_on_the_ladder_is_undecided_unless_it_was_recorded() -> None:
    assert phase_of(laddered(), Rule(0.9, 0.97, gap=100)) == "undecided"
    assert phase_of(laddered(), Rule(0.97, 0.9, gap=100)) == "undecided"
    recorded = laddered(val_step=800, **{"phase.val_accuracy": 0.97})
    assert phase_of(recorded, Rule(0.9, 0.97, gap=100)) == "grokking"
    assert phase_of(recorded, Rule(0.9, 0.6, gap=100)) == "comprehension"


def test_a_run_retired_at_90_percent_cannot_answer_for_99() -> None:
    retired = laddered(steps=400, status="decided", val_steps=ladder(_50=30, _90=400))
    assert phase_of(retired, Rule(gap=100)) == "grokking"
    assert phase_of(retired, Rule(0.9, 0.99, gap=100)) == "undecided"
    assert phase_of(retired, Rule(0.9, 0.995, gap=100)) == "undecided"
    assert phase_of(retired, Rule(0.9, 0.99, gap=100, budget=400)) == "memorization"


def test_a_row_without_a_ladder_answers_for_its_own_thresholds_alone() -> None:
    bare = row(50, 400) | RECORDED
    assert phase_of(bare, Rule(gap=100)) == "grokking"
    assert phase_of(bare, Rule(0.9, 0.8, gap=100)) == "undecided"
    assert phase_of(bare | {"val_steps": None}, Rule(0.9, 0.8, gap=100)) == "undecided"


def test_a_ladder_is_believed_where_the_recorded_thresholds_are_not_told() -> None:
    untold = {k: v for k, v in laddered().items() if k not in RECORDED}
    assert phase_of(untold, Rule(0.9, 0.6, gap=100)) == "comprehension"
    assert phase_of(untold, Rule(0.9, 0.99, gap=100)) == "memorization"


# ----------------------------------------------------------------------------------------- status


def test_a_failed_run_has_no_phase() -> None:
    assert phase_of(row(None, None, steps=0, status="failed"), Rule()) == "undecided"
    assert phase_of(row(10, 20, status="failed"), Rule()) == "undecided"


def test_a_diverged_run_will_never_cross_what_it_has_not_crossed() -> None:
    diverged = {"steps": 300, "budget": 2000, "status": "diverged"}
    assert phase_of(row(None, None, **diverged), Rule()) == "confusion"
    assert phase_of(row(100, None, **diverged), Rule()) == "memorization"
    assert phase_of(row(100, 150, **diverged), Rule()) == "grokking"


def test_every_rule_judges_rows_and_tables() -> None:
    assert OF_ROW.keys() == OF_TABLE.keys() == KINDS.keys()
    assert {number for kind in KINDS.values() for number in kind.numbers} == set(NUMBERS)
    assert all(set(kind.columns) <= set(CLASSIFY_COLUMNS) for kind in KINDS.values())
