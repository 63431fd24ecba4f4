"""Kept answers say what their data say, and are answers to the questions asked today."""

from __future__ import annotations

import re
import runpy
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from analysis.study import main as draw
from phasegrok import Rule, cells, classify, load
from phasegrok.__main__ import main
from phasegrok.answers import Asked, answered_ids
from phasegrok.config import compose
from phasegrok.diagram import data_hash
from phasegrok.phases import cell_table
from phasegrok.store import Store
from tests import claim_values, claims
from tests.claims import SWEEPS, Result, Study

STUDIES = [study.folder for study in claims.studies()]

ROOT = SWEEPS.parent

# What a sweep file does not decide.
MACHINE = ("launch", "out", "reuse", "dry_run", "store")


def test_the_default_picture_is_kept() -> None:
    assert SWEEPS / "wd_vs_frac" in STUDIES


def test_the_tables_of_claims_and_of_studies_are_those_of_the_data() -> None:
    for path, text in claims.blocks():
        assert text in path.read_text(), f"{path} is out of date: python -m tests.claims"


@pytest.mark.parametrize(
    "tolerance, right, wrong",
    [
        ({"at_least": 0.98}, 0.98, 0.979),
        ({"at_most": 2.0}, 2, 2.1),
        ({"at_least": -1.3, "at_most": -0.6}, -1.0, -1.4),
        ({"equals": "GCM"}, "GCM", "GM"),
        ({"at_most": 1.0}, 0.0, float("nan")),
    ],
)
def test_a_claim_agrees_within_its_tolerance_and_not_outside(tolerance, right, wrong) -> None:
    assert Result(tolerance, right).agrees
    assert Result(tolerance, right).verdict == "agrees"
    assert not Result(tolerance, wrong).agrees
    assert Result(tolerance, wrong).verdict == "**disagrees**"


def test_a_study_that_is_claimed_and_not_run_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(SWEEPS / "lr_vs_wd", tmp_path / "lr_vs_wd")
    (tmp_path / "quick").mkdir()
    (tmp_path / "quick" / "claims.yaml").write_text("claims: [{id: one}]")
    monkeypatch.setattr(claims, "SWEEPS", tmp_path)
    first, last = claims.studies_table().splitlines()[2:]
    assert "| 507 | 3 of 3" in first
    assert (
        last.startswith("| quick |") and "| not run yet | [1 stated](quick/claims.yaml) |" in last
    )


def test_a_table_takes_the_place_of_the_old_one_or_the_end_of_a_page_without() -> None:
    old, new = claims.block("claims", "old"), claims.block("claims", "new")
    assert claims.filled(f"words\n\n{old}\n\nmore\n", new) == f"words\n\n{new}\n\nmore\n"
    assert claims.filled("words\n", new) == f"words\n\n{new}\n"


def test_what_was_revised_after_the_run_is_told_under_the_table_and_in_the_count() -> None:
    study = Study(SWEEPS / "lr_vs_wd")
    revised = [claim["revised"] for claim in study.stated["claims"] if "revised" in claim]
    table = claims.claims_table(study)
    assert len(revised) == table.count("agrees, revised |") == 2
    assert all(text in table.partition("Revised after")[2] for text in revised)
    assert "3 of 3, 2 revised after the run" in claims.studies_table()


def test_a_value_that_nobody_published_is_told_as_a_reference_and_explained() -> None:
    table = claims.claims_table(Study(SWEEPS / "gromov2023_closed_form"))
    assert "| plain NumPy | 0.21 (reference) |" in table and claims.UNPUBLISHED in table
    assert "reference" not in claims.claims_table(Study(SWEEPS / "lr_vs_wd"))


def _without_nulls(config: Any) -> Any:
    if not isinstance(config, dict):
        return config
    return {key: _without_nulls(value) for key, value in config.items() if value is not None}


def command_beside(picture: Path) -> list[str]:
    """The words of the command in the study's README that draws this figure."""
    study, kind = rf"sweeps/{picture.parent.name}\b", picture.stem
    script, plot = rf"python analysis/{kind}\.py\s+{study}", rf"phasegrok plot\s+{study}"
    command = rf"`(?:{script}[^`]*|{plot}[^`]*--kind\s+{kind}\b[^`]*)`"
    found = re.search(command, (picture.parent / "README.md").read_text())
    assert found, f"{picture.parent.name}: README.md has no command that draws {picture.name}"
    return found[0].strip("`").split()


def drawn_again(picture: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> dict[Any, Any]:
    """What a figure says of itself, drawn by the command beside it."""
    first, *words = command_beside(picture)
    monkeypatch.chdir(ROOT)
    if first == "phasegrok":
        words[words.index("--out") + 1] = str(out)
        assert main(words) == 0
    else:
        script, study, *_ = words
        monkeypatch.syspath_prepend(ROOT / "analysis")
        picture_of = runpy.run_path(script)["picture"]
        assert draw(picture_of, script, [study, str(out)]) == 0
    return said(out / picture.name)


def said(picture: Path) -> dict[Any, Any]:
    with Image.open(picture) as figure:
        return dict(figure.info)


@pytest.mark.parametrize("study", STUDIES, ids=lambda path: path.name)
class TestStudy:
    def test_it_answers_the_question_that_its_sweep_file_asks(self, study: Path) -> None:
        kept = yaml.safe_load((study / "sweep.yaml").read_text())
        asked = compose([f"+sweep={study.name}"])
        for config in (kept, asked):
            for key in MACHINE:
                config.pop(key, None)
        # A setting that came later is null where it changes nothing.
        assert _without_nulls(kept) == _without_nulls(asked), (
            f"run +sweep={study.name} again and keep its answer"
        )

    def test_it_holds_every_run_of_its_plan_once_with_its_answer_and_no_other(
        self, study: Path
    ) -> None:
        asked = compose([f"+sweep={study.name}"])
        planned = sorted(run.run_id for run in cells.runs(asked))
        assert sorted(load(study / "results.parquet").run_id) == planned
        assert sorted(answered_ids(Store(study), Asked.of(asked, Store(study)))) == planned

    def test_its_figures_are_of_its_data_by_the_commands_beside_them(
        self, study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert (study / "phase_diagram.png").exists()
        for picture in sorted(study.glob("*.png")):
            about, command = said(picture), command_beside(picture)
            if picture.stem == "phase_diagram":
                assert about["Data hash"] == data_hash(load(study)) and about["Rule"], picture
                continue
            again = drawn_again(picture, tmp_path, monkeypatch)
            if command[0] == "python":
                assert again.pop("Command") and about.pop("Command").split() == command, picture
            assert about == again, f"draw {picture} again"

    def test_its_words_are_of_its_data(self, study: Path) -> None:
        frame = load(study / "results.parquet")
        data, words = data_hash(frame), (study / "README.md").read_text()
        assert f"`{data}`" in words
        assert all(f"`{commit}`" in words for commit in frame["commit"].unique())
        assert f"{frame.steps.sum():,} run-steps" in words

    def test_its_phases_are_those_of_its_rule_and_its_table_counts_them(self, study: Path) -> None:
        config = yaml.safe_load((study / "sweep.yaml").read_text())
        frame = load(study / "results.parquet")
        assert (classify(frame, Rule.from_config(config["phase"])) == frame.phase).all()
        axes = [axis["param"] for axis in cells.axes(config["sweep"]).values()]
        majority = cell_table(frame, axes).majority.value_counts()
        runs = frame.phase.value_counts()
        words = (study / "README.md").read_text()
        for phase in runs.index:
            assert f"| {phase} | {majority.get(phase, 0)} | {runs[phase]} |" in words

    def test_its_claims_are_whole(self, study: Path) -> None:
        stated = Study(study).stated
        assert set(stated) == {"fixed", "claims"} and stated["claims"]
        names = [claim["id"] for claim in stated["claims"]]
        assert len(set(names)) == len(names)
        for claim in stated["claims"]:
            needed = {"id", "statement", "source", "value"}
            assert needed <= claim.keys() <= claims.KEYS, claim["id"]
            assert len(claims.EXPECTED & claim.keys()) == 1, claim["id"]
            assert claims.TOLERANCES.keys() & claim.keys(), claim["id"]
            assert claim["value"] in claim_values.VALUES
