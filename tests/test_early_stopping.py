"""Stopping a run once its phase can no longer change saves steps and changes no answer."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest

from phasegrok.phases import LADDER
from phasegrok.worker import train
from tests.engine_cases import CASES, MAP_RULE, lanes, small_map, with_config

# Fewer lanes than runs: early stopping also changes which runs train side by side.
LANES = 4


@pytest.fixture(scope="module")
def stopped() -> pd.DataFrame:
    return train(small_map(), lanes=LANES, rule=MAP_RULE, curve_points_per_decade=0)


@pytest.fixture(scope="module")
def whole() -> pd.DataFrame:
    return train(
        small_map(), lanes=LANES, rule=MAP_RULE, curve_points_per_decade=0, stop_when_decided=False
    )


def test_early_stopping_changes_no_phase_and_no_crossing_step(stopped, whole):
    for column in ("run_id", "phase", "train_step", "val_step"):
        pd.testing.assert_series_equal(stopped[column], whole[column])
    assert set(whole["phase"]) == {"comprehension", "grokking", "memorization", "confusion"}


def test_early_stopping_stops_just_the_runs_that_have_crossed_both_thresholds(stopped, whole):
    assert set(whole["steps"]) == {300}
    decided = stopped["status"] == "decided"
    crossed = whole[["train_step", "val_step"]].max(axis=1, skipna=False)
    assert stopped["steps"].tolist() == crossed.fillna(300).tolist()
    assert decided.tolist() == crossed.notna().tolist()
    assert stopped["steps"].sum() < 0.75 * whole["steps"].sum()


def test_a_run_of_a_regression_stops_by_its_own_threshold():
    """Three runs that differ in it alone, side by side: the strictest goes on to the end."""
    (run,) = lanes(next(case for case in CASES if case.task == "teacher"), 1, steps=60)
    run = with_config(run, model={**run.config["model"], "width": 30})
    runs = [with_config(run, task={**run.config["task"], "error_threshold": threshold})
            for threshold in (0.1, 0.01, 1e-9)]  # fmt: skip
    stopped, whole = (train(runs, lanes=3, stop_when_decided=stops) for stops in (True, False))
    assert whole[["train_step", "val_step"]].equals(stopped[["train_step", "val_step"]])
    first, second, never = whole[["train_step", "val_step"]].max(axis=1, skipna=False).tolist()
    assert first < second < 60 and math.isnan(never)
    assert stopped["steps"].tolist() == [first, second, 60]
    assert len(set(whole["train_loss"])) == 1


def test_ladders_and_curves_are_the_same_up_to_the_stop(stopped, whole):
    for (_, early), (_, late) in zip(stopped.iterrows(), whole.iterrows(), strict=True):
        for side in ("train", "val"):
            assert early[f"{side}_steps"] == _until(late[f"{side}_steps"], early["steps"])
            assert len(early[f"{side}_steps"]) == len(LADDER)
        for column in (name for name in stopped if name.startswith("curve.")):
            curve = early[column]
            assert curve == late[column][: len(curve)], column


def _until(ladder: list[Any], stop: int) -> list[Any]:
    return [step if step is not None and step <= stop else None for step in ladder]
