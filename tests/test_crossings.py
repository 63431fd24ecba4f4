"""When runs crossed and how far they were followed, against the rule for one run."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from phasegrok.errors import InputError
from phasegrok.phases import LADDER, Rule, crossings

NAN = math.nan

COLUMNS = ["train_step", "val_step", "steps", "status", "budget"]


def frame_of(*rows: tuple[Any, ...]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=pd.Index(COLUMNS))


def check(found: pd.DataFrame, *rows: tuple[float, ...]) -> None:
    assert list(found) == ["train", "val", "budget", "end"]
    np.testing.assert_array_equal(found.to_numpy(), np.array(rows, dtype=float))


def test_a_step_is_told_an_infinity_is_never_and_a_failed_run_tells_nothing() -> None:
    frame = frame_of(
        (10, 300, 300, "decided", 1000),
        (10, None, 1000, "finished", 1000),
        (10, None, 70, "diverged", 1000),
        (None, None, 0, "failed", 1000),
        (10, 300, 300, "decided", None),
        (None, None, None, "diverged", 1000),
    ).set_index(pd.Index([3, 3, 5, 6, 7, 8]))
    found = crossings(frame)
    check(
        found,
        (10, 300, 1000, 300),
        (10, math.inf, 1000, 1000),
        (10, math.inf, 1000, 1000),  # to its budget, for it will not cross any more
        (NAN, NAN, NAN, NAN),
        (10, 300, 300, 300),
        (math.inf, math.inf, 1000, NAN),
    )
    assert found.index.tolist() == frame.index.tolist()


def test_the_budget_of_a_rule_replaces_that_of_the_runs() -> None:
    frame = frame_of((10, 300, 300, "decided", 1000), (10, None, 1000, "finished", 1000))
    check(crossings(frame, Rule(budget=200)), (10, math.inf, 200, 200), (10, math.inf, 200, 200))
    check(crossings(frame, Rule(budget=5000)), (10, 300, 5000, 300), (10, math.inf, 5000, 1000))


def test_thresholds_are_read_as_classify_reads_them() -> None:
    ladder = [5, 6, 7, 8, None, None, None]
    frame = frame_of((8, 80, 80, "decided", 100)).assign(
        train_steps=[ladder],
        val_steps=[[50, 60, 70, 80, 80, None, None]],
        **{"phase.train_accuracy": 0.9, "phase.val_accuracy": 0.9},
    )
    check(crossings(frame), (8, 80, 100, 80))
    check(crossings(frame, Rule(0.5, 0.6)), (5, 60, 100, 80))
    check(crossings(frame, Rule(0.95, 0.95)), (math.inf, 80, 100, 80))
    check(crossings(frame, Rule(0.93, 0.9)), (NAN, 80, 100, 80))


def test_without_a_rule_all_runs_must_have_recorded_one_threshold() -> None:
    frame = frame_of((8, 80, 80, "decided", 100), (9, 90, 90, "decided", 100))
    mixed = frame.assign(**{"phase.train_accuracy": [0.9, 0.99]})
    with pytest.raises(InputError, match=r"of 0\.9 in one run and of 0\.99 in another: give the"):
        crossings(mixed)
    check(crossings(mixed.assign(train_steps=[[1] * 7, [2] * 7]), Rule()),
          (8, 80, 100, 80), (2, 90, 100, 90))  # fmt: skip
    partly = frame.assign(**{"phase.train_accuracy": [0.9, None]})
    assert crossings(partly)["train"].tolist() == [8, 9]


def test_a_column_that_is_missing_is_named() -> None:
    with pytest.raises(InputError, match=r"crossings needs the column\(s\) val_step, status; got"):
        crossings(pd.DataFrame({"train_step": [1], "steps": [2]}))


@pytest.mark.parametrize("rule", [Rule(gap=50), Rule(0.5, 0.8, gap=0.05), Rule(gap=50, budget=60)])
def test_phases_follow_from_the_crossings(rule: Rule) -> None:
    from phasegrok.phases import classify, decide

    steps = (None, 0, 40, 90)
    rows = [
        (train, val, end, status, 100)
        for train, val, end, status in itertools.product(
            steps, steps, (90, 100), ("decided", "finished", "diverged", "failed")
        )
    ]
    frame = frame_of(*rows)
    for side in ("train", "val"):
        frame[f"{side}_steps"] = [[step] * len(LADDER) for step in frame[f"{side}_step"]]
    expected = []
    for train, val, budget, end in crossings(frame, rule).itertuples(index=False):
        told = [None if math.isinf(step) else step for step in (train, val)]
        expected.append(
            "undecided"
            if math.isnan(end)
            else decide(*told, gap=rule.gap_steps(int(budget)), complete=end >= budget)
        )
    assert classify(frame, rule).tolist() == expected
