"""Losses at each fixed weight norm: python analysis/landscape.py STUDY [FOLDER]

Draws landscape.png, the L and the U of Omnigrok (2210.01117), as phasegrok plot --kind landscape
does, and in black the authors' losses, where the study has them (published.csv, to six digits).
Theirs of 0.000000 are known to be below 5e-7, where a triangle stands for them.
"""

import sys
from dataclasses import replace
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from study import Study, main

from phasegrok.diagram import Picture
from phasegrok.diagram.kinds import landscapes

SIDES = {"train_mse": ("published, training", "s"), "test_mse": ("published, validation", "o")}
BELOW, LIMIT = ("published, 0 to six digits", "v"), 5e-7
LOOK: dict[str, Any] = {"color": "black", "markerfacecolor": "none", "ls": "", "markersize": 5}


def mark(ax: Axes, theirs: Any) -> None:
    """The authors' losses, some of which may be above ours or below."""
    edge, top = ax.get_ylim()
    ax.set_ylim(edge, max(top, 2 * theirs[list(SIDES)].max(axis=None)))
    for side, (_, marker) in SIDES.items():
        known = theirs[side] >= LIMIT
        for at, sign in ((theirs[known], marker), (theirs[~known], BELOW[1])):
            if len(at):  # no points that are not clipped would take room all the same
                losses = at[side].clip(lower=max(LIMIT, edge))
                ax.plot(at["alpha"], losses, marker=sign, clip_on=False, **LOOK)


def picture(study: Study) -> Picture:
    ours, file = landscapes(study.asked), study.folder / "published.csv"
    if not file.exists():
        return ours
    theirs = pd.read_csv(file, comment="#")

    def paint(room: Any, size: Any) -> None:
        ours.paint(room, size)
        mark(room.axes[0], theirs)

    keys = [Line2D([], [], marker=m, label=n, **LOOK) for n, m in (*SIDES.values(), BELOW)]
    zeros = int((theirs[list(SIDES)] < LIMIT).to_numpy().sum())
    told = f" In black: {len(theirs)} published norms; losses of 0 to six digits ({zeros}) are "
    told += f"below {LIMIT:g}, where triangles stand for them."
    drawn = {"paint": paint, "entries": [*ours.entries, *keys]}
    return replace(ours, **drawn, shows=ours.shows + told, alt=ours.alt + told)


if __name__ == "__main__":
    sys.exit(main(picture, __file__, sys.argv[1:]))
