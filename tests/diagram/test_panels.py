"""The phase map as a picture."""

from __future__ import annotations

import re
from itertools import pairwise

import matplotlib.pyplot
import numpy as np
import pytest
from matplotlib.collections import LineCollection, PolyCollection, QuadMesh
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from phasegrok import diagram
from phasegrok.diagram.dress import head_rows
from phasegrok.diagram.shapes import unit_bands
from phasegrok.errors import InputError
from phasegrok.frames import axes_of, phase_map
from phasegrok.phases import Rule
from tests.diagram.cases import X, Y, config_of, frame_of, legend_texts, only, painted, runs


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
    headings = ["operation = x+y", "operation = x^2+xy+y^2 and much more"]
    for length, angle in ((3.0, 270), (1.5, 0)):
        column = Figure().subplots(2, 1)
        head_rows(column, headings, length)
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
