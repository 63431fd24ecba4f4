"""A contact sheet: small phase maps of many sweeps, each with its name and counts."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import SubFigure

from phasegrok.diagram.dress import lines
from phasegrok.diagram.files import FORMATS, Facts, data_hash, write
from phasegrok.diagram.layout import Picture, lay_out
from phasegrok.diagram.legend import phase_entries
from phasegrok.diagram.mesh import Ground
from phasegrok.diagram.panels import paint_cells
from phasegrok.diagram.style import TWO_COLUMNS
from phasegrok.diagram.tiles import facets
from phasegrok.frames import Axis, label, phase_counts, phase_map, planned_axes, planned_runs
from phasegrok.words import counted

_MAP = 1.75  # inches that a map takes across, with its words


@dataclass(frozen=True)
class Entry:
    """One sweep on the sheet."""

    name: str
    full: pd.DataFrame
    axes: Mapping[str, Axis]
    runs: int
    data: str


def entry(name: str, frame: pd.DataFrame, config: Mapping[str, Any]) -> Entry:
    """What the sheet shows of a sweep's runs under a name."""
    axes, runs = planned_axes(config["sweep"]), planned_runs(frame, config)
    return Entry(name, phase_map(runs, axes), axes, len(runs), data_hash(runs))


def save(
    entries: Sequence[Entry],
    out_dir: Path,
    name: str,
    *,
    command: str,
    formats: Sequence[str] = FORMATS,
    width: float | None = None,
) -> list[Path]:
    """Write contact_sheet.png and so on.

    Args:
        command: that draws it again; width: in inches, None: two columns of a journal.
    """
    width = width or TWO_COLUMNS
    cols = min(max(1, round(width / _MAP)), len(entries))
    rows = math.ceil(len(entries) / cols)
    every = pd.concat([one.full.loc[:, ["shown", "tied"]] for one in entries], ignore_index=True)
    told = [f"{one.name}: {_counts(one)}" for one in entries]
    several = counted(len(entries), "sweep")
    data = hashlib.sha256("\n".join(one.data for one in entries).encode()).hexdigest()[:12]
    picture = Picture(
        lambda room, size: _paint(room, entries, (rows, cols), size[0]),
        rows=rows,
        cols=cols,
        up=1.25,
        entries=phase_entries(every, counted=False),
        shows="",
        alt=f"Contact sheet of {several}. {' '.join(told)}",
    )
    text = (
        f"{several} in {name}, the majority phase of each cell, headed by cells and "
        f"runs; of a sweep with facets, all its panels. Data {data}."
    )
    figure = lay_out(picture, text, width)
    facts = Facts(
        title=f"Contact sheet: {name}",
        alt=picture.alt,
        sweep=", ".join(one.name for one in entries),
        data_hash=data,
        rule="that of each sweep",
        command=command,
        kind="contact sheet",
    )
    return write(figure, out_dir, "contact_sheet", facts, formats)


def _size(one: Entry) -> str:
    return f"{counted(len(one.full), 'cell')}, {counted(one.runs, 'run')}"


def _counts(one: Entry) -> str:
    counts = ", ".join(f"{count} {name}" for name, count in phase_counts(one.full).items())
    return f"{_size(one)}; {counts}."


def _paint(
    room: SubFigure, entries: Sequence[Entry], shape: tuple[int, int], across: float
) -> None:
    rooms = room.subfigures(*shape, squeeze=False).flat
    for one, place in zip(entries, rooms, strict=False):
        _map(place, one, across)


def _map(room: SubFigure, one: Entry, across: float) -> None:
    tiles, ground = facets(one.full, one.axes), Ground.of(one.axes)
    panels = room.subplots(*tiles.shape, sharex=True, sharey=True, squeeze=False)
    for (row, col), ax in np.ndenumerate(panels):
        paint_cells(ax, tiles.cells[row][col], ground)
        ax.set_xscale("log" if ground.x.log else "linear")
        ax.set_yscale("log" if ground.y.log else "linear")
        ax.set(xticks=[], yticks=[])
        ax.minorticks_off()
    head = [*lines(one.name, across), _size(one)]
    room.suptitle("\n".join(head), fontsize=7, parse_math=False)
    words = {"fontsize": 6, "parse_math": False}
    room.supxlabel("\n".join(lines(label(one.axes["x"].key), across)), **words)
    if "y" in one.axes:
        room.supylabel(label(one.axes["y"].key), **words)
