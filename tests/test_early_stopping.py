"""Stopping a run once its phase can no longer change saves steps and changes no answer."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from phasegrok.phases import LADDER
from phasegrok.worker import train
from tests.engine_cases import MAP_RULE, small_map

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
