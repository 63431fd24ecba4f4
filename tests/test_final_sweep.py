"""A sweep under the rule of final accuracies, through its commands: nothing stops early."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image

import phasegrok
from phasegrok import Rule, classify, load
from phasegrok.__main__ import main
from phasegrok.phases import KINDS
from phasegrok.store import Store
from tests.test_extend import TINY, trained

FINAL = ("phase=doshi2023",)


@pytest.fixture(scope="module")
def asked_twice(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
    """A sweep that stopped early, asked for the other rule, and back; how many runs each took."""
    out = tmp_path_factory.mktemp("asked") / "a"
    with pytest.MonkeyPatch.context() as patch:
        took = {"first crossing": trained([*TINY, f"out={out}"], patch)[0]}
        frame = load(out)
        took["stopped"] = len(frame.query("status == 'decided' and steps < 100"))
        took["final"] = trained([*TINY, *FINAL, f"out={out}"], patch)[0]
        took["again"] = trained([*TINY, *FINAL, f"out={out}"], patch)[0]
        took["back"] = trained([*TINY, f"out={out}"], patch)[0]
        trained([*TINY, *FINAL, f"out={out}"], patch)
    return out, took


def test_asking_for_the_other_rule_trains_exactly_what_cannot_answer(
    asked_twice: tuple[Path, dict[str, int]],
) -> None:
    _, took = asked_twice
    assert took["first crossing"] == 8 and 0 < took["stopped"] < 8
    assert took["final"] == took["stopped"]
    assert took["again"] == took["back"] == 0


def test_no_run_stops_early_and_every_row_tells_its_phase_and_its_rule(
    asked_twice: tuple[Path, dict[str, int]],
) -> None:
    out, took = asked_twice
    frame = load(out)
    assert set(frame["steps"]) == {100} and set(frame["status"]) == {"finished"}
    rule = Rule(name="final_accuracy", budget=100)
    assert frame["phase"].tolist() == classify(frame, rule).tolist()
    assert set(frame["phase"]) <= {*KINDS["final_accuracy"].phases}
    assert set(classify(frame)) <= {*KINDS["first_crossing"].phases}
    of_final = frame["phase.name"] == "final_accuracy"
    assert of_final.to_numpy().sum() == took["final"]
    assert frame.loc[of_final, "phase.gap"].isna().all()
    assert set(frame.loc[of_final, "phase.slack"].tolist()) == {0.05}
    told = pq.read_schema(out / "results.parquet").metadata[b"phasegrok"]
    assert json.loads(told)["rule"]["name"] == "final_accuracy"
    assert Store(out).config()["phase"]["name"] == "final_accuracy"


KINDS_DRAWN = ("phase", "accuracy", "probability", "entropy", "boundary", "cut", "curves")


@pytest.mark.parametrize("kind", KINDS_DRAWN)
def test_figures_say_the_rule_and_show_its_phases(
    kind: str, asked_twice: tuple[Path, dict[str, int]], tmp_path: Path
) -> None:
    assert main(["plot", str(asked_twice[0]), "--kind", kind, "--out", str(tmp_path),
                 "--format", "png"]) == 0  # fmt: skip
    (path,) = tmp_path.iterdir()
    with Image.open(path) as image:
        about = image.info
    assert about["Rule"].startswith("Final accuracies, at step 100: fitted")
    assert "comprehension" not in about["Description"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--kind", "gap"], "the rule final_accuracy has no gap"),
        (
            ["--kind", "budget"],
            "reads accuracies at the end of the budget, of which runs keep none",
        ),
        (["--gap", "0.01"], "--gap says nothing to the rule final_accuracy, which has none"),
    ],
)
def test_what_the_rule_does_not_read_is_refused_in_one_sentence(
    options: list[str],
    words: str,
    asked_twice: tuple[Path, dict[str, int]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["plot", str(asked_twice[0]), *options]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line


def test_another_rule_may_be_asked_of_a_figure_and_the_status_counts_its_phases(
    asked_twice: tuple[Path, dict[str, int]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = asked_twice[0]
    other = ["--rule", "first_crossing", "--gap", "0.1"]
    assert main(["plot", str(out), *other, "--out", str(tmp_path), "--format", "png"]) == 0
    with Image.open(tmp_path / "phase.png") as image:
        assert image.info["Rule"].startswith("First crossing")
        assert image.info["Command"] == "phasegrok plot quick --rule first_crossing --gap 0.1"
    capsys.readouterr()
    assert main(["status", str(out)]) == 0
    counts = load(out)["phase"].value_counts()
    (line,) = [w for w in capsys.readouterr().out.splitlines() if w.startswith("phases so far")]
    assert sorted(line.removeprefix("phases so far: ").split(", ")) == sorted(
        f"{count} {phase}" for phase, count in counts.items()
    )


def test_a_sweep_from_python_is_judged_by_the_rule_it_is_given() -> None:
    runs = phasegrok.runs("quick", overrides=["train.steps=20", "seeds=1"])[:2]
    frame = phasegrok.train(runs, rule=Rule(name="final_accuracy"), compiled=False)
    assert set(frame["steps"]) == {20} and set(frame["phase.name"]) == {"final_accuracy"}
    assert set(frame["phase"]) <= {*KINDS["final_accuracy"].phases}
