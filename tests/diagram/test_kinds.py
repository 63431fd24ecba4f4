"""What each kind of figure draws, read back from the picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection, QuadMesh
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from phasegrok.diagram import data_hash, lay_out
from phasegrok.diagram.kinds import KINDS, Asked, described, kind
from phasegrok.errors import InputError
from phasegrok.frames import Axis, axis_cells, planned_axes
from phasegrok.phases import Rule
from tests.diagram.cases import LR, SCALES, ZERO, X, Y, check_layout, config_of, frame_of, only

MAPS = ("phase", "probability", "entropy", "train_steps", "val_steps", "delay", "weight_norm",
        "budget", "gap", "accuracy", "boundary")  # fmt: skip


def asked(frame: pd.DataFrame | None = None, sweep: Any = None, **options: Any) -> Asked:
    config = config_of(**(sweep or {}))
    frame = frame_of(config) if frame is None else frame
    frame = frame.assign(weight_norm=np.arange(len(frame)) + 1.0)
    axes = planned_axes(config["sweep"])
    return Asked("little", frame, axes, Rule(gap=0.05), 2000, **options)


def drawn(name: str, question: Asked) -> Figure:
    return lay_out(kind(name).picture(question), "Words below.")


def panels(figure: Figure) -> list[Axes]:
    return [
        ax for ax in figure.subfigs[0].axes if ax.collections and ax.get_label() != "<colorbar>"
    ]


def edges(ax: Axes) -> tuple[np.ndarray, np.ndarray]:
    corners = only(ax, QuadMesh).get_coordinates()
    return corners[0, :, 0], corners[:, 0, 1]


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for each in figure.subfigs[0].legends for text in each.get_texts()]


UNEVEN = {"x": {"param": X, "values": [0.1, 0.15, 0.4, 0.9]}, "y": ZERO}


@pytest.mark.parametrize("name", MAPS)
def test_every_map_has_its_borders_where_uneven_log_and_zero_values_say(name: str) -> None:
    question = asked(sweep=UNEVEN)
    x, y = (axis_cells(question.axes[side]) for side in ("x", "y"))
    for ax in panels(drawn(name, question)):
        across, up = edges(ax)
        np.testing.assert_allclose(across, [*x["low"], x["high"].iloc[-1]])
        # One more than cells: the gap beside zero is a column of its own.
        np.testing.assert_allclose(up, sorted({*y["low"], *y["high"]}, key=float), rtol=1e-12)
        assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")


def test_steps_are_on_log_colour_and_censored_cells_are_hatched_with_their_bound() -> None:
    figure = drawn("val_steps", asked())
    (ax,) = panels(figure)
    mesh = only(ax, QuadMesh)
    assert isinstance(mesh.norm, LogNorm) and (mesh.norm.vmin, mesh.norm.vmax) == (60, 900)
    assert mesh.get_array().count() == 6
    (hatched,) = [c for c in ax.collections if isinstance(c, PolyCollection) and c.get_hatch()]
    assert len(hatched.get_paths()) == 6
    assert legend(figure) == ["more than 2000 steps (6)"]


def test_missing_and_failed_cells_are_told_from_censored_ones() -> None:
    frame = frame_of(config_of())
    gone = frame.loc[frame[Y] != 10]
    failed = (gone[Y] == 1) & (gone[X] == 0.3)
    gone = gone.assign(status=gone["status"].mask(failed, "failed"))
    figure = drawn("val_steps", asked(gone))
    assert sorted(legend(figure)) == ["failed (1)", "missing (3)", "more than 2000 steps (2)"]


def test_delays_of_zero_steps_lie_below_a_log_scale_and_its_bar_says_so() -> None:
    frame = frame_of(config_of())
    at_once = frame.assign(train_step=frame["train_step"].mask(frame["val_step"] == 60, 60.0))
    figure = drawn("delay", asked(at_once))
    (ax,) = panels(figure)
    mesh = only(ax, QuadMesh)
    assert mesh.get_array().count() == 6 and mesh.get_array().min() < mesh.norm.vmin


def test_probabilities_have_a_map_for_each_phase_there_is_and_one_for_their_width() -> None:
    figure = drawn("probability", asked())
    titles = [ax.get_title() for ax in panels(figure)]
    assert titles == ["comprehension", "grokking", "memorization", "confusion", "half-width"]


@pytest.mark.parametrize(
    ("name", "titles"),
    [
        ("budget", ["budget 500 steps: 25 % changed", "budget 1000 steps: 0 % changed",
                    "budget 2000 steps: reference"]),
        ("gap", ["gap 2.5 % of the budget: 0 % changed", "gap 5 % of the budget: reference",
                 "gap 10 % of the budget: 0 % changed"]),
    ],
)  # fmt: skip
def test_a_map_under_another_rule_is_headed_by_what_it_changes(
    name: str, titles: list[str]
) -> None:
    figure = drawn(name, asked())
    assert [" ".join(ax.get_title().split()) for ax in panels(figure)] == titles


@pytest.mark.parametrize(
    ("rule", "first"),
    [(Rule(0.99, 0.9, 0.05), "training accuracy ≥ 0.99, validation ≥ 0.9: reference"),
     (Rule(0.85, 0.85, 0.05), "accuracy ≥ 0.85: reference"),
     (Rule(0.9, 0.9, 0.05), "accuracy ≥ 0.5: 0 % changed")],
)  # fmt: skip
def test_the_reference_of_other_accuracies_is_the_rule_itself(rule: Rule, first: str) -> None:
    question = replace(asked(), rule=rule)
    heads = [" ".join(ax.get_title().split()) for ax in panels(drawn("accuracy", question))]
    assert heads[0] == first and sum("reference" in head for head in heads) == 1


@pytest.mark.parametrize("name", MAPS)
def test_every_map_has_a_panel_for_each_value_of_a_third_and_fourth_axis(name: str) -> None:
    figure = drawn(name, asked(sweep={"row": LR, "col": {**SCALES, "values": [1.0, 2.0]}}))
    assert len(panels(figure)) % 4 == 0


@pytest.mark.parametrize("name", ["probability", "val_steps", "budget", "boundary"])
@pytest.mark.parametrize("sweep", [{}, {"y": None}, {"col": LR}], ids=["plain", "strip", "facets"])
def test_nothing_in_a_map_overlaps_and_nothing_is_cut_off(name: str, sweep: Any) -> None:
    figure = drawn(name, asked(sweep=sweep))
    check_layout(figure, panels(figure))


def test_a_cut_runs_along_x_at_three_values_of_y_or_at_those_asked_for() -> None:
    figure = drawn("cut", asked())
    assert [ax.get_title() for ax in figure.subfigs[0].axes[:3]] == [
        "weight decay = 0.01", "weight decay = 1", "weight decay = 10"
    ]  # fmt: skip
    one = drawn("cut", asked(at={Y: ["0.1"]}))
    assert [ax.get_title() for ax in one.subfigs[0].axes] == ["weight decay = 0.1", ""]
    across = drawn("cut", asked(at={X: ["0.6"]}))
    assert across.subfigs[0].axes[-1].get_xlabel() == "weight decay"
    assert across.subfigs[0].axes[-1].get_xscale() == "log"


def test_a_sweep_is_compared_with_another_on_their_common_cells() -> None:
    from phasegrok.diagram.kinds import Other

    mine = asked(against=["theirs"])
    theirs = mine.runs.assign(phase=mine.runs["phase"].mask(mine.runs[X] == 0.3, "confusion"))
    theirs["phase"] = theirs["phase"].mask(theirs[X] == 0.9, "undecided")

    def other(directory: str) -> Other:
        rule = replace(mine.rule, budget=4000)
        return Other(directory, theirs, mine.axes, rule, lambda runs: f"{len(runs)} runs")

    question = asked(against=["theirs"], other=other)
    picture = kind("difference").picture(question)
    assert "cells are equal" in picture.shows and "Cohen's κ" in picture.shows
    assert picture.data == f" and {data_hash(theirs)}" != f" and {data_hash(mine.runs)}"
    figure = lay_out(picture, "Words.")
    titles = [ax.get_title() for ax in panels(figure)]
    assert titles == ["little", "theirs", "where they differ"]
    assert legend(figure)[-3:] == ["same (5)", "different (3)", "not compared (4)"]
    assert picture.shows.endswith("The second, theirs: 24 runs")
    assert "within 2000 steps (censored). In the second: 200 steps or more" in str(picture.rule)
    assert str(picture.rule).endswith("after fitting, within 4000 steps.")


def test_a_figure_of_some_cells_names_their_runs_alone() -> None:
    from phasegrok.diagram.kinds import Other

    def other(directory: str) -> Other:
        axes = {**whole.axes, "x": Axis.of(X, [0.3, 0.9], "linear")}
        return Other(directory, whole.runs, axes, whole.rule, lambda runs: f"{len(runs)} runs")

    whole = asked()
    some = {
        "cut": replace(whole, at={Y: ["0.1"]}),
        "difference": replace(whole, against=["theirs"], other=other),
    }
    counts = {"cut": 6, "difference": 16}
    for name, question in some.items():
        picture = kind(name).picture(question)
        assert picture.runs is not None and len(picture.runs) == counts[name]
    assert "The second, theirs: 16 runs" in kind("difference").picture(some["difference"]).shows


def test_every_kind_has_a_line_that_says_what_it_is() -> None:
    assert list(KINDS) == [line.split()[0] for line in described().splitlines()]
    with pytest.raises(InputError, match=r"--kind phases: .* there are phase, probability, .*gap"):
        kind("phases")


def test_figures_are_made_of_shuffled_runs_as_of_sorted_ones() -> None:
    def alt(order: Callable[[pd.DataFrame], pd.DataFrame], name: str) -> str:
        question = asked(order(frame_of(config_of())))
        return kind(name).picture(question).alt

    for name in ("phase", "probability", "entropy", "val_steps", "boundary"):
        assert alt(lambda f: f, name) == alt(lambda f: f.sample(frac=1, random_state=1), name)
