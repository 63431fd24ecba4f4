"""What an evaluation sees, when a threshold is crossed, and what is kept of a curve."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from phasegrok.cells import Run
from phasegrok.engine import Given, Watch, prepare
from phasegrok.engine.record import Record, on_curve
from tests.engine_cases import NEVER_STOP, one_run, trained, with_config

EVERY_EVALUATION = replace(NEVER_STOP, points_per_decade=0)


def row_of(run: Run, watch: Watch = EVERY_EVALUATION) -> dict[str, Any]:
    return trained([run], 1, watch=watch)[run.run_id].row


def test_step_0_is_evaluated_before_any_update():
    run = one_run(10, dtype="float64")
    row, start = row_of(run), prepare(run)
    assert row["curve.step"] == [0, 5, 10]
    norm = math.sqrt(sum(p.square().sum().item() for p in start.params.values()))
    assert row["curve.weight_norm"][0] == pytest.approx(norm, rel=1e-12)


def test_a_network_that_is_right_from_the_beginning_is_known_at_step_0():
    run = one_run(5)
    run = with_config(run, model={**run.config["model"], "init": "analytic", "width": 512})
    row = row_of(run)
    assert row["curve.val_acc"][0] > 0.95 and row["curve.ipr"][0] == pytest.approx(1, abs=1e-5)
    assert run.run_id != one_run(5).run_id


def test_a_run_that_starts_out_right_is_decided_at_step_0_with_its_weights_untouched():
    run = one_run(300)
    first = trained([run], 1)[run.run_id]
    assert first.state is not None
    params = first.state["params"]
    given = {run.run_id: Given(params=params)}
    again = trained([run], 1, given=given, watch=Watch())[run.run_id]
    assert again.status == "decided"
    assert [again.row[name] for name in ("steps", "train_step", "val_step")] == [0, 0, 0]
    assert again.state is not None
    assert all(torch.equal(again.state["params"][name], params[name]) for name in params)


def test_evaluating_more_often_changes_no_training_and_sharpens_the_crossings():
    rarely, often = (row_of(one_run(100, eval_every=every)) for every in (20, 1))
    assert rarely["weight_norm"] == often["weight_norm"]
    assert rarely["curve.train_loss"] == often["curve.train_loss"][::20]
    assert {rarely["train_step"], rarely["val_step"]} <= set(range(0, 101, 20))
    assert often["train_step"] < rarely["train_step"]
    assert often["val_step"] < rarely["val_step"]


def test_crossings_are_at_full_resolution_though_the_stored_curve_is_thinned():
    dense = row_of(one_run(100, eval_every=1))
    thin = row_of(one_run(100, eval_every=1), replace(NEVER_STOP, points_per_decade=3))
    assert len(thin["curve.step"]) < 12 < len(dense["curve.step"])
    for side in ("train", "val"):
        steps = zip(dense["curve.step"], dense[f"curve.{side}_acc"], strict=True)
        first = next(int(step) for step, accuracy in steps if accuracy >= 0.9)
        assert dense[f"{side}_step"] == thin[f"{side}_step"] == first
        assert thin[f"{side}_steps"] == dense[f"{side}_steps"]
    assert {dense["train_step"], dense["val_step"]} - set(thin["curve.step"])


def test_the_curve_of_a_longer_budget_begins_with_the_curve_of_a_shorter():
    watch = replace(NEVER_STOP, points_per_decade=8)
    short, long = (row_of(one_run(steps), watch) for steps in (155, 300))
    for name in (column for column in short if column.startswith("curve.")):
        *kept, last = short[name]
        assert kept == long[name][: len(kept)]
        assert name != "curve.step" or last == 155  # a curve ends with its run
    assert 155 not in long["curve.step"]


def test_the_curve_is_even_on_the_log_of_the_step():
    kept = [step for step in range(0, 100_001, 5) if on_curve(step, 5, 16)]
    assert kept[:2] == [0, 5]
    per_decade = [sum(5 * 10**k < step <= 5 * 10 ** (k + 1) for step in kept) for k in (2, 3)]
    assert per_decade == [16, 16]


@pytest.mark.parametrize("correct, crosses", [(8, False), (9, True), (10, True)])
def test_nine_right_answers_of_ten_reach_an_accuracy_of_nine_tenths(correct, crosses):
    record = Record(Watch(), {"train": 10, "val": 10})
    record.add(5, [correct, correct, 0.1, 0.1, 1.0], keep=True)
    assert record.decided() is crosses
    assert record.outcome()["train_step"] == (5 if crosses else None)


def test_a_crossing_is_the_first_one_though_the_run_falls_back():
    record = Record(NEVER_STOP, {"train": 10, "val": 20})
    for step, correct in enumerate((3, 9, 2, 10)):
        record.add(step, [correct, correct, 0.1, 0.1, 1.0], keep=True)
    row = record.outcome()
    assert row["train_step"] == 1
    assert row["train_steps"] == [1, 1, 1, 1, 3, 3, 3]
    assert row["val_steps"] == [3, None, None, None, None, None, None]
    assert row["max_val_acc"] == 0.5
