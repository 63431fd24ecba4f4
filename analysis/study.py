"""What the figure scripts here begin and end with: a study read, a picture that says what it shows.

A study is the directory of any sweep, sweeps/NAME as well as outputs/NAME. A script gives `main` a
function from studies to a picture and its words; the caption below it is written here. Copy this
file along with the script.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh

from phasegrok import InputError, Rule, classify, load
from phasegrok.diagram import Facts, Picture, data_hash, lay_out, write
from phasegrok.diagram.asked import Asked
from phasegrok.frames import Axis, axis_cells, label, planned_axes, planned_runs, value_text
from phasegrok.frames.captions import caption, rule_text
from phasegrok.store import Store

ROOT = Path(__file__).resolve().parents[1]

# A pandas frame, of which its stubs know too little to be of use here.
Frame = Any


@dataclass(frozen=True)
class Study:
    """A sweep's answer: `runs` are those of its plan, with their phase under the sweep's rule."""

    folder: Path
    config: Mapping[str, Any]
    runs: Frame

    @property
    def name(self) -> str:
        return str(self.config["sweep"]["name"])

    @property
    def axes(self) -> dict[str, Axis]:
        return planned_axes(self.config["sweep"])

    @property
    def rule(self) -> Rule:
        return Rule.from_config(self.config["phase"])

    @property
    def budget(self) -> int:
        return self.config["train"]["steps"]

    @property
    def asked(self) -> Asked:
        """What the library's own kinds of figures are made of."""
        return Asked(self.name, self.runs, self.axes, self.rule, self.budget)


def read(folder: Path) -> Study:
    """InputError if this is no sweep's directory."""
    config = Store(folder).config()
    runs = planned_runs(load(folder, curves=True), config)
    phases = classify(runs, Rule.from_config(config["phase"]))
    return Study(folder, config, runs.assign(phase=phases))


def main(
    picture: Callable[..., Picture], script: str, arguments: Sequence[str], of: int = 1
) -> int:
    """Draw and write FOLDER/SCRIPT.png, by default into the first study; the exit code.

    Args:
        picture: studies -> what is drawn and said of it; `rule` "" if no rule judges the numbers.
        script: the script's file; `arguments`: its directories, as many as `of`, and FOLDER.
    """
    stem = Path(script).stem
    if len(arguments) not in (of, of + 1):
        print(f"usage: python analysis/{stem}.py {'STUDY ' * of}[FOLDER]", file=sys.stderr)
        return 2
    try:
        studies = [read(Path(folder)) for folder in arguments[:of]]
        drawn = picture(*studies)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    first, names = studies[0], [study.name for study in studies]
    data = " and ".join(data_hash(study.runs) for study in studies)
    rule = rule_text(first.rule, first.budget) if drawn.rule is None else drawn.rule
    text = caption(first.runs, first.config, data, shows=drawn.shows, rule=rule)
    facts = Facts(
        title=f"{stem.replace('_', ' ').capitalize()}: {' and '.join(names)}",
        alt=drawn.alt,
        sweep=first.name,
        data_hash=data,
        rule=rule,
        command=shlex.join(["python", f"analysis/{stem}.py", *map(as_told, arguments)]),
        kind=stem,
    )
    folder = Path(arguments[-1] if arguments[of:] else arguments[0])
    print(*write(lay_out(drawn, text), folder, stem, facts, ["png"]))
    return 0


def as_told(directory: str) -> str:
    """A directory as a command in the repository's root names it, or else as it was given.

    Where it lies on a machine is nobody else's: of an absolute path elsewhere the name is left.
    """
    path = Path(directory)
    if path.resolve().is_relative_to(ROOT):
        return path.resolve().relative_to(ROOT).as_posix()
    return path.name if path.is_absolute() else path.as_posix()


def mesh(ax: Axes, axes: Mapping[str, Axis], table: Frame, column: str, **look: Any) -> QuadMesh:
    """A column of a frame of cells as colours, every cell on its true borders."""
    x, y = axis_cells(axes["x"]), axis_cells(axes["y"])
    grid = table.pivot(index="y.at", columns="x.at", values=column).to_numpy(float)
    scale(ax, axes)
    borders = [[*cells["low"], cells["high"].iloc[-1]] for cells in (x, y)]
    return ax.pcolormesh(*borders, grid, **look)


def scale(ax: Axes, axes: Mapping[str, Axis]) -> None:
    """Scales and names of the axes of a map."""
    scales = {f"{n}scale": "log" if axes[n].log else "linear" for n in "xy"}
    ax.set(xlabel=label(axes["x"].key), ylabel=label(axes["y"].key), **scales)
    for name, ticks in (("x", ax.set_xticks), ("y", ax.set_yticks)):
        axis = axes[name]
        if axis.scale == "category":
            names = [value_text(value, axis.key) for value in axis.values]
            ticks(range(len(names)), names)
