"""Which stored rows answer what a sweep asks: a table of rows as each of its rows would."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from phasegrok.answers import ANSWER_COLUMNS, Asked
from phasegrok.phases import LADDER, UNDECIDED, Rule, phase_of
from phasegrok.store.schema import result_schema

COLUMNS = pa.schema([field for field in result_schema({}) if field.name in ANSWER_COLUMNS])
NEVER: list[int | None] = [None] * len(LADDER)

ASKED = [
    Asked(budget, Rule(gap=0.1, val_accuracy=val), stops, accuracy)
    for budget in (200, 400, 800)
    for val in (0.9, 0.8, 0.97)
    for stops, accuracy in ((False, None), (True, None), (True, 0.99))
]


def rows() -> list[dict[str, Any]]:
    told = {
        "status": ("decided", "finished", "diverged", "failed"),
        "steps": (150, 400),
        "budget": (200, 400, 800),
        "train_step": (None, 50),
        "val_step": (None, 150),
        "val_steps": (NEVER, [10, 20, 90, 150, *NEVER[:3]], None),
        "train_steps": (NEVER, [5, 5, 5, 50, 60, 120, None]),
    }
    recorded = {"phase.train_accuracy": 0.9, "phase.val_accuracy": 0.9}
    rows = [dict(zip(told, values, strict=True)) for values in itertools.product(*told.values())]
    return [row | recorded for row in rows]


def answers(row: Mapping[str, Any], asked: Asked) -> bool:
    """The words of `Asked.answered_by`, said of one row."""
    by_itself = row["status"] in ("decided", "diverged") and row["steps"] <= asked.budget
    stopped = row["status"] == "decided" and row["steps"] < asked.budget
    if row["status"] == "failed" or (row["budget"] != asked.budget and not by_itself):
        return False
    rules = [asked.rule]
    if asked.stop_accuracy is not None:
        both = asked.stop_accuracy
        rules.append(replace(asked.rule, train_accuracy=both, val_accuracy=both))
    judged = [phase_of({**row, "budget": asked.budget}, rule) != UNDECIDED for rule in rules]
    return all(judged) and (asked.stops or not stopped)


@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_a_table_answers_as_its_rows_do(asked: Asked) -> None:
    table = pa.Table.from_pylist(rows(), schema=COLUMNS)
    one_by_one = [answers(row, asked) for row in rows()]
    assert asked.answered_by(table).tolist() == one_by_one
    assert any(one_by_one) == (asked.rule.val_accuracy in LADDER)


def test_a_larger_budget_extends_censored_runs_alone() -> None:
    table = pa.Table.from_pylist(rows(), schema=COLUMNS)
    censored = [row["status"] == "finished" and row["budget"] < 400 for row in rows()]
    assert Asked(400, Rule(), True, None).extended_by(table).tolist() == censored
