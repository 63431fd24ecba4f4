"""The functions behind the claims on Doshi et al. 2023, on data with known answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from phasegrok import load, load_weights
from phasegrok.frames import pruning
from tests import doshi_values as values
from tests.claims import SWEEPS
from tests.diagram.cases import weighed

KEPT = SWEEPS / "doshi2023_wd"
COLUMN: Any = {values.FRACTION: [0.8], values.NOISE: [0.2]}


def as_reference(seeds: int = 1) -> pd.DataFrame:
    """Runs whose phases are those of the reference; what may be either has forgotten."""
    words = {letter: phase for phase, letter in reversed(list(values.LETTERS.items()))}
    cells = values.reference(KEPT).map(words).rename("phase").reset_index()
    runs = pd.concat([cells.assign(seed=seed) for seed in range(seeds)], ignore_index=True)
    return runs.assign(status="finished")


def test_the_reference_has_81_cells_for_each_decay_and_its_counts() -> None:
    counts = values.reference(KEPT).groupby(values.DECAY).value_counts().unstack(fill_value=0)
    assert counts.to_dict("index") == {
        0.0: {"C": 14, "F": 0, "M": 67, "P": 0, "X": 0},
        5.0: {"C": 21, "F": 1, "M": 57, "P": 2, "X": 0},
        15.0: {"C": 12, "F": 8, "M": 57, "P": 1, "X": 3},
        20.0: {"C": 3, "F": 2, "M": 48, "P": 0, "X": 28},
    }


def test_runs_as_the_reference_agree_in_every_cell_and_others_by_their_share() -> None:
    runs = as_reference(3)
    assert values.reference_agreement(KEPT, runs) == 1
    assert values.reference_agreement(KEPT, runs, inside=True) == 1
    confused = runs["phase"].replace("forgetting", "confusion")
    assert values.reference_agreement(KEPT, runs.assign(phase=confused)) == 1
    wrong = runs.assign(phase=runs["phase"].mask(runs[values.DECAY] == 0, "confusion"))
    assert values.reference_agreement(KEPT, wrong) == 0.75
    lost = runs.assign(phase=runs["phase"].mask(runs[values.DECAY] == 0, "undecided"))
    assert values.reference_agreement(KEPT, lost) == 0.75
    assert values.reference_agreement(KEPT, runs[runs[values.DECAY] > 0]) == 0.75


def test_a_cell_on_a_boundary_is_not_inside() -> None:
    runs = as_reference()
    at_border = (runs[values.KEYS] == [5, 0.2, 0.8]).all(axis=1)  # the P between C and F
    moved = runs.assign(phase=runs["phase"].mask(at_border, "confusion"))
    assert values.reference_agreement(KEPT, moved) == pytest.approx(1 - 1 / 324)
    assert values.reference_agreement(KEPT, moved, inside=True) == 1
    amid = (runs[values.KEYS] == [0, 0.8, 0.1]).all(axis=1)  # a corner, with two neighbours
    moved = runs.assign(phase=runs["phase"].mask(amid, "confusion"))
    assert 0.99 < values.reference_agreement(KEPT, moved, inside=True) < 1


def test_cells_are_counted_and_read_along_an_axis_by_the_phase_of_most_seeds() -> None:
    runs = as_reference(3)
    runs["phase"] = runs["phase"].mask(runs["seed"] == 0, "confusion")  # outvoted
    counted: Any = {"phases": ["coexistence", "full inversion"]}
    assert values.cells_in(KEPT, runs, at={values.DECAY: [15]}, **counted) == 20
    assert values.letters_along(KEPT, runs, along=values.DECAY, at=COLUMN) == "CPFX"
    tied = runs[runs["seed"] < 2]
    assert values.letters_along(KEPT, tied, along=values.DECAY, at=COLUMN) == "?X"
    assert values.cells_in(KEPT, tied, phases=["full inversion"], at=COLUMN) == 0
    split = runs[(runs[values.KEYS] == [0, 0.2, 0.8]).all(axis=1)].copy()
    split["phase"] = ["forgetting", "coexistence", "confusion"]
    assert values.cells_in(KEPT, split, phases=["forgetting", "confusion"], at=COLUMN) == 1
    assert values.letters_along(KEPT, split, along=values.DECAY, at=COLUMN) == "X"
    assert values.cells_in(KEPT, split, phases=["coexistence", "partial inversion"], at=COLUMN) == 0
    with pytest.raises(AssertionError, match="no run has"):
        values.cells_in(KEPT, runs, at={values.DECAY: [7]}, **counted)


def test_medians_are_over_runs_at_the_end_and_at_a_step() -> None:
    curve = {"curve.step": [0, 10, 20], "curve.train_acc": [0.1, 0.5, 0.8]}
    runs = pd.DataFrame([{"seed": seed, "train_acc": 0.2 * seed} | curve for seed in range(3)])
    at = {"seed": [0, 1, 2]}
    assert values.final_median(Path(), runs, of="train_acc", at=at) == 0.2
    assert values.curve_median(Path(), runs, of="train_acc", step=10, at=at) == 0.5
    assert np.isnan(values.curve_median(Path(), runs, of="train_acc", step=15, at=at))
    lost = runs.assign(train_acc=[np.inf, 0.1, 0.2])
    assert np.isnan(values.final_median(Path(), lost, of="train_acc", at=at))


def test_accuracies_of_all_pairs_are_means_over_runs_and_falls_are_counted() -> None:
    accuracies = {(16, 23): 0.4, (32, 23): 0.3, (64, 23): 1.0, (128, 23): 1.0}
    accuracies |= {(16, 31): 0.2, (32, 31): 0.5, (64, 31): 0.5, (128, 31): 1.0}
    rows = [
        {"model.width": width, "task.p": p, "train_acc": mean + off, "val_acc": mean - off}
        for (width, p), mean in accuracies.items()
        for off in (0.0, 0.1)
    ]
    runs = pd.DataFrame(rows).assign(**{values.FRACTION: 0.5})
    at: Any = {"model.width": [16, 32], "task.p": [23]}
    assert values.whole_accuracy(KEPT, runs, at) == pytest.approx(0.35)
    assert values.least_accuracy(KEPT, runs, {"model.width": [32, 64]}) == pytest.approx(0.3)
    assert values.falls_with_width(KEPT, runs) == 2


def test_accuracies_without_neurons_are_those_of_the_kept_weights(tmp_path: Path) -> None:
    folder = weighed(tmp_path / "sweep")
    frame = load(folder)
    table = pruning(frame, load_weights(folder), shares=[0.3])
    for order, of in (("lowest", "val_acc"), ("highest", "train_acc")):
        expected = np.median(table.loc[table["order"] == order, of])
        assert values.pruned(folder, frame, order, 0.3, of) == pytest.approx(expected)
