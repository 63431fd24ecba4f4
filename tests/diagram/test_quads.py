"""Meshes in vector files: a path for each colour, every cell in it once, on its own borders."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from phasegrok.diagram.quads import Quads

EDGES_X, EDGES_Y = np.array([1.0, 2.0, 4.0, 8.0]), np.array([0.0, 1.0, 3.0])
VALUES = np.ma.masked_invalid([[0.0, 1.0, 0.0], [1.0, np.nan, 0.0]])


def drawn(path: Path, lines: str | None) -> tuple[str, Figure]:
    """The mesh's part of an SVG, and the figure."""
    figure = Figure()
    ax = figure.subplots()
    look = {"array": VALUES, "cmap": ListedColormap(["r", "b"]), "linewidth": 0.1}
    ax.add_collection(Quads(EDGES_X, EDGES_Y, lines, **look), autolim=False)
    ax.set(xlim=(1, 8), ylim=(0, 3), xscale="log")
    figure.savefig(path / "cells.svg")
    text = (path / "cells.svg").read_text()
    return text.partition('id="QuadMesh')[2].partition("</g>")[0], figure


def test_a_vector_file_has_a_path_for_each_colour_with_every_cell_once(tmp_path: Path) -> None:
    group, figure = drawn(tmp_path, lines=None)
    paths = re.findall(r'<path d="(.*?)".*?fill: (#\w+)', group, flags=re.S)
    cells = {fill: {borders(cell, figure) for cell in path.split("z")[:-1]} for path, fill in paths}
    assert cells == {
        "#ff0000": {(1, 2, 0, 1), (4, 8, 0, 1), (4, 8, 1, 3)},
        "#0000ff": {(2, 4, 0, 1), (1, 2, 1, 3)},
    }


def borders(cell: str, figure: Figure) -> tuple[float, ...]:
    """Left, right, lower and upper border of a cell, in data."""
    points = [(float(x), float(y)) for x, y in re.findall(r"[ML] ([\d.]+) ([\d.]+)", cell)]
    pixels = [(x * figure.dpi / 72, figure.bbox.height - y * figure.dpi / 72) for x, y in points]
    xs, ys = figure.axes[0].transData.inverted().transform(pixels).round(3).T
    return min(xs), max(xs), min(ys), max(ys)


def test_lines_between_cells_go_around_those_without_a_value_too(tmp_path: Path) -> None:
    group, _ = drawn(tmp_path, lines="white")
    assert group.count("<path") == 3 and group.count("fill: none") == 1
    assert group.count("stroke: #ffffff") == 3
