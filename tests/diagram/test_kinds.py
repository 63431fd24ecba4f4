"""What each kind of figure draws, read back from the picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from phasegrok.diagram.colors import TRAIN, VAL
from phasegrok.diagram.kinds import KINDS, Asked, described, kind
from phasegrok.errors import InputError
from phasegrok.frames import Axis, axis_cells
from phasegrok.phases import Rule, classify
from tests.diagram.cases import (
    LR,
    SCALES,
    ZERO,
    X,
    Y,
    asked,
    check_layout,
    config_of,
    drawn,
    frame_of,
    legend,
    only,
)

MAPS = ("phase", "probability", "entropy", "train_steps", "val_steps", "delay", "weight_norm",
        "budget", "gap", "accuracy", "boundary")  # fmt: skip


def panels(figure: Figure) -> list[Axes]:
    return [
        ax for ax in figure.subfigs[0].axes if ax.collections and ax.get_label() != "<colorbar>"
    ]


def edges(ax: Axes) -> tuple[np.ndarray, np.ndarray]:
    corners = only(ax, QuadMesh).get_coordinates()
    return corners[0, :, 0], corners[:, 0, 1]


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
    assert legend(figure) == ["at least 2000 steps (6)"]


def test_missing_and_failed_cells_are_told_from_censored_ones() -> None:
    frame = frame_of(config_of())
    gone = frame.loc[frame[Y] != 10]
    failed = (gone[Y] == 1) & (gone[X] == 0.3)
    gone = gone.assign(status=gone["status"].mask(failed, "failed"))
    figure = drawn("val_steps", asked(gone))
    assert sorted(legend(figure)) == ["at least 2000 steps (2)", "failed (1)", "missing (3)"]


def test_one_crossed_seed_of_two_is_a_median_and_the_caption_calls_half_enough() -> None:
    frame = frame_of(config_of())
    frame.loc[0, ["val_step", "steps", "status"]] = [np.nan, 2000, "finished"]
    picture = kind("val_steps").picture(asked(frame))
    assert "the step by which half of them had got there" in picture.shows
    assert "Hatched: the median was not reached; more than half had not got there" in picture.shows
    assert legend(lay_out(picture, "")) == ["at least 2000 steps (6)"], "and none of this cell"
    assert "median over the seeds that fitted" in kind("delay").picture(asked()).shows


def test_values_are_those_where_runs_stopped_and_the_caption_says_how_many_did_early() -> None:
    question = asked()
    norms = question.runs["weight_norm"].mask(question.runs["seed"] == 0, np.inf)
    picture = kind("weight_norm").picture(
        replace(question, runs=question.runs.assign(weight_norm=norms))
    )
    assert "weight norm where each run stopped" in picture.shows
    assert "12 of 24 did before their budget, 12 of them decided" in picture.shows
    assert "Left out: 12 runs without a finite value" in picture.shows
    whole = kind("value").picture(asked(column="weight_norm")).shows
    assert (
        "12 of 24 did before their budget, 12 of them decided" in whole and "left out" not in whole
    )


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


def stricter() -> Asked:
    """A sweep that stopped at 0.9, asked about 0.99: only who did not generalise can answer.

    One seed of the first cell memorizes, the other was stopped, as were five other cells.
    """
    frame = frame_of(config_of())
    frame.loc[0, ["val_step", "steps", "status"]] = [np.nan, 2000, "finished"]
    for side in ("train", "val"):
        frame[f"phase.{side}_accuracy"] = 0.9
        crossed = [None if np.isnan(step) else step for step in frame[f"{side}_step"]]
        frame[f"{side}_steps"] = [[step] * 4 + [None] * 3 for step in crossed]
    rule = Rule(val_accuracy=0.99, gap=0.05)
    return replace(asked(frame.assign(phase=classify(frame, rule))), rule=rule)


@pytest.mark.parametrize("name", ["probability", "entropy", "cut", "boundary"])
def test_the_seeds_that_a_rule_can_tell_do_not_stand_for_those_it_cannot(name: str) -> None:
    question = stricter()
    assert question.runs["phase"].tolist()[:2] == ["memorization", "undecided"]
    picture = kind(name).picture(replace(question, at={X: ["0.3"]} if name == "cut" else {}))
    told = "In 2 of 4 cells" if name == "cut" else "In 6 of 12 cells"
    assert f"{told} the runs do not tell the phase of every seed" in picture.shows
    assert told[3] in {text[-2] for text in legend(lay_out(picture, "")) if "undecided" in text}
    assert "do not tell" not in kind(name).picture(asked()).shows


@pytest.mark.parametrize("name", ["probability", "entropy", "cut", "boundary"])
def test_where_no_run_is_decided_a_figure_of_shares_shows_just_that(name: str) -> None:
    question = stricter()
    runs = question.runs.loc[question.runs["phase"] == "undecided"]
    figure = drawn(name, replace(question, runs=runs))
    assert [text for text in legend(figure) if text.startswith("undecided")]


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


def test_a_cut_may_run_along_any_axis_and_through_a_line_without_runs() -> None:
    places = {X: ["0.6"], Y: ["0.1", "1"]}
    question = asked(sweep={"row": LR}, at=places)
    gone = question.runs.loc[question.runs[Y] != 1]
    figure = drawn("cut", replace(question, runs=gone))
    assert [" ".join(ax.get_title().split()) for ax in figure.subfigs[0].axes[:2]] == [
        "training fraction = 0.6, weight decay = 0.1",
        "training fraction = 0.6, weight decay = 1",
    ]
    table = axis_cells(question.axes["row"])
    ends = figure.subfigs[0].axes[0].get_xlim()
    assert ends == (table["low"].iloc[0], table["high"].iloc[-1])
    assert "missing (2)" in legend(figure)


def test_more_cuts_than_stand_side_by_side_are_refused_with_the_axes_to_choose_on() -> None:
    question = asked(sweep={"row": LR, "col": SCALES})
    with pytest.raises(InputError, match=r"32 cuts .* --at optim.weight_decay=VALUE, of 0.01, 0.1"):
        kind("cut").picture(question)
    two = replace(question, at={"optim.lr": ["0.001"], Y: ["0.1"], X: ["0.6"]})
    assert len(drawn("cut", two).subfigs[0].axes) == 2, "along the one axis that is free"


NAMES = {"param": "task.operation", "values": ["x+y", "x*y", "x-y"]}


@pytest.mark.parametrize(
    ("sweep", "joined"),
    [({"x": {**ZERO, "num": 4}, "y": None}, [0.03, 0.3, 3, 30]), ({"x": NAMES, "y": None}, [])],
    ids=["zero", "names"],
)
def test_lines_join_no_names_and_do_not_cross_the_break_beside_zero(
    sweep: Any, joined: list[float]
) -> None:
    question = asked(sweep=sweep)
    ax = drawn("cut", question).subfigs[0].axes[1]
    steps: list[Any] = [line for line in ax.lines if line.get_color() in (TRAIN, VAL)]
    for line in steps:
        if line.get_linestyle() in ("-", "--"):
            np.testing.assert_allclose(line.get_xdata(), joined)
    marks = [line for line in steps if line.get_marker() in ("o", "s")]
    assert [len(line.get_xdata()) for line in marks] == [len(question.axes["x"].values)] * 2


def with_curves(ids: Sequence[str]) -> pd.DataFrame:
    curves = {"step": [0, 10], "weight_norm": [1.0, 2.0]}
    curves |= {f"{of}_{what}": [0.1, 0.9] for of in ("train", "val") for what in ("acc", "loss")}
    told = {f"curve.{name}": [curve] * len(ids) for name, curve in curves.items()}
    return pd.DataFrame({"run_id": ids, **told})


def test_of_chosen_cells_those_without_a_run_are_named_and_the_others_drawn() -> None:
    question = asked(at={X: ["0.3", "0.6"], Y: ["1"]}, curves=with_curves)
    gone = question.runs.loc[(question.runs[X] != 0.6) | (question.runs[Y] != 1)]
    picture = kind("curves").picture(replace(question, runs=gone))
    assert len(picture.headings) == 1 and "training fraction = 0.3" in picture.headings[0]
    assert "No curves yet: training fraction = 0.6, weight decay = 1" in picture.shows
    with pytest.raises(InputError, match="none of these cells has a run yet"):
        kind("curves").picture(replace(question, runs=gone, at={X: ["0.6"], Y: ["1"]}))


def test_curves_have_a_line_of_corrupted_labels_where_there_are_any() -> None:
    def noisy(ids: Sequence[str]) -> pd.DataFrame:
        return with_curves(ids).assign(**{"curve.corrupted_acc": [[0.0, 1.0]] * len(ids)})

    for curves, noise in ((with_curves, False), (noisy, True)):
        question = asked(at={X: ["0.3"], Y: ["1"]}, curves=curves)
        picture = kind("curves").picture(question)
        entries = [str(entry.get_label()) for entry in picture.entries]
        assert ("corrupted training labels" in entries) == noise
        assert ("curve.corrupted_acc" in picture.reads) == noise
        lay_out(picture, "")


def noisy() -> Asked:
    """Weight decays where two of five seeds are in another phase than the rest."""
    config = config_of(seeds=5) | {"seeds": 5}
    frame = frame_of(config)
    below = frame[Y] < 0.5
    phase = np.where(below ^ (frame["seed"] < 2), "memorization", "grokking")
    return asked(frame.assign(phase=phase))


def test_a_boundary_tells_between_which_phases_and_how_many_draws_have_it() -> None:
    shows = kind("boundary").picture(noisy()).shows
    assert "90 % bootstrap bands over seeds (200 draws)" in shows
    assert "of 3 points are crossed in fewer than 90 % of the draws" in shows
    for against, told in ((["grokking"], "grokking / rest"),
                          (["memorization", "grokking"], "memorization / grokking")):  # fmt: skip
        assert told in kind("boundary").picture(replace(noisy(), against=against)).alt
    with pytest.raises(InputError, match="a boundary is between two of the phases"):
        kind("boundary").picture(replace(noisy(), against=["groking"]))


def test_a_cut_says_how_well_its_shares_are_known() -> None:
    picture = kind("cut").picture(asked())
    assert "(half-width of 95 % credible intervals, Jeffreys: 0.33 to 0.33)" in picture.shows


def test_the_thresholds_of_accuracy_move_together_or_one_alone() -> None:
    question = stricter()
    titles = {of: [" ".join(ax.get_title().split()) for ax in panels(drawn("accuracy", ask))]
              for of in (None, "train", "val") for ask in [replace(question, of=of)]}  # fmt: skip
    assert titles[None][5] != titles["val"][5] and titles["val"][5].startswith("validation acc")
    assert titles["train"][0].startswith("training accuracy ≥ 0.5:")
    with pytest.raises(InputError, match="an accuracy is of train or of val"):
        kind("accuracy").picture(replace(question, of="delay"))


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
