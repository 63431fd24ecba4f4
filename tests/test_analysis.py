"""The figure scripts of analysis/ run on studies, and their pictures say what they show."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from analysis.liu2022 import keyed, read_published
from analysis.study import as_told, read
from phasegrok import cells, load
from phasegrok.config import compose
from phasegrok.diagram import data_hash, layout
from tests.claims import SWEEPS
from tests.diagram.cases import config_of, frame_of, stored, weighed

SCRIPTS = Path(__file__).parents[1] / "analysis"

# Script, study, and a word or two of what its picture says to those who cannot see it.
DRAWN = [
    ("steps_to_generalise", "lr_vs_wd", "75 of 169 cells have one"),
    ("phase_probability", "wd_vs_frac", "comprehension, grokking, memorization, confusion"),
    ("boundaries", "wd_vs_frac", "grokking / memorization"),
    ("data_efficiency", "wd_vs_frac", "training fraction from 0.2 to 0.9, 13 lines"),
    ("scaling_law", "lr_vs_wd", "weight decay: -1.00 (-1.05 to -0.96)"),
    ("budget_sensitivity", "lr_vs_wd", "12 of 169 differ"),
    ("structure", "liu2022_representation", "published at any step within 10,000, here at step"),
    ("unlearnable", "liu2022_representation", "12 of 22 cells"),
]

# Those whose numbers are judged by no rule.
UNJUDGED = ("structure", "landscape")


def run(monkeypatch: pytest.MonkeyPatch, script: str, *arguments: Path) -> int:
    """Run a script as its command line does, in this process; its exit code."""
    monkeypatch.syspath_prepend(SCRIPTS)
    file = SCRIPTS / f"{script}.py"
    monkeypatch.setattr(sys, "argv", [str(file), *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(file), run_name="__main__")
    return int(ended.value.code or 0)


def said(picture: Path) -> dict[str, Any]:
    with Image.open(picture) as opened:
        return {str(key): value for key, value in opened.info.items()}


@pytest.mark.parametrize("script, name, words", DRAWN)
def test_a_script_draws_a_study_and_the_picture_says_what_it_shows(
    script: str, name: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(monkeypatch, script, SWEEPS / name, tmp_path) == 0
    about = said(tmp_path / f"{script}.png")
    assert words in about["Description"] and name in about["Title"]
    assert about["Data hash"] == data_hash(load(SWEEPS / name))
    assert about.get("Rule", "").startswith("First crossing") == (script not in UNJUDGED)
    assert about["Sweep"] == name
    assert about["Command"] == f"python analysis/{script}.py sweeps/{name} {tmp_path.name}"


def test_what_a_sweep_cannot_show_stands_below_the_picture_of_a_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrapped: list[str] = []
    monkeypatch.setattr(layout, "wrapped", lambda text, *_: wrapped.append(text) or [text])
    study = SWEEPS / "liu2022_representation"
    assert run(monkeypatch, "structure", study, tmp_path) == 0
    (text,) = wrapped
    for part in ("p = 10", "width = 200", "adamw", "seeds 0–4", "Budget 10000 steps", "RQI above"):
        assert part in text
    assert text.endswith(f"Data {data_hash(load(study))}.")


def test_a_command_names_places_as_they_lie_in_the_repository_and_on_no_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(SWEEPS)
    assert as_told("quick") == as_told(str(SWEEPS / "quick")) == "sweeps/quick"
    monkeypatch.chdir(tmp_path)
    assert as_told("outputs/quick/") == "outputs/quick"
    assert as_told(str(tmp_path / "quick")) == "quick"


def test_curves_are_drawn_of_a_sweep_that_has_them_and_asked_for_where_there_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = stored(config_of(), tmp_path / "sweep")
    assert run(monkeypatch, "training_curves", folder) == 0
    assert "comprehension, grokking" in said(folder / "training_curves.png")["Description"]
    assert run(monkeypatch, "training_curves", SWEEPS / "lr_vs_wd", tmp_path) == 2
    assert "curve" in capsys.readouterr().err


@pytest.mark.parametrize("script", ["neurons", "pruning"])
def test_neurons_are_drawn_of_a_sweep_that_keeps_its_weights(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = weighed(tmp_path / "sweep")
    assert run(monkeypatch, script, folder) == 0
    about = said(folder / f"{script}.png")
    told = about["Description"]
    assert "little" in told and ("Rule" in about) == (script not in UNJUDGED)
    assert ("in random order" in told) == (script == "pruning")
    assert "of the phases comprehension, grokking, memorization, confusion." in told
    assert run(monkeypatch, script, SWEEPS / "lr_vs_wd", tmp_path) == 2
    assert "store.weights=final" in capsys.readouterr().err


def test_the_difference_of_two_sweeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = frame_of(config_of())
    late = frame["phase"] == "comprehension"  # three cells of twelve
    grokked = frame.assign(val_step=frame["val_step"].mask(late, 1500.0))
    grokked["steps"] = grokked["steps"].mask(late, 1500)
    first = stored(config_of(), tmp_path / "first", frame)
    second = stored(config_of(), tmp_path / "second", grokked)
    assert run(monkeypatch, "difference", first, second, tmp_path) == 0
    about = said(tmp_path / "difference.png")
    assert "75% of 12 cells agree" in about["Description"] and " and " in about["Data hash"]


def test_a_published_map_stands_beside_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, csv = compose(["+sweep=liu2022_s3"]), SWEEPS / "liu2022_s3" / "published.csv"
    theirs = keyed(read_published(csv)).drop(columns=["optim.lr", "optim.weight_decay", "phase"])
    planned: Any = frame_of(config)[["run_id", "seed", "optim.lr", "optim.weight_decay"]]
    asked: Any = keyed(planned)
    ours = asked.join(theirs, validate="1:1").assign(budget=100_000)
    ours.loc[["1e-05/0", "1e-05/1"], "val_step"] = None
    study = stored(config, tmp_path / "study", ours.reset_index(drop=True))
    (study / "published.csv").write_bytes(csv.read_bytes())
    assert run(monkeypatch, "beside_published", study) == 0
    about = said(study / "beside_published.png")
    assert f"2 of {len(cells.runs(config))} cells that differ" in about["Description"]


@pytest.mark.parametrize("name", ["omnigrok_landscape", "omnigrok_landscape_size"])
def test_losses_over_the_weight_norm_stand_beside_published_ones_where_there_are_any(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, csv = compose([f"+sweep={name}"]), SWEEPS / name / "published.csv"
    runs = cells.runs(config)
    frame = frame_of(config).assign(config=[json.dumps(run.config) for run in runs])
    frame["train_loss"] = (frame["model.init_scale"] == 0.1) * 1e-8
    frame["val_loss"] = frame["model.init_scale"].where(frame["model.init_scale"] > 1, 2.0)
    study = stored(config, tmp_path / "study", frame)
    if csv.exists():
        (study / "published.csv").write_bytes(csv.read_bytes())
    assert run(monkeypatch, "landscape", study) == 0
    about = said(study / "landscape.png")
    told = about["Description"]
    assert "Rule" not in about
    pairs = {"omnigrok_landscape": 3, "omnigrok_landscape_size": 5}[name]
    assert f"{pairs} pairs of lines. The validation loss is least at α = 1.58, weight" in told
    assert ("11 published norms" in told) == csv.exists() == (name == "omnigrok_landscape")
    drawn = runpy.run_path(str(SCRIPTS / "landscape.py"))["picture"](read(study))
    figure = layout.lay_out(drawn, "")
    ax, edge = figure.axes[0], figure.axes[0].get_ylim()[0]
    zeros = [line for line in ax.lines if line.get_marker() == "v"]
    # Of ours the training losses at all alphas but one, of theirs, to six digits, those at 1 and
    # from 2.5 on.
    ends = [[edge] * 10] * pairs + [[5e-7] * 5] * csv.exists()
    assert edge < 5e-7 and [np.asarray(line.get_ydata()).tolist() for line in zeros] == ends
    names = [text.get_text() for text in figure.subfigs[0].legends[0].get_texts()]
    assert "0, below the scale" in names
    assert ("published, 0 to six digits" in names) == csv.exists()


def test_a_script_says_how_it_is_used_and_what_is_no_study(tmp_path: Path) -> None:
    command = [sys.executable, SCRIPTS / "structure.py"]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert asked.returncode == 2 and "structure.py STUDY [FOLDER]" in asked.stderr
    lost = subprocess.run([*command, tmp_path], capture_output=True, text=True, check=False)
    assert lost.returncode == 2 and "sweep.yaml" in lost.stderr and "Traceback" not in lost.stderr
