"""The phases of published runs: those of Liu et al. 2022, and of a replication."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from phasegrok.phases import KINDS, Rule, classify, decide
from tests.liu2022_recipe import published

DATA = Path(__file__).parent / "data" / "liu2022"


COUNTS = {
    "6b": {"comprehension": 17, "grokking": 60, "memorization": 60, "confusion": 39},
    "6d": {"comprehension": 73, "grokking": 31, "memorization": 62, "confusion": 10},
}


def published_formula(train_step: float, val_step: float) -> str:
    """The phase in the authors' notebook, for their steps: 99999 is never, and what no line
    takes stays at index 0, comprehension."""
    last, gap = 99_999, 1000
    index = 0
    if train_step < last and val_step < last and val_step - train_step > gap:
        index = 1
    if train_step < last and val_step == last:
        index = 2
    if train_step == last and val_step == last:
        index = 3
    return KINDS["first_crossing"].phases[index]


@pytest.mark.parametrize("rule", [Rule(gap=1000), Rule(gap=0.01), Rule(gap=1000, budget=100_000)])
@pytest.mark.parametrize("figure", COUNTS)
def test_the_published_steps_get_the_published_phases(figure: str, rule: Rule) -> None:
    cells = published(figure)
    phases = classify(cells, rule)
    assert phases.value_counts().to_dict() == COUNTS[figure]
    assert phases.tolist() == cells["phase"].tolist()


def test_a_replication_with_thresholds_of_60_percent_gets_its_published_phases() -> None:
    table = pd.read_csv(DATA / "mnist_rescience.csv")
    cells = pd.DataFrame(
        {
            "train_step": table["train60_step"],  # inf where never
            "val_step": table["val60_step"],
            "steps": 100_000,
            "status": "finished",
            "phase.train_accuracy": 0.6,
            "phase.val_accuracy": 0.6,
        }
    )
    phases = classify(cells, Rule(0.6, 0.6, gap=1000))
    assert phases.tolist() == table["phase"].tolist()
    assert phases.value_counts().to_dict() == {
        "comprehension": 35,
        "grokking": 50,
        "memorization": 12,
        "confusion": 3,
    }


def test_the_two_holes_of_the_published_formula_are_not_painted_comprehension() -> None:
    assert published_formula(500, 1500) == "comprehension"
    assert decide(501, 1501, gap=1000) == "grokking"
    assert published_formula(99_999, 1500) == "comprehension"
    assert decide(None, 1501, gap=1000) == "val_only"
    assert decide(None, 1501, gap=1000, noisy=True) == "inversion"


@pytest.mark.parametrize("figure", COUNTS)
def test_the_published_formula_and_ours_differ_in_the_holes_alone(figure: str) -> None:
    table = published(figure)
    theirs = table[["train_step", "val_step"]].sub(1).fillna(99_999)
    formula = [published_formula(t, v) for t, v in theirs.itertuples(index=False)]
    assert formula == classify(table, Rule(gap=1000)).tolist()


def test_a_shorter_budget_moves_published_grokking_cells_to_memorization_and_confusion() -> None:
    cells = published("6b")
    phases = classify(cells, Rule(gap=1000, budget=10_000))
    train, val = cells["train_step"] <= 10_000, cells["val_step"] <= 10_000
    gap = cells["val_step"] - cells["train_step"]
    assert (phases == "memorization").equals(train & ~val)
    assert (phases == "confusion").equals(~train & ~val)
    assert (phases == "grokking").equals(train & val & (gap >= 1000))
    assert (phases == "grokking").sum() == 23
