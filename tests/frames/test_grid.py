"""Where cells lie and what they show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from phasegrok import load
from phasegrok.errors import InputError
from phasegrok.frames import Axis, axes_of, axis_cells, phase_counts, phase_map
from phasegrok.frames.captions import caption
from phasegrok.frames.grid import guess_scale, planned_axes, planned_runs
from tests.diagram.cases import X, Y, config_of, frame_of, runs, stored

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


@pytest.mark.parametrize("values", [[True, False], [8, "auto", None], [0.5, True, "true-ish"]])
def test_booleans_and_mixed_lists_come_back_from_a_store_as_they_were_asked(
    values: list[Any], tmp_path: Path
) -> None:
    config = config_of(y={"param": "optim.clip_norm", "values": values})
    kept = load(stored(config, tmp_path / "little"))
    planned, axes = planned_runs(kept, config), planned_axes(config["sweep"])
    assert axes["y"].values == tuple(values) and len(planned) == len(kept) == 6 * len(values)
    assert planned_runs(planned, config).equals(planned)
    full = phase_map(planned, axes)
    assert full["shown"].tolist() == phase_map(frame_of(config), axes)["shown"].tolist()
    assert "missing" not in set(full["shown"])


@pytest.mark.parametrize(
    ("values", "stated", "scale"),
    [
        ([0, 1, 2, 3], None, "linear"),
        ([0, 1, 2, 3], "log", "log"),
        ([1, 10, 100], None, "log"),
        ([1, 10, 100], "linear", "linear"),
        (["a", "b"], "linear", "category"),
        ([True, False], "log", "category"),
    ],
)
def test_a_listed_axis_has_the_scale_it_states_or_else_that_of_its_spacing(
    values: list[Any], stated: str | None, scale: str
) -> None:
    spec = {"param": Y, "values": values} | ({"scale": stated} if stated else {})
    assert Axis.planned(spec).scale == scale
