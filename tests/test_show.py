"""One run seen closely: described, trained again, and the same to the last bit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch

from phasegrok import load
from tests.sweeping import finished

SWEEP = ("+sweep=quick", "launch=inline", "seeds=1", "sweep.x.num=2", "sweep.y.num=3",
         "train.steps=200")  # fmt: skip


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("show") / "quick"
    assert finished([*SWEEP, f"out={out}"]) == 0
    return out


def phasegrok(*arguments: object) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "phasegrok", *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, timeout=300)


def test_a_run_is_shown_with_its_configuration_outcome_and_curve(out: Path) -> None:
    row = load(out).iloc[0]
    answer = phasegrok("show", out, row.run_id[:8])  # the beginning of an id is enough
    assert answer.returncode == 0, answer.stderr
    lines = [line.strip() for line in answer.stdout.splitlines()]
    assert lines[0] == f"run {row.run_id} of quick, seed 0"
    assert f"optim.weight_decay = {row['optim.weight_decay']:g}" in lines
    assert f"phase = {row.phase}" in lines
    assert f"steps = {row.steps}" in lines
    last = lines[-1].split()
    assert int(last[0]) == row.steps
    assert float(last[1]) == pytest.approx(row.train_acc, rel=1e-5)


def test_every_run_replays_to_the_same_bits_with_a_dense_curve_and_weights(out: Path) -> None:
    frame = load(out)
    assert {"decided", "finished"} <= set(frame.status)
    for status in ("decided", "finished"):
        row = frame[frame.status == status].iloc[0]
        answer = phasegrok("show", out, row.run_id, "--replay")
        assert answer.returncode == 0, answer.stdout + answer.stderr
        assert "it came out the same, to the last bit" in answer.stdout
        again = pq.read_table(out / "replay" / f"{row.run_id}.parquet").to_pylist()[0]
        assert again["curve.step"] == list(range(0, row.steps + 1, 5))  # every evaluation
        weights = torch.load(out / "replay" / f"{row.run_id}.pt", weights_only=True)
        norm = sum(tensor.double().square().sum() for tensor in weights.values()) ** 0.5
        assert float(norm) == pytest.approx(row.weight_norm, rel=1e-5)


def test_a_replay_that_differs_says_so(out: Path, tmp_path: Path) -> None:
    import shutil

    from phasegrok.store import Store

    copy = tmp_path / "quick"
    shutil.copytree(out, copy)
    store = Store(copy)
    row = store.rows().to_pylist()[0]
    store.write_part("zz-later", [{**row, "val_acc": 0.123, "written": 9e9}], store.config())
    answer = phasegrok("show", copy, row["run_id"], "--replay")
    assert answer.returncode == 1
    assert "val_acc: 0.123 then" in answer.stdout


@pytest.mark.parametrize(
    ("run_id", "words"),
    [("zzzz", "has no run zzzz"), ("", "begins the ids of 6 runs")],
)
def test_an_unknown_run_is_one_message(out: Path, run_id: str, words: str) -> None:
    answer = phasegrok("show", out, run_id)
    assert answer.returncode == 2
    assert words in answer.stderr and "Traceback" not in answer.stderr


@pytest.mark.parametrize("command", ["show", "plot", "collect"])
def test_a_directory_without_a_sweep_is_one_message(tmp_path: Path, command: str) -> None:
    answer = phasegrok(command, tmp_path, *(["abc"] if command == "show" else []))
    assert answer.returncode == 2
    assert "has no sweep.yaml" in answer.stderr and "Traceback" not in answer.stderr


def test_plot_and_collect_make_again_what_was_lost(out: Path) -> None:
    figure, results = out / "phase_diagram.png", out / "results.parquet"
    before = figure.read_bytes()
    figure.unlink()
    assert phasegrok("plot", out).returncode == 0
    assert figure.read_bytes() == before
    figure.unlink()
    results.unlink()
    answer = phasegrok("collect", out)
    assert answer.returncode == 0 and "6 of 6 runs" in answer.stdout
    assert figure.read_bytes() == before and results.exists()
