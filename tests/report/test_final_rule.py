"""The page of a sweep under the rule of final accuracies: the same labels, words and controls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from phasegrok import Rule, cells, classify
from phasegrok.diagram import data_hash
from phasegrok.frames.captions import caption, rule_text
from phasegrok.frames.grid import phase_map, planned_axes
from phasegrok.phases import KINDS
from phasegrok.report import write
from phasegrok.store import Store
from tests.report.conftest import Open
from tests.report.stores import BUDGET, invented, planned
from tests.report.test_rules import frame_of, slid

NOISE = "sweep.y={param: task.label_noise, values: [0, 0.15, 0.35]}"

RULES = [
    Rule(train, val, budget=budget, name="final_accuracy")
    for train, val in ((0.9, 0.9), (0.7, 0.9), (0.85, 0.999), (0.123, 0.5), (1.0, 1.0))
    for budget in (None, BUDGET, 500, 2 * BUDGET)
]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs that ended in every way, at accuracies on and beside every threshold."""
    folder, draws = tmp_path_factory.mktemp("final"), np.random.default_rng(0)
    rule = ("phase=doshi2023", "phase.gap=null", NOISE, "seeds=12")
    store = invented(folder / "store", *rule, runs=slice(0, 0))
    rows = [_row(run, draws) for run in cells.runs(store.config())]
    store.write_part("part-0", rows, store.config())
    return write(store)


def _row(run: Any, draws: np.random.Generator) -> dict[str, Any]:
    train = draws.choice([0.3, 0.6999, 0.7, 0.85, 0.8999, 0.9, 1.0])
    val, best = draws.choice([0.2, 0.8999, 0.9, 1.0]), draws.choice([0.2, 0.9, 1.0])
    status = draws.choice(["decided", "finished", "diverged", "failed"], p=[0.1, 0.7, 0.1, 0.1])
    steps = BUDGET if status == "finished" else 500
    known = {"train_acc": train, "val_acc": val, "max_val_acc": max(val, best)}
    if draws.integers(20) == 0:
        known[draws.choice(list(known))] = None
    return planned(run, status=str(status), steps=steps, **known)


def test_the_page_gives_every_run_the_label_that_python_gives(report: Path, opened: Open) -> None:
    frame, found = frame_of(report), set()
    with opened(report.as_uri()) as page:
        for rule in RULES:
            asked = {"name": rule.name, "train": rule.train_accuracy, "val": rule.val_accuracy,
                     "slack": rule.slack, "budget": rule.budget}  # fmt: skip
            expected = classify(frame, rule).tolist()
            assert page.evaluate("rule => phasegrok.labels(rule)", asked) == expected, rule
            found |= set(expected)
    assert found == {*KINDS["final_accuracy"].phases, "undecided"}


@pytest.mark.parametrize("rule", [Rule(0.8, 0.9, budget=BUDGET, name="final_accuracy"),
                                  Rule(0.9, 0.999, budget=500, name="final_accuracy")])  # fmt: skip
def test_sliders_reclassify_every_cell_and_the_caption_says_by_what(
    rule: Rule, report: Path, opened: Open
) -> None:
    frame, config = frame_of(report), Store(report.parent).config()
    frame["phase"] = classify(frame, rule)
    full = phase_map(frame, planned_axes(config["sweep"]))
    assert rule.budget is not None
    with opened(report.as_uri()) as page:
        own = caption(frame, config, data_hash(frame_of(report)))
        assert page.locator("#caption").inner_text() == own
        assert page.locator("#rule-gap").count() == 0
        for name, value in (("train", rule.train_accuracy), ("val", rule.val_accuracy),
                            ("budget", rule.budget)):  # fmt: skip
            slid(page, name, value)
        shown = page.evaluate("phasegrok.look('phase')")
        assert [cell["shown"] for cell in shown] == full["shown"].tolist()
        told = page.locator("#caption").inner_text()
        assert f"Not the sweep's own rule. {rule_text(rule, rule.budget)}" in told
        link = page.evaluate("hashOf(phasegrok.page.data, phasegrok.page.state)")
        page.click("#own-rule")
        assert page.locator("#caption").inner_text() == own
    assert f"train={rule.train_accuracy:g}" in link or rule.train_accuracy == 0.9
    assert "gap" not in link


def test_only_the_phases_of_the_rule_can_be_mapped_and_memorization_is_not_called_censored(
    report: Path, opened: Open
) -> None:
    with opened(report.as_uri()) as page:
        maps = page.locator("#map-kind option").all_inner_texts()
        lines = page.evaluate(
            "Array.from({ length: phasegrok.page.data.cells }, (_, cell) => "
            "cellLines(phasegrok.page, cell)).flat()"
        )
    named = [text.removeprefix("probability of ") for text in maps if "probability" in text]
    assert named == list(KINDS["final_accuracy"].phases)
    assert any(line.startswith("memorization") for line in lines)
    assert not [line for line in lines if line.startswith("memorization") and "censored" in line]
