"""Figures as files: each written whole or not at all, and saying of itself what it shows."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

import phasegrok
from phasegrok.diagram.layout import DPI, lay_out
from phasegrok.diagram.maps import phase_picture
from phasegrok.frames import caption, phase_map, planned_axes, planned_runs
from phasegrok.frames.captions import rule_text
from phasegrok.frames.values import distinct
from phasegrok.phases import Rule
from phasegrok.store import swept, write_whole

FORMATS = ("png", "pdf", "svg")

# The columns that every data hash is made of. Numbers that depend on the machine that trained are
# in the hash of a figure only if it draws them.
_HASHED = ("run_id", "seed", "phase", "status", "steps", "budget", "train_step", "val_step")


@dataclass(frozen=True)
class Facts:
    """What a file says about itself."""

    title: str
    alt: str
    sweep: str
    data_hash: str
    rule: str
    command: str
    kind: str = "phase"

    def named(self) -> dict[str, str]:
        """The facts by the names under which files have them, without title and words."""
        named = {
            "sweep": self.sweep,
            "kind": self.kind,
            "data hash": self.data_hash,
            "rule": self.rule,
            "command": self.command,
        }
        return {name: text for name, text in named.items() if text}


def save(
    frame: pd.DataFrame,
    config: Mapping[str, Any],
    out_dir: str | os.PathLike[str],
    *,
    width: float | None = None,
) -> list[Path]:
    """Draw a sweep's diagram and write it as phase_diagram.png, .pdf and .svg.

    Each file appears whole or not at all, the same frame gives the same bytes, and each carries
    data hash, rule, sweep, command and package version as metadata.

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
    told = {*_HASHED, "status", "round", *swept(config)}
    runs = planned_runs(frame.loc[:, [column for column in frame if column in told]], config)
    data = data_hash(runs)
    picture = phase_picture(phase_map(runs, axes), axes, len(runs))
    figure = lay_out(picture, caption(runs, config, data), width)
    name = str(config["sweep"]["name"])
    rule = rule_text(Rule.from_config(config["phase"]), config["train"]["steps"])
    title, command = f"Phase diagram: {name}", f"phasegrok plot {name}"
    facts = Facts(title, picture.alt, name, data, rule, command)
    return write(figure, Path(out_dir), "phase_diagram", facts)


def write(
    figure: Figure, folder: Path, stem: str, facts: Facts, formats: Sequence[str] = FORMATS
) -> list[Path]:
    """Write a figure as STEM.png and so on; the same figure and facts give the same bytes."""
    paths = [folder / f"{stem}.{kind}" for kind in formats]
    for kind, path in zip(formats, paths, strict=True):
        # Fonts go into a PDF as TrueType, as journals ask; the salt fixes the ids in an SVG.
        settings: dict[Any, Any] = {
            "pdf.fonttype": 42,
            "svg.fonttype": "path",
            "svg.hashsalt": facts.data_hash,
        }
        about = {"format": kind, "dpi": DPI, "metadata": _metadata(kind, facts)}
        with matplotlib.rc_context(settings):
            write_whole(path, lambda file, about=about: figure.savefig(file, **about))
    return paths


def _metadata(kind: str, facts: Facts) -> dict[str, Any]:
    """The facts under the names each format allows; dates left out, for they change the bytes."""
    software = f"phasegrok {phasegrok.__version__}"
    if kind == "png":
        named = {name.capitalize(): text for name, text in facts.named().items()}
        return {"Title": facts.title, "Description": facts.alt, "Software": software} | named
    words = [f"{name}: {text}" for name, text in {**facts.named(), "software": software}.items()]
    if kind == "pdf":
        about = {"Subject": facts.alt, "Keywords": "; ".join(words)}
        return {"Title": facts.title, "Creator": software, "CreationDate": None, **about}
    about = {"Description": facts.alt, "Keywords": words}
    return {"Title": facts.title, "Creator": software, "Date": None, **about}


def data_hash(frame: pd.DataFrame, also: Iterable[str] = ()) -> str:
    """12 hexadecimal characters that name the results drawn, whatever the order of the rows.

    sha256 over run_id, seed, phase, status, steps, budget, train_step and val_step, a line for
    each run by run_id; numbers at 12 digits. What the frame lacks is empty.

    Args:
        also: further columns that are drawn; lists stand between blanks.
    """
    columns = [_fields(frame, name) for name in dict.fromkeys([*_HASHED, *also])]
    lines = sorted(map(",".join, zip(*columns, strict=True)))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


def _fields(frame: pd.DataFrame, name: str) -> list[str]:
    if name not in frame:
        return [""] * len(frame)
    at, values = distinct(frame.loc[:, name])
    return np.array([_field(value) for value in values], object)[at].tolist()


def _field(value: Any) -> str:
    if isinstance(value, tuple):
        return " ".join(map(_field, value))
    if value is None:
        return ""
    return f"{value:.12g}" if isinstance(value, float) else str(value)
