"""The page judges every run as phasegrok.classify does, and every cell as the frames do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import phasegrok
from phasegrok import Rule, classify
from phasegrok.frames.grid import phase_counts, phase_map, planned_axes
from phasegrok.frames.observable import value_map
from phasegrok.frames.probability import phase_probability
from phasegrok.frames.steps import steps_map
from phasegrok.report import write
from phasegrok.store import Store
from tests.report.conftest import Open
from tests.report.stores import BUDGET, invented
from tests.sweeping import command

RULES = [
    Rule(gap=0.05, budget=BUDGET),
    Rule(gap=0.0, budget=BUDGET),
    Rule(gap=0, budget=BUDGET),
    Rule(gap=1, budget=BUDGET),
    Rule(gap=1.0, budget=BUDGET),
    Rule(gap=0.07, budget=100),
    Rule(gap=1e-5, budget=700),
    Rule(gap=0.333333333333333, budget=1999),
    Rule(gap=250, budget=500),
    Rule(0.5, 0.999, gap=0.1, budget=BUDGET),
    Rule(0.999, 0.5, gap=20, budget=1000),
    Rule(0.99, 0.95, gap=0.05, budget=2 * BUDGET),
    Rule(0.97, 0.9, gap=0.05, budget=BUDGET),
    Rule(0.9, 0.123, gap=0.05, budget=BUDGET),
    Rule(1.0, 1.0, gap=0.05, budget=BUDGET),
    Rule(0.8, 0.6, gap=0.2),
]


def spoken(rule: Rule) -> dict[str, Any]:
    """A rule as the page has it."""
    share = isinstance(rule.gap, float) and rule.gap < 1
    return {"train": rule.train_accuracy, "val": rule.val_accuracy, "gap": str(rule.gap),
            "share": share, "budget": rule.budget}  # fmt: skip


def frame_of(report: Path) -> pd.DataFrame:
    return Store(report.parent).collected(curves=False).to_pandas()


@pytest.mark.parametrize("which", ["small", "large", "noisy"])
def test_the_page_gives_every_run_the_label_that_python_gives(
    which: str, opened: Open, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if which == "noisy":
        report = write(invented(tmp_path / "noisy", "task.label_noise=0.1"))
    else:
        report = request.getfixturevalue(which)
    frame, found = frame_of(report), set()
    with opened(report.as_uri()) as page:
        for rule in RULES:
            labels = page.evaluate("rule => phasegrok.labels(rule)", spoken(rule))
            expected = classify(frame, rule).tolist()
            assert labels == expected, rule
            found |= set(expected)
    side = "inversion" if which == "noisy" else "val_only"
    assert found == {"comprehension", "grokking", "memorization", "confusion", side, "undecided"}


def slid(page: Any, name: str, value: float) -> None:
    """Take the slider of a threshold to a value by the keyboard, as a reader would."""
    slider = page.locator(f"#rule-{name}")
    slider.focus()
    slider.press("Home")
    for _ in range(100):
        if float(slider.get_attribute("aria-valuetext")) == value:
            return
        slider.press("ArrowRight")
    raise AssertionError(f"the slider of {name} has no stop at {value}")


@pytest.mark.parametrize("rule", [RULES[0], RULES[9], Rule(0.6, 0.99, gap=0.2, budget=1000)])
def test_sliders_reclassify_every_cell(rule: Rule, large: Path, opened: Open) -> None:
    store = Store(large.parent)
    frame, axes = frame_of(large), planned_axes(store.config()["sweep"])
    frame["phase"] = classify(frame, rule)
    full = phase_map(frame, axes)
    with opened(large.as_uri()) as page:
        slid(page, "train", rule.train_accuracy)
        slid(page, "val", rule.val_accuracy)
        slid(page, "gap", rule.gap)
        assert rule.budget is not None
        slid(page, "budget", rule.budget)
        shown = page.evaluate("phasegrok.look('phase')")
        assert [cell["shown"] for cell in shown] == full["shown"].tolist()
        legend = page.locator("#legend .key").all_inner_texts()
    here = phase_counts(full.loc[(full["row.at"] == 0) & (full["col.at"] == 0)])
    everywhere = full["shown"].value_counts()
    expected = [f"{name} {count} here, {everywhere.get(name, 0)} in all"
                for name, count in here.items()]  # fmt: skip
    assert legend == expected


@pytest.mark.parametrize("rule", [RULES[0], RULES[9], RULES[10]])
def test_every_map_shows_what_its_frame_says(rule: Rule, large: Path, opened: Open) -> None:
    frame, axes = frame_of(large), planned_axes(Store(large.parent).config()["sweep"])
    frame["phase"] = classify(frame, rule)
    told = phase_probability(frame, axes)
    expected = {
        "entropy": told["entropy"],
        **{f"p.{name}": told[f"p.{name}"] for name in ("grokking", "val_only")},
        **{of: steps_map(frame, axes, of, rule)["median"] for of in ("train", "val", "delay")},
        "weight_norm": value_map(frame, axes, "weight_norm")["median"],
    }
    with opened(large.as_uri()) as page:
        page.evaluate("rule => { phasegrok.page.state.rule = rule; judge(); }", spoken(rule))
        for name, column in expected.items():
            found = page.evaluate("name => phasegrok.look(name)", name)
            values = [cell["value"] if cell["shown"] == "value" else None for cell in found]
            assert np.allclose(np.array(values, float), column, rtol=1e-6, equal_nan=True), name
        for of in ("train", "val", "delay"):
            shown = [cell["shown"] for cell in page.evaluate("of => phasegrok.look(of)", of)]
            assert shown == steps_map(frame, axes, of, rule)["shown"].tolist(), of


def test_labels_are_those_of_a_rerun_that_kept_every_evaluation(
    opened: Open, tmp_path: Path
) -> None:
    """What was trained once, stopped early and thinned, is judged as if all had been kept."""
    out = tmp_path / "quick"
    small = ["seeds=1", "sweep.x.num=2", "sweep.y.num=3", "train.steps=200"]
    done = command("+sweep=quick", *small, "launch=inline", f"out={out}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    report = write(Store(out))
    frame = frame_of(report)
    runs = {run.run_id: run for run in phasegrok.runs("quick", overrides=small)}
    again = [runs[run_id] for run_id in frame["run_id"]]
    rerun = phasegrok.train(
        again, compiled=False, lanes=8, stop_when_decided=False, curve_points_per_decade=0
    )
    answered = 0
    with opened(report.as_uri()) as page:
        for rule in [Rule(0.9, 0.9, 0.1, 200), Rule(0.8, 0.6, 20, 150), Rule(0.95, 0.9, 0.2, 200),
                     Rule(0.99, 0.99, 0.1, 200), Rule(0.5, 0.5, 0.05, 100)]:  # fmt: skip
            labels = page.evaluate("rule => phasegrok.labels(rule)", spoken(rule))
            truth = classify(crossed(rerun, rule), rule).tolist()
            pairs = [pair for pair in zip(labels, truth, strict=True) if pair[0] != "undecided"]
            assert all(label == true for label, true in pairs), rule
            answered += len(pairs)
            # Undecided are only runs that were stopped before the rule could be answered.
            open_ones = frame.loc[np.array(labels) == "undecided", "status"]
            assert set(open_ones) <= {"decided"}
    assert answered > 20


def crossed(rerun: pd.DataFrame, rule: Rule) -> pd.DataFrame:
    """The rerun with the crossings of this rule, read off its curves."""
    told = rerun.assign(**{"phase.train_accuracy": None, "phase.val_accuracy": None})
    for side, accuracy in (("train", rule.train_accuracy), ("val", rule.val_accuracy)):
        steps = []
        for at, curve in zip(rerun["curve.step"], rerun[f"curve.{side}_acc"], strict=True):
            found = np.flatnonzero(np.asarray(curve) >= accuracy)
            steps.append(float(at[found[0]]) if len(found) else np.nan)
        told[f"{side}_step"], told[f"{side}_steps"] = steps, None
    return told
