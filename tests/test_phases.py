"""The phase of a run and of a cell: the published labels, and every branch of the rule."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pandas.testing import assert_frame_equal, assert_series_equal

from phasegrok.errors import InputError
from phasegrok.phases import (
    CLASSIFY_COLUMNS,
    LADDER,
    PHASES,
    Rule,
    classify,
    decide,
    needed,
    phase_of,
)
from phasegrok.store.schema import result_schema
from phasegrok.store.tables import labels
from tests.liu2022_recipe import published

DATA = Path(__file__).parent / "data" / "liu2022"

# The columns that a phase is made of, as a store holds them.
ROWS = pa.schema([field for field in result_schema({}) if field.name in CLASSIFY_COLUMNS])

# ------------------------------------------------------------------------------ published labels

COUNTS = {
    "6b": {"comprehension": 17, "grokking": 60, "memorization": 60, "confusion": 39},
    "6d": {"comprehension": 73, "grokking": 31, "memorization": 62, "confusion": 10},
}


def published_formula(train_step: float, val_step: float) -> str:
    """The phase in the authors' notebook, for their steps: 99999 is never, and what no line
    takes stays at index 0, comprehension."""
    last, gap = 99_999, 1000
    index = 0
    if train_step < last and val_step < last and val_step - train_step > gap:
        index = 1
    if train_step < last and val_step == last:
        index = 2
    if train_step == last and val_step == last:
        index = 3
    return PHASES[index]


@pytest.mark.parametrize("rule", [Rule(gap=1000), Rule(gap=0.01), Rule(gap=1000, budget=100_000)])
@pytest.mark.parametrize("figure", COUNTS)
def test_the_published_steps_get_the_published_phases(figure: str, rule: Rule) -> None:
    cells = published(figure)
    phases = classify(cells, rule)
    assert phases.value_counts().to_dict() == COUNTS[figure]
    assert phases.tolist() == cells["phase"].tolist()


def test_a_replication_with_thresholds_of_60_percent_gets_its_published_phases() -> None:
    table = pd.read_csv(DATA / "mnist_rescience.csv")
    cells = pd.DataFrame(
        {
            "train_step": table["train60_step"],  # inf where never
            "val_step": table["val60_step"],
            "steps": 100_000,
            "status": "finished",
            "phase.train_accuracy": 0.6,
            "phase.val_accuracy": 0.6,
        }
    )
    phases = classify(cells, Rule(0.6, 0.6, gap=1000))
    assert phases.tolist() == table["phase"].tolist()
    assert phases.value_counts().to_dict() == {
        "comprehension": 35,
        "grokking": 50,
        "memorization": 12,
        "confusion": 3,
    }


def test_the_two_holes_of_the_published_formula_are_not_painted_comprehension() -> None:
    assert published_formula(500, 1500) == "comprehension"
    assert decide(501, 1501, gap=1000) == "grokking"
    assert published_formula(99_999, 1500) == "comprehension"
    assert decide(None, 1501, gap=1000) == "val_only"
    assert decide(None, 1501, gap=1000, noisy=True) == "inversion"


@pytest.mark.parametrize("figure", COUNTS)
def test_the_published_formula_and_ours_differ_in_the_holes_alone(figure: str) -> None:
    table = published(figure)
    theirs = table[["train_step", "val_step"]].sub(1).fillna(99_999)
    formula = [published_formula(t, v) for t, v in theirs.itertuples(index=False)]
    assert formula == classify(table, Rule(gap=1000)).tolist()


# -------------------------------------------------------------------------------- one run's phase

NAN = float("nan")


def row(train_step: Any, val_step: Any, steps: int = 2000, **more: Any) -> dict[str, Any]:
    status = {"status": "decided" if train_step and val_step else "finished"}
    return {"train_step": train_step, "val_step": val_step, "steps": steps} | status | more


def ladder(**crossings: int) -> list[int | None]:
    """Crossings by accuracy in percent or per mille, None elsewhere: ladder(_90=10, _999=500)."""
    by_name = {f"_{str(accuracy)[2:].ljust(2, '0')}": accuracy for accuracy in LADDER}
    steps = {by_name[name]: step for name, step in crossings.items()}
    return [steps.get(accuracy) for accuracy in LADDER]


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


def test_a_shorter_budget_moves_published_grokking_cells_to_memorization_and_confusion() -> None:
    cells = published("6b")
    phases = classify(cells, Rule(gap=1000, budget=10_000))
    train, val = cells["train_step"] <= 10_000, cells["val_step"] <= 10_000
    gap = cells["val_step"] - cells["train_step"]
    assert (phases == "memorization").equals(train & ~val)
    assert (phases == "confusion").equals(~train & ~val)
    assert (phases == "grokking").equals(train & val & (gap >= 1000))
    assert (phases == "grokking").sum() == 23


# ----------------------------------------------------------------------------------------- ladder

RECORDED = {"phase.train_accuracy": 0.9, "phase.val_accuracy": 0.9}


def laddered(**more: Any) -> dict[str, Any]:
    """A run that trained on to the end of its budget, with crossings up to train .999, val .95."""
    steps = {
        "train_steps": ladder(_50=10, _60=20, _80=40, _90=50, _95=60, _99=80, _999=90),
        "val_steps": ladder(_50=30, _60=60, _80=150, _90=400, _95=700),
    }
    return row(50, 400, budget=2000) | RECORDED | steps | more


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


# --------------------------------------------------------------------------------------- classify


def frame(*rows: Mapping[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(list(rows))


def test_classify_keeps_the_index_and_changes_nothing() -> None:
    runs = frame(row(100, None), row(100, 150)).set_index(pd.Index([7, 3]))
    before = runs.copy(deep=True)
    expected = pd.Series(["memorization", "grokking"], index=[7, 3], name="phase", dtype="str")
    assert_series_equal(classify(runs, Rule(gap=50)), expected)
    assert_frame_equal(runs, before)


def test_classify_of_no_runs_is_empty() -> None:
    empty = frame(row(1, 2)).iloc[:0]
    assert classify(empty).tolist() == []


def test_classify_names_the_columns_it_lacks() -> None:
    with pytest.raises(InputError, match="val_step, status"):
        classify(pd.DataFrame({"train_step": [1], "steps": [2]}))


@pytest.mark.parametrize("dtype", ["float64", "Int64", "object", "int64[pyarrow]"])
def test_classify_reads_every_kind_of_missing_value(dtype: str) -> None:
    runs = frame(row(100, 150), row(100, None), row(None, None), row(None, 90))
    steps = {name: runs[name].astype("Int64").astype(dtype) for name in ("train_step", "val_step")}
    phases = classify(runs.assign(**steps), Rule(gap=100))
    assert phases.tolist() == ["comprehension", "memorization", "confusion", "val_only"]


def test_a_run_of_which_nothing_is_known_is_undecided() -> None:
    """As after joining results to a plan: the row is there, its values are not."""
    plan = pd.DataFrame({"run_id": ["a", "b"]})
    results = frame(row(100, None, budget=2000) | {"run_id": "a"} | laddered())
    joined = plan.merge(results, how="left", on="run_id")
    assert classify(joined, Rule(gap=100)).tolist() == ["grokking", "undecided"]
    assert classify(joined, Rule(0.9, 0.6, gap=100)).tolist() == ["comprehension", "undecided"]


def test_ladders_may_be_lists_or_arrays_with_any_missing_value() -> None:
    crossed = laddered()["val_steps"]
    kinds = [
        crossed,
        np.array(crossed, dtype=float),
        tuple(crossed),
    ]
    runs = frame(*(laddered(val_steps=kind) for kind in kinds))
    assert classify(runs, Rule(0.9, 0.6, gap=100)).tolist() == ["comprehension"] * 3
    assert classify(runs, Rule(0.9, 0.99, gap=100)).tolist() == ["memorization"] * 3


RULES = [
    Rule(gap=gap, train_accuracy=train, val_accuracy=val, budget=budget)
    for gap in (0.05, 100)
    for train, val in ((0.9, 0.9), (0.9, 0.6), (0.97, 0.9), (0.99, 0.95))
    for budget in (None, 300, 2000)
]


@pytest.fixture(scope="module")
def rows_of_every_kind() -> list[dict[str, Any]]:
    """Rows in all combinations of what a row may hold, null and absent ladders among them."""
    told = {
        "train_step": (None, 0, 100, 700),
        "val_step": (None, 100, 200, 800),
        "steps": (None, 200, 2000),
        "status": ("decided", "finished", "diverged", "failed"),
        "budget": (None, 2000),
        "task.label_noise": (None, 0.0, 0.3),
        "val_steps": (None, ladder(_50=10, _60=250, _95=600), ladder(_60=0)),
        "phase.val_accuracy": (None, 0.9, 0.6),
    }
    same = {"train_steps": ladder(_90=100), "phase.train_accuracy": 0.9}
    rows = [dict(zip(told, values, strict=True)) for values in itertools.product(*told.values())]
    return [row | same for row in rows]


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_a_table_of_rows_gets_the_phases_that_its_rows_get(
    rows_of_every_kind: list[dict[str, Any]], rule: Rule
) -> None:
    one_by_one = [phase_of(row, rule) for row in rows_of_every_kind]
    assert classify(pd.DataFrame(rows_of_every_kind), rule).tolist() == one_by_one
    table = pa.Table.from_pylist(rows_of_every_kind, schema=ROWS)
    assert labels(table, rule).to_pylist() == one_by_one


@pytest.mark.parametrize("wrong", [{"val_accuracy": 90}, {"train_accuracy": 0}, {"gap": -3}])
def test_a_rule_that_cannot_work_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="must be"):
        Rule(**wrong)
