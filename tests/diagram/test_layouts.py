"""Nothing in a figure overlaps or is cut off."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import matplotlib.pyplot
import pytest

from phasegrok import diagram
from phasegrok.diagram.layout import lay_out
from phasegrok.diagram.maps import phase_picture
from phasegrok.diagram.style import TWO_COLUMNS
from phasegrok.frames import caption, phase_map, planned_axes
from phasegrok.phases import KINDS, Rule
from tests.diagram.cases import LR, SCALES, ZERO, X, Y, check_layout, config_of, frame_of

SHOWN = (*KINDS["first_crossing"].phases, "undecided")


def layouts() -> Iterator[tuple[str, dict[str, Any], float | None]]:
    names = {"param": "task.operation", "values": ["x+y", "x^2+xy+y^2", "x^3+xy^2+y"]}
    yield "one column", {}, None
    yield "two columns", {}, TWO_COLUMNS
    yield "zero", {"y": ZERO}, None
    yield "strip", {"y": None}, None
    yield "names", {"x": names}, None
    yield "facets", {"row": LR, "col": SCALES}, None
    yield "facets in one column", {"row": LR, "col": {**SCALES, "values": [1.0, 2.0]}}, 3.4


@pytest.mark.parametrize(("sweep", "width"), [pytest.param(s, w, id=i) for i, s, w in layouts()])
def test_nothing_overlaps_and_nothing_is_cut_off(
    sweep: dict[str, Any], width: float | None
) -> None:
    config = config_of(**sweep)
    frame = frame_of(config)
    # All that a legend can hold at once.
    frame["phase"] = [SHOWN[i % 7] for i in range(len(frame))]
    axes = planned_axes(config["sweep"])
    text = caption(frame, config, "0123456789ab")
    figure = lay_out(phase_picture(phase_map(frame, axes), axes, len(frame)), text, width)
    check_layout(figure, [ax for panel in figure.subfigs for ax in panel.axes])


@pytest.mark.parametrize("width", [None, TWO_COLUMNS])
def test_the_phases_and_the_words_of_final_accuracies_have_room(width: float | None) -> None:
    config = config_of(row=LR, col=SCALES) if width else config_of()
    config["phase"] = Rule(name="final_accuracy").to_config()
    shown = (*KINDS["final_accuracy"].phases, "undecided")
    frame = frame_of(config)
    frame["phase"] = [shown[i // 2 % 7] for i in range(len(frame))]
    axes = planned_axes(config["sweep"])
    picture = phase_picture(phase_map(frame, axes), axes, len(frame))
    figure = lay_out(picture, caption(frame, config, "0123456789ab"), width)
    check_layout(figure, [ax for panel in figure.subfigs for ax in panel.axes])
    (legend,) = figure.subfigs[0].legends
    told = [text.get_text().partition(" (")[0] for text in legend.get_texts()]
    assert told == list(shown)


@pytest.mark.parametrize("count", [2, 3])
def test_panels_in_a_constrained_figure_of_ones_own_keep_clear_of_each_other(count: int) -> None:
    values = [0.2, 0.86177387, 3.7132712, 16.0]
    frame = frame_of(config_of(y={"param": Y, "values": values}))
    frame["phase"] = [SHOWN[i % 7] for i in range(len(frame))]
    figure = matplotlib.pyplot.figure(layout="constrained")
    try:
        panels = figure.subplots(1, count)
        for i, ax in enumerate(panels):
            keys = (X, Y) if i % 2 else (Y, X)
            diagram.draw(frame, *keys, ax=ax, scales={"x": "linear"} if i % 2 else None)
        check_layout(figure, list(panels))
    finally:
        matplotlib.pyplot.close(figure)
