"""The seeds of a cell together: phase probabilities, majority, ties, entropy."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from phasegrok.phases import (
    PHASES,
    cell_table,
    entropy,
    leaders,
)

NAN = float("nan")


def cells_frame() -> pd.DataFrame:
    """Four cells: a clear one, a tie, one with a failed run, one where nothing is known."""
    lines = [
        (0.1, 0, "comprehension", "decided"),
        (0.1, 0, "grokking", "decided"),
        (0.1, 0, "comprehension", "decided"),
        (0.1, 0, "comprehension", "decided"),
        (0.1, 1, "confusion", "finished"),
        (0.1, 1, "memorization", "finished"),
        (0.3, 0, "undecided", "failed"),
        (0.3, 0, "inversion", "finished"),
        (0.3, 0, "undecided", "decided"),
        (0.3, 1, "undecided", "failed"),
    ]
    columns = ["optim.lr", "optim.weight_decay", "phase", "status"]
    # Backwards: cells are ordered by their values, not by when their runs ended.
    return pd.DataFrame(lines[::-1], columns=columns)


def _none(*phases: str) -> dict[str, list[float]]:
    """Shares of phases that none of the runs is in."""
    return {f"p.{phase}": [0.0, 0.0, 0.0, NAN] for phase in phases}


def test_a_cell_has_phase_probabilities_a_majority_its_ties_and_an_entropy() -> None:
    expected = pd.DataFrame(
        {
            "optim.lr": [0.1, 0.1, 0.3, 0.3],
            "optim.weight_decay": [0, 1, 0, 1],
            "seeds": [4, 2, 1, 0],
            "majority": ["comprehension", "tie", "undecided", "undecided"],
            "tied": [("comprehension",), ("memorization", "confusion"), ("inversion",), ()],
            **_none("coexistence", "partial inversion", "full inversion"),
            "p.comprehension": [0.75, 0.0, 0.0, NAN],
            "p.grokking": [0.25, 0.0, 0.0, NAN],
            "p.memorization": [0.0, 0.5, 0.0, NAN],
            **_none("forgetting"),
            "p.confusion": [0.0, 0.5, 0.0, NAN],
            "p.inversion": [0.0, 0.0, 1.0, NAN],
            "p.val_only": [0.0, 0.0, 0.0, NAN],
            "entropy": [2 - 0.75 * math.log2(3), 1.0, 0.0, NAN],
            "undecided": [0, 0, 1, 0],
            "failed": [0, 0, 1, 1],
        }
    )
    assert_frame_equal(cell_table(cells_frame(), ["optim.lr", "optim.weight_decay"]), expected)


def test_a_cell_may_be_made_of_one_column_and_another_phase_column() -> None:
    renamed = cells_frame().rename(columns={"phase": "phase at 1e4"}).drop(columns="status")
    table = cell_table(renamed, ["optim.lr"], phase="phase at 1e4")
    assert table[["optim.lr", "seeds", "undecided", "failed"]].values.tolist() == [
        [0.1, 6, 0, 0],
        [0.3, 1, 3, 0],
    ]


def test_a_cell_at_a_null_value_is_a_cell() -> None:
    runs = cells_frame().assign(clip=[None, 1.0] * 5)
    table = cell_table(runs, ["clip"])
    assert table["clip"].isna().tolist() == [False, True]
    assert (table["seeds"] + table["undecided"] + table["failed"]).tolist() == [5, 5]


def test_a_table_of_no_runs_has_the_columns_and_no_rows() -> None:
    table = cell_table(cells_frame().iloc[:0], ["optim.lr"])
    assert len(table) == 0
    assert [c for c in table if str(c).startswith("p.")] == [f"p.{name}" for name in PHASES]


def test_all_phases_can_tie() -> None:
    runs = pd.DataFrame({"x": 0, "phase": PHASES, "status": "finished"})
    (cell,) = cell_table(runs, ["x"]).to_dict("records")
    assert cell["majority"] == "tie"
    assert cell["tied"] == PHASES
    assert cell["entropy"] == pytest.approx(math.log2(len(PHASES)))


def test_leaders_are_those_with_the_largest_count() -> None:
    assert leaders({"comprehension": 2, "grokking": 2, "confusion": 1}) == (
        "comprehension",
        "grokking",
    )
    assert leaders({"comprehension": 0, "grokking": 0}) == ()
    assert leaders({}) == ()


def test_entropy_is_in_bits() -> None:
    assert entropy([5, 0, 0]) == 0
    assert math.copysign(1, entropy([5])) == 1  # not -0.0
    assert entropy([1, 1]) == 1
    assert entropy([1, 1, 1, 1, 0]) == 2
    assert entropy([3, 1]) == pytest.approx(0.8112781)
    assert math.isnan(entropy([0, 0]))
    assert math.isnan(entropy([]))
