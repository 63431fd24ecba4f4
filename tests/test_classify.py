"""The phases of many runs at once: those of each alone, whatever holds the rows."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pandas.testing import assert_frame_equal, assert_series_equal

from phasegrok.errors import InputError
from phasegrok.phases import CLASSIFY_COLUMNS, Rule, classify, phase_of
from phasegrok.store.schema import result_schema
from phasegrok.store.tables import labels
from tests.phase_cases import ladder, laddered, row

# The columns that a phase is made of, as a store holds them.
ROWS = pa.schema([field for field in result_schema({}) if field.name in CLASSIFY_COLUMNS])


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
