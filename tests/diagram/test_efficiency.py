"""Data efficiency as lines: arrows that can be told apart, bands where there is a median."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from phasegrok.diagram import lay_out
from phasegrok.diagram.laws import efficiency_picture
from phasegrok.frames import Axis
from phasegrok.frames.efficiency import FRACTION

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
