"""One table says what is measured: records, columns, curves and words follow from it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch

import phasegrok
from phasegrok import observables
from phasegrok.cells import Run, shared_part
from phasegrok.config import compose
from phasegrok.engine import Mode
from phasegrok.engine.record import Record, Watch
from phasegrok.frames import Axis, label, value_map
from phasegrok.observables import BEST, CURVE, OBSERVABLES, Measured, Observable
from phasegrok.plan import prepare
from phasegrok.rows import result_row
from phasegrok.store.schema import CURVES, OUTCOME
from tests.engine_cases import NEVER_STOP, one_run, trained, with_config

NOISE = (0.0, 0.1, 0.35)


def noisy_runs() -> dict[float, Run]:
    run = one_run(60)
    return {xi: with_config(run, task={**run.config["task"], "label_noise": xi}) for xi in NOISE}


@pytest.fixture(scope="module")
def rows() -> dict[float, dict[str, Any]]:
    runs = noisy_runs()
    noisy = trained([run for xi, run in runs.items() if xi], 2)
    ended = trained([runs[0.0]], 1) | noisy
    return {xi: ended[run.run_id].row for xi, run in runs.items()}


def test_the_table_has_every_column_and_curve_of_results() -> None:
    assert set(OBSERVABLES) | set(BEST) <= set(OUTCOME)
    assert list(CURVES) == [f"curve.{name}" for name in CURVE]
    first = ["train_acc", "val_acc", "train_loss", "val_loss", "weight_norm"]
    assert list(OBSERVABLES)[:5] == first == list(observables.FIRST)
    assert BEST == {"max_val_acc": "val_acc"}
    assert label("corrupted_acc") == OBSERVABLES["corrupted_acc"].words
    assert label("max_val_acc") == "best validation accuracy"


def test_an_entry_is_all_that_an_observable_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    def largest(m: Measured) -> torch.Tensor:
        return torch.stack([p.abs().max() for p in m.params.values()]).max()

    monkeypatch.setitem(OBSERVABLES, "largest_weight", Observable(largest, "largest weight"))
    run = one_run(20)
    outcome = trained([run], 1)[run.run_id]
    assert outcome.state is not None
    expected = max(p.abs().max().item() for p in outcome.state["params"].values())
    assert outcome.row["largest_weight"] == outcome.row["curve.largest_weight"][-1] == expected
    assert label("largest_weight") == "largest weight"


def test_memorised_noise_and_clean_examples_are_counted_apart(rows: Any) -> None:
    """Their right answers add up to those of the training set; both are whole numbers."""
    for xi in NOISE[1:]:
        config = noisy_runs()[xi].config
        n = round(config["task"]["train_fraction"] * 121)
        corrupted = int(xi * n)
        for at in range(len(rows[xi]["curve.step"])):
            counts = (
                rows[xi]["curve.corrupted_acc"][at] * corrupted,
                rows[xi]["curve.clean_acc"][at] * (n - corrupted),
                rows[xi]["curve.train_acc"][at] * n,
            )
            whole = [round(count) for count in counts]
            assert counts == pytest.approx(whole, abs=1e-9) and whole[0] + whole[1] == whole[2]
        assert rows[xi]["corrupted_acc"] == rows[xi]["curve.corrupted_acc"][-1]


def test_a_run_without_noise_has_no_corrupted_examples_and_measures_none(rows: Any) -> None:
    assert not {"corrupted_acc", "clean_acc", "curve.corrupted_acc"} & rows[0.0].keys()
    quiet, noisy, noisier = (shared_part(run.config) for run in noisy_runs().values())
    assert quiet != noisy == noisier, "they train in programs of their own"
    assert set(observables.of(noisy)) - set(observables.of(quiet)) == {"corrupted_acc", "clean_acc"}


def test_noise_too_small_for_one_label_has_null_and_the_other_lanes_do_not() -> None:
    run = one_run(10)
    task = run.config["task"]
    runs = [with_config(run, task={**task, "label_noise": xi}) for xi in (0.001, 0.3)]
    few, some = (trained(runs, 2)[run.run_id].row for run in runs)
    assert few["corrupted_acc"] is None and "curve.corrupted_acc" not in few
    assert few["clean_acc"] == few["train_acc"] and some["corrupted_acc"] is not None


def measured(*overrides: str) -> tuple[str, ...]:
    """The observables of the runs of `quick` with these overrides."""
    run = phasegrok.runs("quick", overrides=["seeds=1", *overrides])[0]
    return observables.of(shared_part(run.config))


@pytest.mark.parametrize("task", ["addition", "subtraction"])
def test_quadratic_networks_have_a_mean_ipr_where_solutions_are_waves(task: str) -> None:
    assert "ipr" in measured(f"task=modular_{task}")
    assert "ipr" not in measured(f"task=modular_{task}", "model=mlp")


@pytest.mark.parametrize("task", [
    ["task=modular_multiplication"], ["task=modular_division"], ["task=liu2022_addition"],
    ["task=liu2022_addition", "task.targets=classes"], ["task=s3", "task.p=null"],
])  # fmt: skip
def test_where_waves_do_not_run_along_the_residues_nothing_is_called_periodic(task: Any) -> None:
    assert "ipr" not in measured(*task)


def test_a_run_of_multiplication_has_no_ipr_in_its_row() -> None:
    run = one_run(10)
    other = with_config(run, task={**run.config["task"], "operation": "x*y"})
    added, multiplied = (trained([each], 1)[each.run_id].row for each in (run, other))
    assert "ipr" in added and not {"ipr", "curve.ipr"} & multiplied.keys()


def test_a_column_that_no_run_has_is_refused_with_what_has_it() -> None:
    frame = pd.DataFrame({"x": [0.1], "corrupted_acc": [math.nan], "status": ["finished"]})
    with pytest.raises(phasegrok.InputError, match=r"none of these runs .*label_noise above 0"):
        value_map(frame, {"x": Axis.of("x", [0.1])}, "corrupted_acc")


# ------------------------------------------------------------------------- what is older than it


def test_a_state_kept_before_goes_on_with_nulls_where_nothing_was_measured() -> None:
    old = {
        "thresholds": [[0.9, 0.9], [0.9, 0.9]], "crossings": {"train": {0.5: 5}, "val": {}},
        "max_val_acc": 0.25, "curve": [[0.0, 0.1, 0.2, 1.0, 2.0, 3.0]],
        "last": [5.0, 0.5, 0.1, 1.0, 2.0, 3.0],
    }  # fmt: skip
    totals = {"train": 10, "val": 10, "corrupted": 2, "clean": 8}
    names = ("train_acc", "val_acc", "train_loss", "val_loss", "weight_norm", "corrupted_acc")
    record = Record.restored(old, Watch(), totals, names)
    record.add(10, [8, 1, 0.5, 2.0, 3.0, 1], keep=True)
    row = record.outcome()
    assert row["curve.corrupted_acc"] == [None, 0.5] and row["curve.train_acc"] == [0.1, 0.8]
    assert row["max_val_acc"] == 0.25 and row["train_steps"][:3] == [5, 10, 10]
    again = Record.restored(record.state(), Watch(), totals, names)
    assert again.outcome() == row


def test_results_older_than_an_observable_load_with_nulls(tmp_path: Path) -> None:
    config = compose(["+sweep=quick", "seeds=1", f"out={tmp_path / 'quick'}"])
    store = prepare(config).store
    run = phasegrok.runs("quick", overrides=["seeds=1", "train.steps=10"])[0]
    row = result_row(trained([run], 1, watch=NEVER_STOP)[run.run_id], config, Mode(1))
    store.write_part("a", [row], config)
    store.compact()
    table = pq.read_table(store.results_file)
    new = [name for name in table.column_names if name.endswith(("ipr", "ed_acc", "clean_acc"))]
    old = tmp_path / "old.parquet"
    pq.write_table(table.drop_columns(new), old)
    frame = phasegrok.load(old, curves=True)
    assert set(new) <= set(frame) and frame[new].isna().to_numpy().all()
    assert "curve.ipr" not in phasegrok.load(old)
    pq.write_table(table.drop_columns(new), store.results_file)
    assert phasegrok.load(store.path)["ipr"].isna().to_numpy().all()
    assert json.loads(row["config"])["model"]["name"] == "quadratic_mlp" and row["ipr"] > 0
