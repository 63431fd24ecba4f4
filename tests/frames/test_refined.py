"""Maps of refined lattices: each cell that was trained, as large as it stands for."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from phasegrok import InputError
from phasegrok.diagram.colors import PHASE_COLORS
from phasegrok.diagram.mesh import Ground
from phasegrok.diagram.panels import paint_cells
from phasegrok.frames import phase_map
from phasegrok.frames.grid import Axis, planned_axes, planned_runs
from phasegrok.frames.observable import value_map
from phasegrok.frames.places import own_cells
from phasegrok.frames.rounds import round_map
from phasegrok.frames.steps import steps_map
from phasegrok.lattice import Lattice, Point

X, Y = "task.train_fraction", "optim.weight_decay"
SWEEP = {
    "name": "refined",
    "x": {"param": X, "low": 0.2, "high": 1.0, "num": 9},
    "y": {"param": Y, "scale": "log", "low": 0.01, "high": 1.0, "num": 5},
    "refine": {"start": [3, 3]},
}
LATTICE = Lattice((3, 3), (2, 1))
AXES = planned_axes(SWEEP)
# All of the coarse lattice but one point, a box that was split, and a probe.
PHASES: dict[Point, str] = {
    **{point: "memorization" for point in LATTICE.points(0) if point != (8, 4)},
    **dict.fromkeys(LATTICE.within(((0, 0), 0), 1), "grokking"),
    **dict.fromkeys([(1, 0), (0, 1), (1, 1), (7, 3)], "comprehension"),
    (4, 2): "confusion",
}


def frame_of(phases: dict[Point, str], **columns: object) -> pd.DataFrame:
    rows = [{X: AXES["x"].values[x], Y: AXES["y"].values[y], "phase": phase, "seed": 0,
             "run_id": f"{x}-{y}", "status": "finished", "steps": 10, "budget": 10,
             "train_step": 1, "val_step": 5} for (x, y), phase in phases.items()]  # fmt: skip
    return pd.DataFrame(rows).assign(**columns)


def test_axes_know_how_often_they_were_halved() -> None:
    assert (AXES["x"].levels, AXES["y"].levels) == (LATTICE.levels[0], LATTICE.levels[1])


def test_a_cell_reaches_half_way_to_its_neighbours_on_its_own_level() -> None:
    full = phase_map(frame_of(PHASES), AXES).set_index(["x.at", "y.at"])
    borders = ["x.low", "x.high", "y.low", "y.high"]
    tenth = 10**0.5  # between neighbours of the fine axis
    coarse = [0.6 - 0.2, 0.6 + 0.2, 0.1 / tenth, 0.1 * tenth]
    assert full.loc[(4, 2), borders].to_numpy(float) == pytest.approx(coarse)
    middle = [0.4 - 0.1, 0.4 + 0.1, 0.01 * tenth**0.5, 0.1 / tenth**0.5]
    assert full.loc[(2, 1), borders].to_numpy(float) == pytest.approx(middle)
    fine = [0.9 - 0.05, 0.9 + 0.05, 0.1 * tenth**0.5, 1.0 / tenth**0.5]
    assert full.loc[(7, 3), borders].to_numpy(float) == pytest.approx(fine)


def test_only_trained_cells_and_the_coarse_lattice_are_shown_and_what_lacks_is_missing() -> None:
    full = phase_map(frame_of(PHASES), AXES)
    places = set(zip(full["x.at"], full["y.at"], strict=True))
    assert places == {*PHASES, (8, 4)}
    assert full.loc[full["shown"] == "missing", ["x.at", "y.at"]].to_numpy().tolist() == [[8, 4]]


def test_the_picture_shows_every_trained_cell_over_the_coarser_ones() -> None:
    full = phase_map(frame_of(PHASES), AXES)
    ax = Figure().add_subplot()
    paint_cells(ax, full, Ground.of(AXES))
    painted = []
    for collection in ax.collections:
        assert isinstance(collection, PolyCollection)
        collection.update_scalarmappable()
        colors = collection.get_facecolor()
        painted += [(path, np.array(colors)[min(i, len(colors) - 1)])
                    for i, path in enumerate(collection.get_paths())]  # fmt: skip
    for (x, y), phase in PHASES.items():
        middle = AXES["x"].values[x], AXES["y"].values[y]
        over = [color for path, color in painted if path.contains_point(middle)]
        wanted = [int(PHASE_COLORS[phase][i : i + 2], 16) / 255 for i in (1, 3, 5)]
        assert list(over[-1][:3]) == pytest.approx(wanted, abs=0.01), (x, y, phase)


def test_steps_values_and_rounds_have_the_same_cells() -> None:
    frame = frame_of(PHASES, weight_norm=2.0, round=1)
    frame.loc[frame["run_id"] == "7-3", "round"] = 3
    places = ["x.at", "y.at", "x.low", "y.high"]
    cells = phase_map(frame, AXES)[places].to_numpy()
    for full in (steps_map(frame, AXES), value_map(frame, AXES, "weight_norm"),
                 round_map(frame, AXES)):  # fmt: skip
        assert (full[places].to_numpy() == cells).all()
    told = round_map(frame, AXES).to_dict("records")
    rounds = {(cell["x.at"], cell["y.at"]): cell["median"] for cell in told}
    assert rounds[7, 3] == 3 and rounds[0, 0] == 1


def test_a_cell_is_of_the_round_of_its_first_run() -> None:
    twice = pd.concat([frame_of(PHASES, round=1), frame_of({(0, 0): "grokking"}, round=4)])
    assert set(round_map(twice, AXES)["median"].dropna()) == {1}


def test_rounds_of_a_sweep_that_was_not_refined_are_refused() -> None:
    with pytest.raises(InputError, match="no rounds to draw: this sweep was not refined"):
        round_map(frame_of(PHASES), AXES)


def test_runs_outside_the_rounds_are_not_drawn() -> None:
    frame = frame_of(PHASES, round=1.0)
    frame.loc[frame["run_id"] == "7-3", "round"] = np.nan
    config = {"sweep": SWEEP, "seeds": 1}
    assert set(planned_runs(frame, config)["run_id"]) == set(frame["run_id"]) - {"7-3"}


def test_a_map_that_was_not_refined_stays_as_it_is() -> None:
    plain = {name: Axis(axis.key, axis.values, axis.scale) for name, axis in AXES.items()}
    full = phase_map(frame_of(PHASES), plain)
    assert len(full) == 45 and "level" not in full
    assert own_cells(full, plain, np.zeros(45, dtype=bool)) is full
