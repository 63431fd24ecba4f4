"""Kept answers say what their data say, and are answers to the questions asked today."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from PIL import Image

from phasegrok import Rule, classify, load
from phasegrok.config import compose
from phasegrok.diagram import data_hash
from phasegrok.phases import cell_table

SWEEPS = Path(__file__).resolve().parents[1] / "sweeps"
STUDIES = sorted(path.parent for path in SWEEPS.glob("*/results.parquet"))

# What a sweep file does not decide.
MACHINE = ("launch", "out", "reuse", "dry_run")


def test_the_default_picture_is_kept() -> None:
    assert SWEEPS / "wd_vs_frac" in STUDIES


@pytest.mark.parametrize("study", STUDIES, ids=lambda path: path.name)
class TestStudy:
    def test_it_answers_the_question_that_its_sweep_file_asks(self, study: Path) -> None:
        kept = yaml.safe_load((study / "sweep.yaml").read_text())
        asked = compose([f"+sweep={study.name}"])
        for config in (kept, asked):
            for key in MACHINE:
                config.pop(key)
        assert kept == asked, f"run +sweep={study.name} again and keep its answer"

    def test_its_figure_and_its_words_are_of_its_data(self, study: Path) -> None:
        frame = load(study / "results.parquet")
        data = data_hash(frame)
        with Image.open(study / "phase_diagram.png") as figure:
            assert figure.info["Data hash"] == data
        words = (study / "README.md").read_text()
        assert f"`{data}`" in words
        assert all(f"`{commit}`" in words for commit in frame["commit"].unique())
        assert f"{frame.steps.sum():,} run-steps" in words

    def test_its_phases_are_those_of_its_rule_and_its_table_counts_them(self, study: Path) -> None:
        config = yaml.safe_load((study / "sweep.yaml").read_text())
        frame = load(study / "results.parquet")
        assert (classify(frame, Rule.from_config(config["phase"])) == frame.phase).all()
        axes = [config["sweep"][name]["param"] for name in ("x", "y")]
        cells = cell_table(frame, axes).majority.value_counts()
        runs = frame.phase.value_counts()
        words = (study / "README.md").read_text()
        for phase in runs.index:
            assert f"| {phase} | {cells.get(phase, 0)} | {runs[phase]} |" in words
