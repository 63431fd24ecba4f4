"""The figure of a sweep as files: laid out with its caption, written whole or not at all."""

from __future__ import annotations

import hashlib
import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

import phasegrok
from phasegrok.diagram.dress import facet_text, lines
from phasegrok.diagram.legend import columns
from phasegrok.diagram.panels import new_figure, paint_panels, shape, theme
from phasegrok.frames.grid import Axis, phase_counts, phase_map, planned_axes, planned_runs
from phasegrok.frames.words import alt_text, caption, rule_text
from phasegrok.phases import Rule
from phasegrok.store import swept

# Widths of a journal's columns, in inches.
ONE_COLUMN, TWO_COLUMNS = 3.4, 7.0

# The columns that the data hash is made of.
_HASHED = ("run_id", "seed", "phase", "train_step", "val_step")

_CAPTION_SIZE = 6.0  # points
_CAPTION_LINE = 1.3 * _CAPTION_SIZE / 72  # inches
_MARGIN = 0.05  # inches
_DPI = 300


def save(
    frame: pd.DataFrame,
    config: Mapping[str, Any],
    out_dir: str | os.PathLike[str],
    *,
    width: float | None = None,
) -> list[Path]:
    """Draw a sweep's diagram and write it as phase_diagram.png, .pdf and .svg.

    Each file appears whole or not at all, the same frame gives the same bytes, and each carries
    data hash, rule, sweep and package version as metadata.

    Args:
        frame: the sweep's runs as `phasegrok.load` gives them, with a column `phase`. Runs that
            are not in the plan of config are not drawn.
        config: the composed config of the sweep, which names axes, rule and fixed parameters.
        width: of the figure in inches; None takes one journal column, or two with facets.

    Returns:
        The paths written.

    Raises:
        InputError: there is nothing to draw.
    """
    axes = planned_axes(config["sweep"])
    # A run's own configuration and ladders, the bulk of a row, say nothing here.
    told = {*_HASHED, "status", *swept(config)}
    runs = planned_runs(frame.loc[:, [column for column in frame if column in told]], config)
    full, data = phase_map(runs, axes), data_hash(runs)
    figure = lay_out(full, axes, caption(runs, config, data), width)
    facts = _facts(config, data, alt_text(runs, axes, full))
    return [_write(figure, Path(out_dir), kind, facts) for kind in ("png", "pdf", "svg")]


def data_hash(frame: pd.DataFrame) -> str:
    """12 hexadecimal characters that name the results drawn, whatever the order of the rows.

    sha256 over run_id, seed, phase, train_step and val_step, a line for each run by run_id.
    """
    rows = zip(*(_fields(frame.loc[:, name]) for name in _HASHED), strict=True)
    lines = sorted(map(",".join, rows))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


def _fields(column: pd.Series) -> list[str]:
    codes, values = pd.factorize(column, use_na_sentinel=False)
    return np.array([_field(value) for value in values.tolist()], object)[codes].tolist()


def _field(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if pd.isna(value) else str(int(value))


def lay_out(
    full: pd.DataFrame, axes: Mapping[str, Axis], text: str, width: float | None = None
) -> Figure:
    """Panels with their legend above, the caption in a room of its own below."""
    rows, cols = shape(axes)
    width = width or (TWO_COLUMNS if cols > 1 else ONE_COLUMN)
    across = (width - 0.8) / cols
    up = min(0.8 * across, 4.0) if "y" in axes else 0.4
    legend = math.ceil(len(phase_counts(full)) / columns(width)) * 0.16
    longest = max((facet_text(axes["col"], i) for i in range(cols)), key=len) if cols > 1 else ""
    headings = 0.14 * len(lines(longest, across))
    with theme():
        figure = new_figure(width, 1.0, _DPI)
        words = wrapped(text, width - 2 * _MARGIN, figure)
        above = legend + headings + rows * (up + 0.08) + 0.5
        below = len(words) * _CAPTION_LINE + 2 * _MARGIN
        figure.set_size_inches(width, above + below)
        rooms = figure.subfigures(2, 1, squeeze=False, height_ratios=[above, below])
        top, foot = rooms.flat
        paint_panels(top, full, axes, (across, up))
        style = {"fontsize": _CAPTION_SIZE, "linespacing": 1.2, "parse_math": False}
        place = _MARGIN / width, 1 - _MARGIN / below
        foot.text(*place, "\n".join(words), va="top", **style).set_in_layout(False)
    return figure


def wrapped(text: str, width: float, figure: Figure) -> list[str]:
    """The text in lines at most `width` inches long in the caption's font, at the figure's dpi."""
    font = FontProperties(size=_CAPTION_SIZE)
    renderer = FigureCanvasAgg(figure).get_renderer()

    def fits(words: Sequence[str]) -> bool:
        long, _, _ = renderer.get_text_width_height_descent(" ".join(words), font, ismath=False)
        return long <= width * figure.dpi

    # A value stays on the line of its name, a number on that of its unit.
    glued = re.sub(r" (?=[=≥])|(?<=[=≥]) |(?<=\d) (?=runs|steps)|(?<=Data) ", "\N{NBSP}", text)
    lines: list[list[str]] = [[]]
    for word in glued.split(" "):
        if lines[-1] and not fits([*lines[-1], word]):
            lines.append([])
        lines[-1].append(word)
    return [" ".join(line) for line in lines]


def _facts(config: Mapping[str, Any], data: str, alt: str) -> dict[str, str]:
    """What each file says about itself."""
    return {
        "sweep": str(config["sweep"]["name"]),
        "alt": alt,
        "data hash": data,
        "rule": rule_text(Rule.from_config(config["phase"]), config["train"]["steps"]),
        "software": f"phasegrok {phasegrok.__version__}",
    }


def _metadata(kind: str, facts: Mapping[str, str]) -> dict[str, Any]:
    """The facts under the names each format allows; dates left out, for they change the bytes."""
    title = f"Phase diagram: {facts['sweep']}"
    words = [f"{name}: {facts[name]}" for name in ("sweep", "data hash", "rule", "software")]
    if kind == "png":
        return {"Title": title, "Description": facts["alt"], "Software": facts["software"]} | {
            name.capitalize(): facts[name] for name in ("sweep", "data hash", "rule")
        }
    if kind == "pdf":
        about = {"Subject": facts["alt"], "Keywords": "; ".join(words)}
        return {"Title": title, "Creator": facts["software"], "CreationDate": None, **about}
    about = {"Description": facts["alt"], "Keywords": words}
    return {"Title": title, "Creator": facts["software"], "Date": None, **about}


def _write(figure: Figure, out_dir: Path, kind: str, facts: Mapping[str, str]) -> Path:
    path = out_dir / f"phase_diagram.{kind}"
    unfinished = out_dir / f".phase_diagram.{os.getpid()}.{kind}"
    # Fonts go into a PDF as TrueType, as journals ask; the salt fixes the ids in an SVG.
    settings: dict[Any, Any] = {
        "pdf.fonttype": 42,
        "svg.fonttype": "path",
        "svg.hashsalt": facts["data hash"],
    }
    try:
        with matplotlib.rc_context(settings):
            figure.savefig(unfinished, format=kind, dpi=_DPI, metadata=_metadata(kind, facts))
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path
