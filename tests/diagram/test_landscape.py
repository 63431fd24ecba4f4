"""Landscapes of losses, read back from the picture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from phasegrok.__main__ import main
from phasegrok.diagram import lay_out
from phasegrok.diagram.colors import TRAIN, VAL
from phasegrok.diagram.kinds import Asked, kind
from phasegrok.errors import InputError
from phasegrok.frames import planned_axes
from phasegrok.phases import Rule
from tests.diagram.cases import LR, X, check_layout, fixed_norms, stored

ALPHAS = [1.0, 2.0, 4.0, 8.0]


def asked(*fixed: bool, **sweep: Any) -> Asked:
    config, frame = fixed_norms(*fixed, **sweep)
    return Asked("little", frame, planned_axes(config["sweep"]), Rule(gap=0.05), 2000)


def drawn(question: Asked) -> tuple[Figure, Axes]:
    figure = lay_out(kind("landscape").picture(question), "Words below.")
    return figure, figure.subfigs[0].axes[0]


def lines(ax: Axes, style: str) -> dict[str, Any]:
    """The lines of this style by their colour."""
    return {to_hex(line.get_color()).upper(): line for line in ax.lines
            if line.get_linestyle() == style}  # fmt: skip


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for each in figure.subfigs[0].legends for text in each.get_texts()]


def test_a_lone_pair_is_an_l_of_training_and_a_u_of_validation_on_log_scales() -> None:
    figure, ax = drawn(asked())
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    upper, lower = lines(ax, "-")[VAL], lines(ax, "--")[TRAIN]
    np.testing.assert_allclose(upper.get_xdata(), ALPHAS)
    np.testing.assert_allclose(upper.get_ydata(), [0.1515, 0.015, 0.15, 1.5])
    np.testing.assert_allclose(lower.get_ydata()[:3], [0.1, 0.01, 0.001])
    assert {"training", "validation", "least validation loss"} <= {*legend(figure)}
    check_layout(figure, [ax])
    assert ax.bbox.height / figure.dpi > 1.5, "no room is lost to what is not there"


def test_a_loss_of_zero_stands_at_the_lower_edge_below_all_others() -> None:
    figure, ax = drawn(asked())
    edge = ax.get_ylim()[0]
    mark: Any
    (mark,) = [line for line in ax.lines if line.get_marker() == "v"]
    assert [*mark.get_xdata()] == [8.0] and [*mark.get_ydata()] == pytest.approx([edge])
    assert edge < 0.001 and "0, below the scale" in legend(figure)
    assert "Losses of 0 (1) stand at the lower edge" in kind("landscape").picture(asked()).shows
    question = asked()
    runs = question.runs.assign(train_loss=question.runs["train_loss"].replace(0, 1e-4))
    above = kind("landscape").picture(replace(question, runs=runs))
    assert "lower edge" not in above.shows


def test_the_least_validation_loss_is_marked_and_told_with_its_norm() -> None:
    _, ax = drawn(asked())
    ring: Any
    (ring,) = [line for line in ax.lines if line.get_markerfacecolor() == "none"
               and line.get_marker() == "o"]  # fmt: skip
    assert ([*ring.get_xdata()], [*ring.get_ydata()]) == ([2.0], pytest.approx([0.015]))
    picture = kind("landscape").picture(asked())
    assert "The validation loss is least at α = 2, weight norm 20" in picture.shows
    assert "least at α = 2" in picture.alt
    assert "Taken where each run stopped: 4 of 8 did before their budget" in picture.shows


def test_each_value_of_another_axis_has_a_pair_in_one_colour_under_its_name() -> None:
    figure, ax = drawn(asked(y=LR))
    upper, lower = lines(ax, "-"), lines(ax, "--")
    assert len(upper) == 2 and upper.keys() == lower.keys() and not upper.keys() & {TRAIN, VAL}
    assert {len(line.get_xdata()) for line in lower.values()} == {4}
    assert legend(figure)[:2] == ["learning rate = 0.001", "learning rate = 0.01"]
    check_layout(figure, [ax])


def test_many_values_of_a_number_have_a_bar_and_too_many_are_refused() -> None:
    seven = {"param": X, "low": 0.2, "high": 0.8, "num": 7}
    figure, ax = drawn(asked(y=seven))
    assert len(lines(ax, "--")) == 7
    assert not [name for name in legend(figure) if "=" in name]
    with pytest.raises(InputError, match=r"makes 14, .* --at optim.lr"):
        kind("landscape").picture(asked(y=seven, row=LR))


def test_of_fixed_and_free_norms_the_fixed_are_drawn_when_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, frame = fixed_norms(False, True)
    folder = stored(config, tmp_path / "little", frame)
    plot = ["plot", str(folder), "--kind", "landscape", "--format", "png"]
    assert main(plot) == 2
    assert "8 of 16 do not: show the others alone, by --at optim.fix_norm=true" in (
        capsys.readouterr().err
    )
    assert main([*plot, "--at", "optim.fix_norm=true"]) == 0
    assert (folder / "landscape.png").exists()
