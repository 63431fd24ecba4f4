"""The phase diagram: the frames it is made of, the picture, and the files."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib.pyplot
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection, QuadMesh
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from phasegrok import cells, diagram
from phasegrok.diagram import files
from phasegrok.diagram.dress import head_rows
from phasegrok.diagram.shapes import unit_bands
from phasegrok.diagram.ticks import number_texts, ticks
from phasegrok.errors import InputError
from phasegrok.frames.grid import (
    Axis,
    axes_of,
    axis_cells,
    guess_scale,
    phase_counts,
    phase_map,
    planned_axes,
    planned_runs,
)
from phasegrok.frames.words import caption, label, rule_text
from phasegrok.phases import PHASES, Rule

X, Y = "task.train_fraction", "optim.weight_decay"

ROOT = Path(__file__).parents[1]


def config_of(**sweep: Any) -> dict[str, Any]:
    """A composed config as the commands pass it on, by default of 3 x 4 cells and 2 seeds."""
    axes = {
        "x": {"param": X, "low": 0.3, "high": 0.9, "num": 3},
        "y": {"param": Y, "scale": "log", "low": 0.01, "high": 10, "num": 4},
    }
    return {
        "task": {"name": "binary_operation", "operation": "x+y", "p": 23, "pairs": "ordered",
                 "train_fraction": 0.5, "label_noise": 0.0},
        "model": {"name": "quadratic_mlp", "width": 128, "init_scale": 3.0},
        "optim": {"name": "adamw", "lr": 0.01, "weight_decay": 1.0, "betas": [0.9, 0.98],
                  "eps": 1e-8, "momentum": None, "warmup_steps": 0, "clip_norm": None,
                  "allow_overdecay": False, "groups": {}},
        "train": {"steps": 2000, "batch_size": None, "eval_every": 5, "dtype": "float32",
                  "loss": "mse"},
        "phase": {"name": "liu2022", "train_accuracy": 0.9, "val_accuracy": 0.9, "gap": 0.05},
        "seeds": 2,
        "split_seed": None,
        "sweep": {"name": "little", "row": None, "col": None, "zip": None, **axes, **sweep},
    }  # fmt: skip


def frame_of(config: Mapping[str, Any]) -> pd.DataFrame:
    """Results of a sweep as a store loads them: the phases go round, cell by cell."""
    rows = []
    for i, run in enumerate(cells.runs(config)):
        phase = PHASES[i // 2 % 4]
        fitted, generalised = phase != "confusion", phase in ("comprehension", "grokking")
        val_step = {"comprehension": 60.0, "grokking": 900.0}.get(phase)
        rows.append({
            "run_id": run.run_id, "seed": run.seed, **run.cell, "phase": phase,
            "status": "decided" if generalised else "finished",
            "steps": val_step if generalised else 2000, "budget": 2000,
            "train_step": 50.0 if fitted else None, "val_step": val_step,
        })  # fmt: skip
    return pd.DataFrame(rows)


def runs(*rows: tuple[Any, ...], columns: str = "x y seed phase status") -> pd.DataFrame:
    named = {"x": X, "y": Y, "row": "optim.lr", "col": "model.width"}
    return pd.DataFrame(rows, columns=[named.get(name, name) for name in columns.split()])


# --------------------------------------------------------------------------- where cells lie


def test_borders_on_a_linear_axis_are_mid_points_also_of_uneven_values() -> None:
    expected = pd.DataFrame({
        "value": [0.2, 0.4, 0.8],
        "low": [0.1, 0.3, 0.6],
        "high": [0.3, 0.6, 1.0],
        "centre": [0.2, 0.4, 0.8],
        "broken": [False, False, False],
    })  # fmt: skip
    pd.testing.assert_frame_equal(axis_cells(Axis.of(X, [0.8, 0.2, 0.4], "linear")), expected)


def test_borders_on_a_log_axis_are_geometric_mid_points() -> None:
    found = axis_cells(Axis.of(Y, [0.1, 1.0, 10.0]))
    expected = pd.DataFrame({
        "value": [0.1, 1.0, 10.0],
        "low": [10**-1.5, 10**-0.5, 10**0.5],
        "high": [10**-0.5, 10**0.5, 10**1.5],
        "centre": [0.1, 1.0, 10.0],
        "broken": [False, False, False],
    })  # fmt: skip
    pd.testing.assert_frame_equal(found, expected)


def test_zero_on_a_log_axis_has_a_column_of_its_own_beyond_a_gap() -> None:
    found = axis_cells(Axis.of(Y, [0.0, 0.1, 1.0, 10.0]))
    assert found["value"].tolist() == [0.0, 0.1, 1.0, 10.0]
    assert found["broken"].tolist() == [True, False, False, False]
    (low, *above), (high, *_) = found["low"].tolist(), found["high"].tolist()
    assert 0 < low < high < above[0]
    assert high / low == pytest.approx(10), "its column is as wide as the others"
    rest = axis_cells(Axis.of(Y, [0.1, 1.0, 10.0]))
    pd.testing.assert_frame_equal(found.iloc[1:].set_axis(rest.index), rest)


def test_names_stand_side_by_side_in_the_order_given() -> None:
    found = axis_cells(Axis.of("task.operation", ["x/y", "x+y"]))
    assert found["value"].tolist() == ["x/y", "x+y"]
    assert found["low"].tolist() == [-0.5, 0.5] and found["high"].tolist() == [0.5, 1.5]


@pytest.mark.parametrize(
    "values",
    [[True, False], [None, 32, 64], [float("nan"), 32.0], [(0.9, 0.98), (0.9, 0.999)]],
)
def test_values_that_are_no_numbers_make_an_axis_of_names(values: list[Any]) -> None:
    assert Axis.of("some.key", values).scale == "category"


def test_a_single_value_is_a_cell() -> None:
    found = axis_cells(Axis.of(X, [0.5]))
    assert found[["low", "high"]].to_numpy().tolist() == [[0.0, 1.0]]
    log = axis_cells(Axis.of(Y, [0.0, 2.0], "log"))
    assert log["low"].iloc[1] < 2.0 < log["high"].iloc[1]


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ([0.2, 0.25, 0.3, 0.35], "linear"),
        ([0.0, 0.1, 0.2, 0.3], "linear"),
        ([0.03, 0.1, 0.3, 1.0, 3.0], "log"),
        ([0.0, 0.1, 1.0, 10.0], "log"),
        ([16, 32, 64, 128], "log"),
        ([0.1, 1.0], "log"),
        ([0.5, 0.9], "linear"),
        ([-1.0, 1.0, 10.0, 100.0], "linear"),
        ([0.0, 1.0], "linear"),
        ([5], "linear"),
    ],
)
def test_the_scale_is_read_from_the_spacing(values: list[float], scale: str) -> None:
    assert guess_scale(values) == scale


def test_a_planned_axis_has_the_scale_of_its_configuration() -> None:
    spec = {"param": Y, "low": 0.01, "high": 10, "num": 4}
    assert Axis.planned(spec).scale == "linear"
    assert Axis.planned({**spec, "scale": "log"}).scale == "log"
    assert Axis.planned({**spec, "scale": "log", "zero": True}).values[0] == 0.0
    assert Axis.planned({"param": Y, "values": [0.01, 0.1, 1.0]}).scale == "log"


def test_an_axis_that_cannot_be_says_why() -> None:
    with pytest.raises(InputError, match=r"-1\.0; use scale linear"):
        Axis.of(Y, [-1.0, 1.0], "log")
    with pytest.raises(InputError, match="'relu' is not a finite number"):
        Axis.of("model.activation", ["relu"], "log")
    with pytest.raises(InputError, match="allowed are linear, log, category"):
        Axis.of(Y, [1.0], "logarithmic")


# --------------------------------------------------------------------------- what cells show


def test_every_cell_of_the_grid_has_a_row_that_says_what_it_shows() -> None:
    frame = runs(
        (0.2, 1, 0, "comprehension", "decided"),
        (0.2, 1, 1, "comprehension", "decided"),
        (0.2, 1, 2, "grokking", "decided"),
        (0.4, 1, 0, "grokking", "decided"),
        (0.4, 1, 1, "memorization", "finished"),
        (0.6, 1, 0, "undecided", "failed"),
        (0.2, 2, 0, "memorization", "finished"),
        (0.2, 2, 1, "undecided", "failed"),
        (0.4, 2, 0, "undecided", "finished"),
        (0.4, 2, 1, "undecided", "failed"),
    )
    full = phase_map(frame, axes_of(frame, {"x": X, "y": Y}))
    expected = pd.DataFrame({
        X: [0.2, 0.2, 0.4, 0.4, 0.6, 0.6],
        Y: [1.0, 2.0, 1.0, 2.0, 1.0, 2.0],
        "shown": ["comprehension", "memorization", "tie", "undecided", "failed", "missing"],
        "seeds": [3, 1, 2, 0, 0, 0],
        "undecided": [0, 0, 0, 1, 0, 0],
        "failed": [0, 1, 0, 1, 1, 0],
        "x.low": [0.1, 0.1, 0.3, 0.3, 0.5, 0.5],
        "x.high": [0.3, 0.3, 0.5, 0.5, 0.7, 0.7],
        "y.low": [0.5, 1.5] * 3,
        "y.high": [1.5, 2.5] * 3,
    })  # fmt: skip
    pd.testing.assert_frame_equal(full.loc[:, list(expected)], expected)
    assert full["tied"].tolist()[2] == ("grokking", "memorization")
    assert full["p.grokking"].tolist()[:3] == pytest.approx([1 / 3, 0, 0.5])


def test_the_legend_counts_cells_and_names_every_colour_that_only_shares_a_tie() -> None:
    shown = ["tie", "missing", "confusion", "tie", "confusion"]
    tied = [("grokking", "confusion"), None, ("confusion",), ("grokking", "confusion"), None]
    full = pd.DataFrame({"shown": shown, "tied": tied})
    names = pd.Index(["grokking", "confusion", "tie", "missing"], name="shown")
    expected = pd.Series([0, 2, 2, 1], index=names, name="cells")
    pd.testing.assert_series_equal(phase_counts(full), expected)


def test_a_map_where_nothing_generalised_is_a_map() -> None:
    frame = runs(*((x, 1, 0, "memorization", "finished") for x in (0.2, 0.4, 0.6)))
    full = phase_map(frame, axes_of(frame, {"x": X, "y": Y}))
    assert full["shown"].tolist() == ["memorization"] * 3
    assert full["entropy"].tolist() == [0.0] * 3


def test_four_axes_span_all_their_combinations() -> None:
    frame = runs(
        (0.2, 1.0, 1e-3, 64, 0, "grokking", "decided"),
        (0.4, 2.0, 1e-2, 32, 0, "confusion", "finished"),
        columns="x y row col seed phase status",
    )
    axes = axes_of(frame, {"x": X, "y": Y, "row": "optim.lr", "col": "model.width"})
    full = phase_map(frame, axes)
    assert len(full) == 16
    known = full.loc[full["shown"] != "missing"]
    columns = [X, Y, "optim.lr", "model.width", "shown"]
    assert list(known[columns].itertuples(index=False, name=None)) == [
        (0.2, 1.0, 0.001, 64.0, "grokking"),
        (0.4, 2.0, 0.01, 32.0, "confusion"),
    ]


def test_values_are_the_same_cell_if_twelve_digits_agree() -> None:
    frame = runs((0.1 + 0.2, 1, 0, "grokking", "decided"), (0.3, 1, 1, "grokking", "decided"))
    full = phase_map(frame, axes_of(frame, {"x": X, "y": Y}))
    assert full["seeds"].tolist() == [2]


def test_runs_off_the_planned_axes_are_not_drawn_and_planned_cells_without_runs_are() -> None:
    config = config_of()
    frame = frame_of(config)
    other = pd.concat([frame.assign(**{X: 0.111}), frame.assign(seed=2)])
    kept = frame.loc[frame[X] != 0.9]
    planned = planned_runs(pd.concat([other, kept]), config)
    pd.testing.assert_frame_equal(planned, kept)
    full = phase_map(planned, planned_axes(config["sweep"]))
    assert sorted(set(full[X])) == [0.3, 0.6, 0.9]
    assert set(full.loc[full[X] == 0.9, "shown"]) == {"missing"}
    assert "missing" not in set(full.loc[full[X] != 0.9, "shown"])
    with pytest.raises(InputError, match=r"no column for the swept key task\.train_fraction"):
        planned_runs(frame.drop(columns=X), config)


def test_of_axes_that_move_together_the_first_is_drawn_and_the_caption_names_both() -> None:
    lr = {"param": "optim.lr", "values": [0.1, 0.2, 0.3]}
    config = config_of(row=lr, zip=["x", "row"])
    assert list(planned_axes(config["sweep"])) == ["x", "y"]
    text = caption(frame_of(config), config)
    assert "Paired: training fraction 0.3, 0.6, 0.9 with learning rate 0.1, 0.2, 0.3." in text
    frame = frame_of(config)
    stray = frame.assign(**{"optim.lr": 0.2})
    pd.testing.assert_frame_equal(planned_runs(stray, config), stray.loc[stray[X] == 0.6])


# ------------------------------------------------------------------------------ ticks and words


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([0.2, 0.5, 0.9], ["0.2", "0.5", "0.9"]),
        ([0.2 + 0.05 * i for i in range(15)], ["0.2", "0.4", "0.6", "0.8"]),
        ([0.03 * 1000 ** (i / 12) for i in range(13)], ["0.1", "1", "10"]),
        ([0.0, *(0.03 * 1000 ** (i / 12) for i in range(13))], ["0", "0.1", "1", "10"]),
        ([16 * 2**i for i in range(8)], ["16", "64", "256", "1024"]),
        ([1e-5, 1e-4, 1e-3], ["$10^{-5}$", "$10^{-4}$", "$10^{-3}$"]),
        ([0.9, 0.98, 0.99, 0.999], ["0.9", "0.98", "0.999"]),
    ],
)
def test_ticks_are_true_values_few_enough_to_read(values: list[float], labels: list[str]) -> None:
    axis = Axis.of("some.key", values)
    marks = ticks(axis)
    assert list(marks.labels) == labels
    broken = axis_cells(axis)["broken"].tolist()
    for place, text in zip(marks.places[any(broken) :], labels[any(broken) :], strict=True):
        if "$" not in text:
            assert place == pytest.approx(float(text))


def test_numbers_that_plain_decimals_show_badly_become_powers_of_ten() -> None:
    assert number_texts([0.001, 0.5]) == ["0.001", "0.5"]
    assert number_texts([0, 3e-5, 1e-4]) == ["0", r"$3\times 10^{-5}$", "$10^{-4}$"]


@pytest.mark.parametrize(
    ("numbers", "texts"),
    [
        ([0.2, 0.8617738760, 3.7132712, 16], ["0.2", "0.862", "3.71", "16"]),
        ([0.5, 0.861773, 0.861912], ["0.5", "0.8618", "0.8619"]),
        ([0.9995, 1024, 12345.67], ["0.9995", "1024", "12346"]),
        ([1.23456e-7, 1.5e-5], [r"$1.23\times 10^{-7}$", r"$1.5\times 10^{-5}$"]),
        ([1.23456e-7, 1.2349e-7], [r"$1.2346\times 10^{-7}$", r"$1.2349\times 10^{-7}$"]),
    ],
)
def test_a_long_number_is_rounded_as_far_as_its_neighbours_allow(
    numbers: list[float], texts: list[str]
) -> None:
    assert number_texts(numbers) == texts


def test_an_axis_has_the_words_of_the_field_or_its_own_key() -> None:
    assert label(X) == "training fraction" and label(Y) == "weight decay"
    assert label("model.init_scale") == "initialisation scale α"
    assert label("train.batch_size") == "batch size (examples)"
    assert label("optim.groups.embedding.lr") == "learning rate of embedding"
    assert label("model.options.knob") == "model.options.knob"


def test_the_caption_names_what_is_fixed_and_not_what_is_swept() -> None:
    config = config_of()
    config["optim"] = {**config["optim"], "groups": {"embedding": {"lr": 0.001}}}
    text = caption(frame_of(config), config, "0123456789ab")
    assert text.startswith(
        "little: x+y (modulus p = 23), quadratic_mlp (width = 128, initialisation scale α = 3), "
        "adamw (learning rate = 0.01, β = (0.9, 0.98), learning rate of embedding = 0.001), mse, "
        "full batch, float32. Budget 2000 steps, 24 runs; "
    )
    assert "training fraction" not in text and "weight decay" not in text
    assert "majority of seeds 0–1" in text and text.endswith("Data 0123456789ab.")


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ({"name": "binary_operation", "operation": "x*y", "p": 23}, "x*y (modulus p = 23"),
        ({"name": "binary_operation", "operation": "mine:larger", "p": 23}, "mine:larger (p = 23"),
        ({"name": "liu2022_addition", "p": 10}, "liu2022_addition (p = 10"),
    ],
)
def test_p_is_called_a_modulus_only_where_it_is_one(task: dict[str, Any], words: str) -> None:
    config = {**config_of(), "task": {**task, "train_fraction": 0.5}}
    assert words in caption(frame_of(config), config)
    operations = {"param": "task.operation", "values": ["x+y", "mine:larger"]}
    config = config_of(row=operations)
    assert "modulus" not in caption(frame_of(config), config), "one of them may be no sum modulo p"


def test_the_caption_states_the_rule_that_it_is_first_crossing_and_what_is_censored() -> None:
    text = rule_text(Rule(0.9, 0.95, 0.05), 2000)
    assert "First crossing" in text and "≥ 0.9," in text and "≥ 0.95." in text
    assert "100 steps or more after fitting" in text
    assert "not generalised within 2000 steps (censored)" in text


def test_the_caption_says_how_many_runs_failed_and_names_a_lone_seed() -> None:
    config = config_of()
    frame = frame_of(config)
    frame = frame.loc[frame["seed"] == 1].assign(status=["failed"] * 3 + ["finished"] * 9)
    assert "12 runs (3 failed); cells (counted in the legend) show seed 1." in caption(
        frame, config
    )


# ---------------------------------------------------------------------------------- the picture


def only(ax: Axes, kind: type) -> Any:
    (found,) = [artist for artist in ax.collections if type(artist) is kind]
    return found


def painted(ax: Axes) -> dict[tuple[float, float], str]:
    """Centre of each painted cell, on the screen of the data, -> its colour."""
    mesh = only(ax, QuadMesh)
    corners = mesh.get_coordinates()
    centres = (corners[:-1, :-1] + corners[1:, 1:]) / 2
    colors = mesh.to_rgba(mesh.get_array())
    solid = ~np.ma.getmaskarray(mesh.get_array())
    return {
        tuple(centres[i]): to_hex(colors[i]).upper() for i in zip(*np.nonzero(solid), strict=True)
    }


def test_the_borders_drawn_are_where_the_values_say() -> None:
    frame = frame_of(config_of())
    ax = diagram.draw(frame, X, Y)
    corners = only(ax, QuadMesh).get_coordinates()
    np.testing.assert_allclose(corners[0, :, 0], [0.15, 0.45, 0.75, 1.05])
    np.testing.assert_allclose(corners[:, 0, 1], 10.0 ** np.array([-2.5, -1.5, -0.5, 0.5, 1.5]))
    assert (ax.get_xscale(), ax.get_yscale()) == ("linear", "log")
    np.testing.assert_allclose(ax.get_xlim(), [0.15, 1.05])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("training fraction", "weight decay")


def test_every_cell_has_the_colour_of_its_phase() -> None:
    frame = frame_of(config_of())
    full = phase_map(frame, axes_of(frame, {"x": X, "y": Y}))
    ax = diagram.draw(frame, X, Y)
    expected = {
        ((c["x.low"] + c["x.high"]) / 2, (c["y.low"] + c["y.high"]) / 2): c["shown"]
        for c in full.to_dict("records")
    }
    found = painted(ax)
    assert len(found) == 12 and len(set(found.values())) == 4
    for centre, color in found.items():
        (phase,) = [p for at, p in expected.items() if at == pytest.approx(centre)]
        assert color == diagram.PHASE_COLORS[phase]


def test_the_gap_beside_zero_is_painted_by_nobody() -> None:
    wd = {"param": Y, "low": 0.1, "high": 10, "num": 3, "scale": "log", "zero": True}
    ax = diagram.draw(frame_of(config_of(y=wd)), X, Y)
    mesh = only(ax, QuadMesh)
    solid = ~np.ma.getmaskarray(mesh.get_array())
    assert solid.tolist() == [[True] * 3, [False] * 3, *[[True] * 3] * 3]
    assert next(text.get_text() for text in ax.get_yticklabels()) == "0"


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_a_tied_cell_gives_each_phase_the_same_area(count: int) -> None:
    def area(points: list[tuple[float, float]]) -> float:
        closed = [*points, points[0]]
        return abs(sum(a[0] * b[1] - a[1] * b[0] for a, b in pairwise(closed))) / 2

    assert [area(band) for band in unit_bands(count)] == pytest.approx([1 / count] * count)


def test_ties_failures_and_missing_cells_look_like_none_of_the_phases() -> None:
    frame = runs(
        (0.2, 1, 0, "grokking", "decided"),
        (0.2, 1, 1, "memorization", "finished"),
        (0.2, 2, 0, "undecided", "failed"),
        (0.4, 2, 0, "undecided", "finished"),
    )
    ax = diagram.draw(frame, X, Y)
    assert list(painted(ax).values()) == [diagram.PHASE_COLORS["undecided"]]
    split, hatched, crossed = [c for c in ax.collections if isinstance(c, PolyCollection)]
    colors = [to_hex(color).upper() for color in np.asarray(split.get_facecolor())]
    assert colors == [diagram.PHASE_COLORS["grokking"], diagram.PHASE_COLORS["memorization"]]
    assert hatched.get_hatch() and not crossed.get_hatch()
    assert len(only(ax, LineCollection).get_segments()) == 2
    texts = legend_texts(ax)
    assert texts == ["grokking (0)", "memorization (0)", "tie (1)", "undecided (1)",
                     "failed (1)", "missing (1)"]  # fmt: skip


def legend_texts(ax: Axes) -> list[str]:
    figure = ax.figure
    legend = ax.get_legend() or figure.legends[0]
    return [text.get_text() for text in legend.get_texts()]


def test_one_axis_is_drawn_as_a_strip() -> None:
    frame = frame_of(config_of(y=None))
    ax = diagram.draw(frame, X)
    assert only(ax, QuadMesh).get_array().shape == (1, 3)
    assert ax.get_ylabel() == ""


def test_facets_are_panels_with_common_axes_each_with_its_own_cells() -> None:
    lr = {"param": "optim.lr", "values": [0.001, 0.01]}
    act = {"param": "task.operation", "values": ["x+y", "x-y", "x*y"]}
    frame = frame_of(config_of(row=lr, col=act, y={"param": Y, "values": [1.0, 3.0, 9.0]}))
    panels = diagram.draw(frame, X, Y, row="optim.lr", col="task.operation")
    assert isinstance(panels, np.ndarray) and panels.shape == (2, 3)
    assert [ax.get_title() for ax in panels[0]] == [f"operation = {o}" for o in act["values"]]
    right = [text.get_text() for ax in panels[:, -1] for text in ax.texts]
    assert right == ["learning rate = 0.001", "learning rate = 0.01"]
    for (i, j), ax in np.ndenumerate(panels):
        chosen = frame.loc[(frame["optim.lr"] == lr["values"][i])
                           & (frame["task.operation"] == act["values"][j])]  # fmt: skip
        alone = diagram.draw(chosen, X, Y)
        assert sorted(painted(ax).items()) == sorted(painted(alone).items())
    with pytest.raises(InputError, match="leave ax out"):
        diagram.draw(frame, X, Y, row="optim.lr", ax=panels[0, 0])


def test_row_headings_all_turn_as_the_longest_of_them_needs() -> None:
    axis = Axis.of("task.operation", ["x+y", "x^2+xy+y^2 and much more"])
    for length, angle in ((3.0, 270), (1.5, 0)):
        column = Figure().subplots(2, 1)
        head_rows(column, axis, length)
        assert [ax.texts[0].get_rotation() for ax in column] == [angle, angle]


def test_runs_that_differ_in_more_than_their_seed_are_not_pooled_into_a_cell() -> None:
    noise = {"param": "task.label_noise", "values": [0.0, 0.1, 0.2]}
    scale = {"param": "model.init_scale", "values": [1.0, 3.0]}
    frame = frame_of(config_of(row=noise, col=scale))
    with pytest.raises(InputError) as raised:
        diagram.draw(frame, X, Y)
    by_noise, by_scale = raised.value.faults
    assert "different task.label_noise (0.0, 0.1, 0.2)" in by_noise
    assert "row='model.init_scale'" in by_scale and "model.init_scale'] == 1.0]" in by_scale
    with pytest.raises(InputError, match=r"different model\.init_scale"):
        diagram.draw(frame, X, Y, row="task.label_noise")
    one = frame.loc[(frame["task.label_noise"] == 0.1) & (frame["model.init_scale"] == 3.0)]
    assert len(painted(diagram.draw(one, X, Y))) == 12
    assert isinstance(
        diagram.draw(frame, X, Y, row="task.label_noise", col="model.init_scale"), np.ndarray
    )


def test_seeds_and_axes_that_move_together_are_pooled_and_drawn() -> None:
    lr = {"param": "optim.lr", "values": [0.1, 0.2, 0.3]}
    frame = frame_of(config_of(row=lr, zip=["x", "row"]))
    frame["split_seed"] = frame["seed"]
    assert len(painted(diagram.draw(frame, X, Y))) == 12


def test_every_hyperparameter_of_the_results_keeps_runs_apart() -> None:
    from phasegrok.store.schema import HYPERPARAMETERS

    frame = frame_of(config_of())
    for key in {*HYPERPARAMETERS, "model.options.depth", "optim.betas"} - {X, Y, "split_seed"}:
        for other in (None, "[0.9, 0.98]"):
            mixed = frame.assign(**{key: [other, 7] * (len(frame) // 2)})
            with pytest.raises(InputError, match=re.escape(f"different {key} (")):
                diagram.draw(mixed, X, Y)


def test_a_rule_reclassifies_what_is_drawn_and_the_column_does_otherwise() -> None:
    frame = frame_of(config_of())
    by_column, by_rule = diagram.draw(frame, X, Y), diagram.draw(frame, X, Y, rule=Rule(gap=1000))
    without = diagram.draw(frame.drop(columns="phase"), X, Y)
    assert legend_texts(by_column)[:2] == ["comprehension (3)", "grokking (3)"]
    assert legend_texts(by_rule)[0] == "comprehension (6)"
    assert legend_texts(without)[1] == "grokking (3)"


def test_drawing_into_axes_of_ones_own_uses_them_and_leaves_pyplot_alone() -> None:
    figure = Figure(layout="constrained")
    mine = figure.subplots(1, 2)
    frame = frame_of(config_of())
    before = dict(matplotlib.rcParams)
    assert diagram.draw(frame, X, Y, ax=mine[1]) is mine[1]
    assert not mine[0].collections and len(painted(mine[1])) == 12
    diagram.draw(frame, X, Y)
    assert matplotlib.pyplot.get_fignums() == []
    assert dict(matplotlib.rcParams) == before


def test_a_scale_that_is_named_counts() -> None:
    ax = diagram.draw(frame_of(config_of()), X, Y, scales={"y": "category"})
    assert ax.get_yscale() == "linear"
    assert [text.get_text() for text in ax.get_yticklabels()] == ["0.01", "0.1", "1", "10"]


def test_what_cannot_be_drawn_is_told_in_one_sentence() -> None:
    frame = frame_of(config_of())
    with pytest.raises(InputError, match=r"no column for y=optim\.wd; the frame has task\.train"):
        diagram.draw(frame, X, "optim.wd")
    with pytest.raises(InputError, match="the frame holds no runs"):
        diagram.draw(frame.iloc[:0], X, Y)


# ------------------------------------------------------------------------------------ the files


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The files of one sweep, by format. Tests leave them as they are."""
    config, folder = config_of(), tmp_path_factory.mktemp("saved")
    return {path.suffix[1:]: path for path in diagram.save(frame_of(config), config, folder)}


def test_a_sweep_is_saved_in_three_formats_and_nothing_else(saved: dict[str, Path]) -> None:
    assert list(saved) == ["png", "pdf", "svg"]
    folder = saved["png"].parent
    assert sorted(p.name for p in folder.iterdir()) == [
        "phase_diagram.pdf", "phase_diagram.png", "phase_diagram.svg"
    ]  # fmt: skip


def test_the_same_frame_gives_the_same_bytes_whatever_the_order_of_its_rows(
    saved: dict[str, Path], tmp_path: Path
) -> None:
    config = config_of()
    shuffled = frame_of(config).sample(frac=1, random_state=0)
    for path in diagram.save(shuffled, config, tmp_path):
        assert path.read_bytes() == saved[path.suffix[1:]].read_bytes()


def test_each_file_says_what_it_shows(saved: dict[str, Path]) -> None:
    frame = frame_of(config_of())
    data = diagram.data_hash(frame)
    png = Image.open(saved["png"]).info
    assert png["Data hash"] == data and png["Sweep"] == "little"
    assert png["Rule"].startswith("First crossing") and png["Software"].startswith("phasegrok 0")
    assert png["Description"] == (
        "Phase diagram over training fraction from 0.3 to 0.9; weight decay from 0.01 to 10. "
        "12 cells, 24 runs. Cells: 3 comprehension, 3 grokking, 3 memorization, 3 confusion."
    )
    svg = saved["svg"].read_text()
    assert f"data hash: {data}" in svg and "sweep: little" in svg and "First crossing" in svg
    # Text with other than ASCII letters is UTF-16 in a PDF.
    pdf = saved["pdf"].read_bytes()
    assert f"data hash: {data}".encode("utf-16-be") in pdf
    assert not re.search(rb"/(CreationDate|ModDate)", pdf)


def test_fonts_in_the_pdf_are_truetype_as_journals_ask(saved: dict[str, Path]) -> None:
    pdf = saved["pdf"].read_bytes()
    assert b"/FontFile2" in pdf and b"/Type3" not in pdf


def test_a_file_that_cannot_be_finished_leaves_the_old_one_and_nothing_beside_it(
    saved: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    old = saved["png"].read_bytes()

    def broken(self: Figure, path: Path, **kwargs: Any) -> None:
        path.write_bytes(b"half a file")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Figure, "savefig", broken)
    config = config_of()
    with pytest.raises(OSError, match="No space left"):
        diagram.save(frame_of(config), config, saved["png"].parent)
    assert saved["png"].read_bytes() == old
    assert len(list(saved["png"].parent.iterdir())) == 3


def layouts() -> Iterator[tuple[str, dict[str, Any], float | None]]:
    lr = {"param": "optim.lr", "values": [0.001, 0.01]}
    scales = {"param": "model.init_scale", "values": [1.0, 2.0, 4.0, 8.0]}
    zero = {"param": Y, "low": 0.03, "high": 30, "num": 13, "scale": "log", "zero": True}
    names = {"param": "task.operation", "values": ["x+y", "x^2+xy+y^2", "x^3+xy^2+y"]}
    yield "one column", {}, None
    yield "two columns", {}, files.TWO_COLUMNS
    yield "zero", {"y": zero}, None
    yield "strip", {"y": None}, None
    yield "names", {"x": names}, None
    yield "facets", {"row": lr, "col": scales}, None
    yield "facets in one column", {"row": lr, "col": {**scales, "values": [1.0, 2.0]}}, 3.4


@pytest.mark.parametrize(("sweep", "width"), [pytest.param(s, w, id=i) for i, s, w in layouts()])
def test_nothing_overlaps_and_nothing_is_cut_off(
    sweep: dict[str, Any], width: float | None
) -> None:
    config = config_of(**sweep)
    frame = frame_of(config)
    # All that a legend can hold at once.
    frame["phase"] = [(*PHASES, "undecided")[i % 7] for i in range(len(frame))]
    axes = planned_axes(config["sweep"])
    text = caption(frame, config, "0123456789ab")
    figure = files.lay_out(phase_map(frame, axes), axes, text, width)
    check_layout(figure, [ax for panel in figure.subfigs for ax in panel.axes])


@pytest.mark.parametrize("count", [2, 3])
def test_panels_in_a_constrained_figure_of_ones_own_keep_clear_of_each_other(count: int) -> None:
    values = [0.2, 0.86177387, 3.7132712, 16.0]
    frame = frame_of(config_of(y={"param": Y, "values": values}))
    frame["phase"] = [(*PHASES, "undecided")[i % 7] for i in range(len(frame))]
    figure = matplotlib.pyplot.figure(layout="constrained")
    try:
        panels = figure.subplots(1, count)
        for i, ax in enumerate(panels):
            keys = (X, Y) if i % 2 else (Y, X)
            diagram.draw(frame, *keys, ax=ax, scales={"x": "linear"} if i % 2 else None)
        check_layout(figure, list(panels))
    finally:
        matplotlib.pyplot.close(figure)


def check_layout(figure: Figure, panels: list[Axes]) -> None:
    """No text or panel touches another, and all are on the page."""
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in texts(figure)] + [ax.bbox for ax in panels]
    page = figure.bbox
    for box in boxes:
        assert box.x0 >= page.x0 - 1 and box.x1 <= page.x1 + 1, "cut off at a side"
        assert box.y0 >= page.y0 - 1 and box.y1 <= page.y1 + 1, "cut off above or below"
    for i, a in enumerate(boxes):
        for b in boxes[i + 1 :]:
            apart = a.x1 <= b.x0 + 1 or b.x1 <= a.x0 + 1 or a.y1 <= b.y0 + 1 or b.y1 <= a.y0 + 1
            assert apart, (a, b)


def texts(figure: Figure) -> list[Text]:
    shown = figure.findobj(lambda artist: isinstance(artist, Text) and artist.get_visible())
    return [text for text in shown if isinstance(text, Text) and text.get_text().strip()]


def test_the_hash_names_the_results_and_not_their_order() -> None:
    columns = ["run_id", "seed", "phase", "train_step", "val_step"]
    rows = [("b", 1, "memorization", 5.0, None), ("a", 0, "grokking", 10.0, 300.0)]
    frame = pd.DataFrame(rows, columns=columns)
    lines = "a,0,grokking,10,300\nb,1,memorization,5,"
    expected = hashlib.sha256(lines.encode()).hexdigest()[:12]
    assert diagram.data_hash(frame) == expected
    assert diagram.data_hash(frame.iloc[::-1].assign(other=1)) == expected
    nullable = frame.astype({"train_step": "Int64", "val_step": "Int64"})
    assert diagram.data_hash(nullable) == expected
    assert diagram.data_hash(frame.assign(phase="confusion")) != expected


def test_the_script_draws_a_sweep_again_from_its_directory_alone(tmp_path: Path) -> None:
    from phasegrok.store import Store

    config = config_of()
    store = Store(tmp_path / "sweep")
    store.path.mkdir()
    store.write_config(config)
    frame = frame_of(config).astype(object)
    rows: Any = frame.where(frame.notna(), None).to_dict("records")
    store.write_rows(store.results_file, rows, config)
    script = [sys.executable, ROOT / "analysis" / "phase_diagram.py"]
    done = subprocess.run([*script, store.path], capture_output=True, text=True, check=True)
    assert [Path(line).name for line in done.stdout.splitlines()] == [
        "phase_diagram.png", "phase_diagram.pdf", "phase_diagram.svg"
    ]  # fmt: skip
    assert (store.path / "phase_diagram.png").read_bytes().startswith(b"\x89PNG")
    lost = subprocess.run([*script, tmp_path / "none"], capture_output=True, text=True, check=False)
    assert lost.returncode == 2 and "sweep.yaml" in lost.stderr and "Traceback" not in lost.stderr
