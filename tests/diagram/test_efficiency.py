"""Data efficiency as lines: arrows that can be told apart, bands where there is a median."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from phasegrok.diagram import lay_out
from phasegrok.diagram.kinds import Asked, kind
from phasegrok.diagram.laws import efficiency_picture
from phasegrok.errors import InputError
from phasegrok.frames import Axis, planned_axes
from phasegrok.frames.efficiency import FRACTION
from tests.diagram.cases import LR, SCALES, Y, asked, config_of, drawn, legend

NAN = float("nan")


def axes_of(*rows: tuple) -> Any:
    names = ["task.operation", FRACTION, "median", "low", "high", "at_least", "shown", "stopped"]
    table = pd.DataFrame([(*row, 0) for row in rows], columns=names)
    by = Axis("task.operation", tuple(sorted(set(table["task.operation"]))), "category")
    figure = lay_out(efficiency_picture(table, [by], 0.99), "Words below.")
    figure.canvas.draw()
    (ax,) = figure.subfigs[0].axes
    return ax


def test_arrows_of_lines_that_took_longer_stand_beside_each_other_within_the_axes() -> None:
    late = [(name, 0.5, NAN, NAN, NAN, 1000.0, "censored") for name in ("x*y", "x+y", "x-y")]
    known = [(name, 0.7, 100.0, 90.0, 110.0, NAN, "median") for name in ("x*y", "x+y", "x-y")]
    ax = axes_of(*late, *known)
    arrows = [line for line in ax.lines if line.get_marker() == "^"]
    at = [line.get_transform().transform((0.5, 1000))[0] for line in arrows]
    assert np.allclose(np.diff(at), 3 / 72 * ax.figure.figure.dpi)
    assert np.isclose(at[1], ax.transData.transform((0.5, 1000))[0])
    assert ax.get_xlim()[0] < 0.5 and ax.get_ylim()[1] > 1000


def test_a_band_of_the_few_that_crossed_is_not_drawn_where_the_median_is_open() -> None:
    ax = axes_of(
        ("x+y", 0.5, NAN, 400.0, 400.0, 1000.0, "censored"),
        ("x+y", 0.6, 200.0, 150.0, 250.0, NAN, "median"),
        ("x+y", 0.7, 100.0, 90.0, 110.0, NAN, "median"),
    )
    (band,) = ax.collections
    assert band.get_paths()[0].vertices[:, 0].min() == 0.6


def to_accuracy(y: Any) -> Asked:
    question = asked(sweep={"y": y}, accuracy=0.9)
    ladder = [[None if np.isnan(step) else step] * 4 + [None] * 3
              for step in question.runs["val_step"]]  # fmt: skip
    return replace(question, runs=question.runs.assign(val_steps=ladder))


def efficiency_lines(question: Asked) -> list[str]:
    figure = drawn("efficiency", question)
    (ax,) = figure.subfigs[0].axes
    assert len([line for line in ax.lines if line.get_marker() == "o"]) == len(legend(figure)) - 2
    return legend(figure)[:-2]


@pytest.mark.parametrize(
    ("y", "names"),
    [
        ({"param": Y, "values": [1.0001, 1.0002]},
         ["weight decay = 1.0001", "weight decay = 1.0002"]),
        ({"param": "train.batch_size", "values": [None, 512, 1024]},
         [f"batch size (examples) = {size}" for size in ("full batch", "512", "1024")]),
    ],
    ids=["alike", "batches"],
)  # fmt: skip
def test_every_value_has_a_line_of_efficiency_under_its_own_name(y: Any, names: list[str]) -> None:
    assert efficiency_lines(to_accuracy(y)) == names


def test_more_lines_of_efficiency_than_can_be_told_apart_are_refused() -> None:
    question = to_accuracy({**SCALES, "values": [1.0 + i / 10 for i in range(7)]})
    by = dict(question.axes) | {"row": planned_axes(config_of(x=LR, y=None)["sweep"])["x"]}
    twice = [question.runs.assign(**{"optim.lr": lr}) for lr in (0.001, 0.01)]
    with pytest.raises(InputError, match=r"makes 14, .* 12 apart: .* --at optim.lr=VALUE"):
        kind("efficiency").picture(replace(question, runs=pd.concat(twice), axes=by))
