"""Kaplan-Meier medians of all cells at once, and the times of runs."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

from phasegrok.errors import InputError
from phasegrok.frames.survival import STATES, medians, run_times, time_table
from phasegrok.phases import LADDER, Rule
from tests.frames.cases import runs_of

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from lifelines import KaplanMeierFitter


def lifelines_median(time: np.ndarray, crossed: np.ndarray) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = KaplanMeierFitter().fit(time, crossed)
    survival = fitted.survival_function_.iloc[:, 0]
    # Its own median misses a survival of one half by the last digit of a product.
    return next((float(t) for t, s in survival.items() if s <= 0.5 + 1e-9), np.nan)


@pytest.mark.parametrize("seed", range(3))
def test_medians_of_random_censored_times_with_ties_are_those_of_lifelines(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cells, count = rng.integers(0, 60, 400), 61
    time = rng.integers(1, 9, 400).astype(float)
    crossed = rng.random(400) < rng.random(60)[cells]
    found = medians(cells, time, crossed, count)
    expected = [lifelines_median(time[cells == c], crossed[cells == c]) for c in range(60)]
    assert 5 < np.isnan(expected).sum() < 55, "both kinds of cell are among them"
    np.testing.assert_array_equal(found, [*expected, np.nan])


@pytest.mark.parametrize(
    ("times", "crossed", "median"),
    [
        ([5], [True], 5),
        ([5], [False], np.nan),
        ([3, 5], [True, True], 3),
        ([5, 3, 9], [True, True, True], 5),
        ([3, 9, 9], [True, False, False], np.nan),
        ([3, 5, 9], [True, True, False], 5),
        # The second was cut off: its share goes to the third.
        ([3, 4, 5], [True, False, True], 5),
        ([3, 3, 3, 3], [True, True, False, False], 3),
        ([1, 2, 3, 4, 5, 6], [True] * 6, 3),
        ([-4, -1, 7], [True, True, True], -1),
    ],
)
def test_the_median_is_the_first_time_with_half_of_the_runs_or_less_on_the_way(
    times: list[float], crossed: list[bool], median: float
) -> None:
    cell = np.zeros(len(times), dtype=int)
    (found,) = medians(cell, np.array(times, dtype=float), np.array(crossed), 1)
    np.testing.assert_equal(found, median)


def told(frame: pd.DataFrame, of: str = "val", rule: Rule | None = None) -> list[tuple[Any, str]]:
    times = run_times(frame, of, rule)
    return [(None if np.isnan(t) else t, STATES[s]) for t, s in times.itertuples(index=False)]


def test_the_time_of_each_kind_of_run() -> None:
    frame = runs_of(
        "train val status steps",
        (100, 300, "decided", 300),
        (100, None, "finished", 1000),
        (None, None, "finished", 1000),
        (None, 300, "finished", 1000),
        (300, 100, "decided", 300),
        (None, None, "failed", 0),
    )
    assert told(frame, "train") == [
        (100, "crossed"), (100, "crossed"), (1000, "censored"), (1000, "censored"),
        (300, "crossed"), (None, "failed"),
    ]  # fmt: skip
    assert told(frame, "val") == [
        (300, "crossed"), (1000, "censored"), (1000, "censored"), (300, "crossed"),
        (100, "crossed"), (None, "failed"),
    ]  # fmt: skip
    assert told(frame, "delay") == [
        (200, "crossed"), (900, "censored"), (None, "unfitted"), (None, "unfitted"),
        (-200, "crossed"), (None, "failed"),
    ]  # fmt: skip


def test_a_diverged_run_is_censored_at_its_budget_for_it_will_not_cross_any_more() -> None:
    frame = runs_of("train val status steps", (100, None, "diverged", 150))
    assert told(frame, "val") == [(1000, "censored")]
    assert told(frame, "delay") == [(900, "censored")]
    assert told(frame, "train") == [(100, "crossed")]
    never = runs_of("train val status steps", (None, None, "diverged", 3))
    assert told(never, "delay") == [(None, "unfitted")]


def test_a_shorter_budget_censors_what_crossed_later_and_a_longer_one_tells_nothing_new() -> None:
    frame = runs_of("train val", (100, 300), (100, None), (400, 500))
    short = Rule(budget=300)
    assert told(frame, "val", short) == [(300, "crossed"), (300, "censored"), (300, "censored")]
    assert told(frame, "delay", short) == [
        (200, "crossed"), (200, "censored"), (None, "unfitted")
    ]  # fmt: skip
    long = Rule(budget=5000)
    assert told(frame, "val", long) == [(300, "crossed"), (1000, "censored"), (500, "crossed")]


def laddered(frame: pd.DataFrame, **steps: list[Any]) -> pd.DataFrame:
    """Runs recorded at .9, with crossings of .5, .9 and .99 only."""
    for side in ("train", "val"):
        kept = [dict(zip((0.5, 0.9, 0.99), run, strict=True)) for run in steps[side]]
        ladders = [[run.get(accuracy) for accuracy in LADDER] for run in kept]
        frame = frame.assign(**{f"{side}_steps": ladders, f"phase.{side}_accuracy": 0.9})
    return frame


def test_other_thresholds_are_read_from_the_ladder() -> None:
    frame = laddered(
        runs_of("train val steps", (100, 300, 300), (50, 60, 60), (90, None, 1000)),
        train=[(50, 100, 200), (20, 50, None), (80, 90, None)],
        val=[(80, 300, None), (30, 60, 60), (400, None, None)],
    )
    assert told(frame, "val", Rule(0.5, 0.5)) == [
        (80, "crossed"), (30, "crossed"), (400, "crossed")
    ]  # fmt: skip
    higher = Rule(0.99, 0.99)
    assert told(frame, "val", higher) == [(300, "stopped"), (60, "crossed"), (1000, "censored")]
    assert told(frame, "delay", higher) == [
        (100, "stopped"), (None, "undecided"), (None, "unfitted")
    ]  # fmt: skip
    assert told(frame, "val", Rule(0.9, 0.97)) == [(None, "undecided")] * 3
    assert told(frame, "train", Rule(0.9, 0.97)) == told(frame, "train")


def table_of(frame: pd.DataFrame, of: str = "val", rule: Rule | None = None) -> dict[str, Any]:
    cell = np.zeros(len(frame), dtype=int)
    (table,) = time_table(run_times(frame, of, rule), cell, 1).to_dict("records")
    return table


def test_runs_stopped_by_another_rule_leave_the_median_open_where_they_could_move_it() -> None:
    frame = laddered(
        runs_of("train val", (10, 100), (10, 300), (10, 500)),
        train=[(10, 10, 10)] * 3,
        val=[(5, 100, None), (5, 300, 300), (5, 500, 500)],
    )
    rule = Rule(0.99, 0.99)
    open_one = table_of(frame, "val", rule)
    assert np.isnan(open_one["median"]) and open_one["shown"] == "censored"
    assert open_one["at_least"] == 300, "it might cross at once, and then half have by 300"
    assert (open_one["events"], open_one["censored"], open_one["stopped"]) == (2, 1, 1)
    # Stopped after the median of the others: whenever it crosses, that stays.
    late = frame.assign(steps=[600, 300, 500])
    assert table_of(late, "val", rule)["median"] == 500
    assert table_of(late, "val", rule)["shown"] == "value"


def test_an_unknown_time_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match="of = 'test': allowed are val, train, delay"):
        run_times(runs_of("train val", (1, 2)), "test")
