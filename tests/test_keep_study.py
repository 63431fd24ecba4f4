"""A finished sweep becomes a study: its planned runs, all of them, and no others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image

from analysis import keep_study
from phasegrok import cells, diagram, load, load_weights
from phasegrok.store.tables import META
from tests.diagram.cases import config_of, frame_of, stored, weighed


def config() -> dict[str, Any]:
    made = config_of()
    return made | {"train": made["train"] | {"stop_when_decided": True}}


def finished(folder: Path, frame: pd.DataFrame) -> Path:
    """A sweep's directory as a sweep leaves it."""
    stored(config(), folder, frame.assign(torch="2.13.0", commit="abc"))
    return folder


def test_runs_outside_the_plan_are_left_out_and_the_words_are_begun(tmp_path: Path) -> None:
    planned = frame_of(config())
    other = planned[:1].assign(run_id="another", **{"task.train_fraction": 0.99})
    folder = finished(tmp_path / "sweep", pd.concat([planned, other]))
    assert keep_study.main([str(folder)], tmp_path) == 0
    study = tmp_path / "little"
    kept = load(study / "results.parquet")
    assert sorted(kept["run_id"]) == sorted(planned["run_id"])
    assert not {"host", "curve.step"} & set(kept)
    words = (study / "README.md").read_text()
    with Image.open(study / "phase_diagram.png") as image:
        assert image.info["Data hash"] == diagram.data_hash(planned)
    assert f"Data `{diagram.data_hash(planned)}`" in words and "| grokking | 3 | 6 |" in words


@pytest.mark.parametrize("asked", [[], ["--curves"]])
def test_curves_are_kept_where_they_are_asked_for(asked: list[str], tmp_path: Path) -> None:
    folder = finished(tmp_path / "sweep", frame_of(config()))
    assert keep_study.main([str(folder), *asked], tmp_path) == 0
    kept = load(tmp_path / "little" / "results.parquet", curves=True)
    assert ("curve.weight_norm" in kept) == bool(asked)
    assert "curve.step" not in load(tmp_path / "little" / "results.parquet")


def test_words_that_are_there_stay(tmp_path: Path) -> None:
    (tmp_path / "little").mkdir()
    (tmp_path / "little" / "README.md").write_text("mine")
    folder = finished(tmp_path / "sweep", frame_of(config()))
    assert keep_study.main([str(folder)], tmp_path) == 0
    assert (tmp_path / "little" / "README.md").read_text() == "mine"


@pytest.mark.parametrize("how", ["missing", "failed", "of a smaller budget"])
def test_a_sweep_without_an_answer_to_each_planned_run_is_refused(
    how: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = frame_of(config())
    last = frame.index == frame.index[-1]
    frame = {
        "missing": frame[~last],
        "failed": frame.assign(status=frame["status"].mask(last, "failed")),
        "of a smaller budget": frame.assign(budget=frame["budget"].mask(last, 1000)),
    }[how]
    folder = finished(tmp_path / "sweep", frame)
    assert keep_study.main([str(folder)], tmp_path) == 2
    said = capsys.readouterr().err
    assert "1 of 24 planned runs" in said and "python -m phasegrok.sweep" in said
    assert not (tmp_path / "little").exists()


def test_no_folder_of_the_machine_is_kept(tmp_path: Path) -> None:
    """Where the data lay, the sweep's own folder and those it looked in, wherever they stand."""
    asked = config() | {"out": "/machine/out", "reuse": ["/machine/other"]}
    asked["task"] = asked["task"] | {"path": "/machine/data"}
    runs = {run.run_id: json.dumps(run.config) for run in cells.runs(asked)}
    frame = frame_of(asked).assign(config=lambda table: table["run_id"].map(runs))
    assert frame["config"].str.contains("/machine/data").all()
    stored(asked, tmp_path / "sweep", frame.assign(torch="2.13.0", commit="abc"))
    assert keep_study.main([str(tmp_path / "sweep")], tmp_path) == 0
    study = tmp_path / "little"
    kept = pq.read_table(study / "results.parquet")
    told = json.loads(kept.schema.metadata[META])["config"]
    assert told == yaml.safe_load((study / "sweep.yaml").read_text())
    assert (told["out"], told["reuse"], told["task"]["path"]) == (None, [], None)
    assert not any("/machine" in text for text in kept["config"].to_pylist())
    assert "/machine" not in str(kept.schema.metadata)
    own = [cells.run_id(json.loads(text)) for text in kept["config"].to_pylist()]
    assert own == kept["run_id"].to_pylist()


@pytest.mark.parametrize("asked", [[], ["--weights"]])
def test_final_weights_are_kept_where_they_are_asked_for(asked: list[str], tmp_path: Path) -> None:
    folder = weighed(tmp_path / "sweep", config())
    (tmp_path / "little").mkdir()
    (tmp_path / "little" / "README.md").write_text("mine")
    assert keep_study.main([str(folder), *asked], tmp_path) == 0
    assert (tmp_path / "little" / "weights").exists() == bool(asked)
    kept, all_of_them = load_weights(tmp_path / "little"), load_weights(folder)
    assert kept.keys() == (all_of_them.keys() if asked else set())
    for run_id, params in kept.items():
        np.testing.assert_array_equal(params["left"], all_of_them[run_id]["left"])
