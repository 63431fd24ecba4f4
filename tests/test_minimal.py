"""The teaching twin analysis/minimal.py runs, and agrees with the engine: it is an oracle."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest
import torch

import phasegrok
from phasegrok import engine, phases
from phasegrok.cells import Run
from phasegrok.diagram import PHASE_COLORS

SCRIPT = Path(__file__).parents[1] / "analysis" / "minimal.py"


@pytest.fixture(scope="module")
def minimal() -> ModuleType:
    spec = importlib.util.spec_from_file_location("minimal", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# Six runs that end in three ways, however the sweep `quick` changes.
SMALL = [
    *("task.p=11", "model.width=64", "model.init_scale=2", "optim.lr=0.02"),
    "sweep.x={param: task.train_fraction, values: [0.3, 0.9]}",
    *("sweep.y={param: optim.weight_decay, values: [0.3, 3.0, 30.0]}", "seeds=1"),
    *("train.steps=300", "train.eval_every=1", "train.dtype=float64"),
]


def by_twin(minimal: ModuleType, run: Run) -> dict[str, Any]:
    """What the twin makes of a run, from the same beginning."""
    start, optim, train = engine.prepare(run), run.config["optim"], run.config["train"]
    train_step, val_step, parameters = minimal.train_one(
        start.params,
        start.train_indices,
        weight_decay=optim["weight_decay"],
        lr=optim["lr"],
        betas=tuple(optim["betas"]),
        steps=train["steps"],
        eval_every=train["eval_every"],
    )
    norm = sum(float(weight.square().sum()) for weight in parameters.values()) ** 0.5
    phase = minimal.classify(train_step, val_step, 0.05 * train["steps"])
    return {"train_step": train_step, "val_step": val_step, "phase": phase, "weight_norm": norm}


def test_the_twin_and_the_engine_cross_at_the_same_steps_and_end_at_the_same_weights(
    minimal: ModuleType,
) -> None:
    runs = phasegrok.runs("quick", overrides=SMALL)
    frame = phasegrok.train(runs, rule=phases.Rule(gap=0.05))
    twin = pd.DataFrame([by_twin(minimal, run) for run in runs])
    columns = ["train_step", "val_step", "weight_norm"]
    found, expected = (data.loc[:, columns].astype("float64") for data in (frame, twin))
    pd.testing.assert_frame_equal(found, expected, rtol=1e-6)
    assert frame["phase"].tolist() == twin["phase"].tolist()
    assert len(set(twin["phase"])) >= 3, "the runs must reach different ends to compare anything"
    assert any(twin["val_step"].notna())


def test_the_twin_trains_classifies_and_draws_a_small_map(
    minimal: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "map.png"
    phase = minimal.main(str(picture), (0.5, 0.9), (1.0, 90.0), p=7, width=32, steps=60)
    assert list(phase) == [(0.5, 1.0), (0.9, 1.0), (0.5, 90.0), (0.9, 90.0)]
    assert phase[0.5, 90.0] == phase[0.9, 90.0] == "confusion"
    assert phase[0.5, 1.0] == "memorization"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "train_step=" in capsys.readouterr().out


@pytest.mark.parametrize("train_step", [None, 0, 40])
@pytest.mark.parametrize("val_step", [None, 10, 60, 61])
def test_the_twin_has_the_rule_of_the_library(
    minimal: ModuleType, train_step: int | None, val_step: int | None
) -> None:
    ours = phases.decide(train_step, val_step, gap=20)
    assert minimal.classify(train_step, val_step, 20) == ours


def test_the_twin_has_the_data_the_start_and_the_colours_of_the_library(
    minimal: ModuleType,
) -> None:
    run = phasegrok.runs("quick", overrides=SMALL)[0]
    start, (inputs, labels) = engine.prepare(run), minimal.make_data(11)
    assert torch.equal(start.inputs, inputs) and torch.equal(start.labels, labels)
    drawn = minimal.initial_parameters(11, 64, 2.0, seed=0)
    assert {k: v.shape for k, v in drawn.items()} == {k: v.shape for k, v in start.params.items()}
    for name, weight in drawn.items():
        ours = start.params[name].std()
        torch.testing.assert_close(weight.std().double(), ours, rtol=0.15, atol=0)
    assert minimal.PHASE_COLORS.items() <= PHASE_COLORS.items()


def test_a_larger_fraction_of_the_twin_holds_the_smaller(minimal: ModuleType) -> None:
    small, large = (set(minimal.split(11, f, seed=3).tolist()) for f in (0.4, 0.7))
    assert small < large and (len(small), len(large)) == (48, 85)


def test_the_twin_is_a_page_of_plain_pytorch() -> None:
    text = SCRIPT.read_text()
    assert "phasegrok" not in "".join(x for x in text.splitlines() if "import" in x)
    assert len(text.splitlines()) <= 140
