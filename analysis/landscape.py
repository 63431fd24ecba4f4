"""Losses at each fixed weight norm: python analysis/landscape.py STUDY [FOLDER]

Draws landscape.png, the L and the U of Omnigrok (2210.01117), as phasegrok plot --kind landscape
does, and in black the authors' losses, where the study has them (published.csv). What is 0, theirs
to six digits, stands at the lower edge as a triangle.
"""

import sys
from dataclasses import replace
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from study import Study, main

from phasegrok.diagram import data_hash, lay_out
from phasegrok.diagram.asked import Asked
from phasegrok.diagram.kinds import landscapes
from phasegrok.frames.captions import caption

SIDES = {"train_mse": ("published, training", "s"), "test_mse": ("published, validation", "o")}
BELOW = ("published, below the scale", "v")
LOOK: dict[str, Any] = {"color": "black", "markerfacecolor": "none", "ls": "", "markersize": 5}


def mark(ax: Axes, theirs: Any) -> None:
    """The authors' losses, some of which may be above ours or below."""
    edge, top = ax.get_ylim()
    ax.set_ylim(edge, max(top, 2 * theirs[list(SIDES)].max(axis=None)))
    for side, (_, marker) in SIDES.items():
        within = theirs[side] > edge
        for at, sign in ((theirs[within], marker), (theirs[~within], BELOW[1])):
            if len(at):  # no points that are not clipped would take room all the same
                losses = at[side].clip(lower=edge)
                ax.plot(at["alpha"], losses, marker=sign, clip_on=False, **LOOK)


def picture(study: Study) -> tuple[Figure, str]:
    drawn = landscapes(Asked(study.name, study.runs, study.axes, study.rule, study.budget))
    file, told = study.folder / "published.csv", ""
    if file.exists():
        theirs, ours = pd.read_csv(file, comment="#"), drawn

        def paint(room: Any, size: Any) -> None:
            ours.paint(room, size)
            mark(room.axes[0], theirs)

        keys = [Line2D([], [], marker=m, label=n, **LOOK) for n, m in (*SIDES.values(), BELOW)]
        drawn = replace(ours, paint=paint, entries=[*ours.entries, *keys])
        told = f" In black: {len(theirs)} published norms."
    shows, data = drawn.shows + told, data_hash(study.runs)
    text = caption(study.runs, study.config, data, shows=shows, rule="")
    return lay_out(drawn, text), drawn.alt + told


if __name__ == "__main__":
    sys.exit(main(picture, __file__, sys.argv[1:]))
