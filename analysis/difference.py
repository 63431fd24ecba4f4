"""Where two sweeps over the same axes differ: python analysis/difference.py STUDY STUDY [FOLDER]

Draws difference.png: the cells that both have, dark where their phase is another, with the share
that agrees and Cohen's kappa.
"""

import sys
from typing import Any

from matplotlib.colors import ListedColormap
from study import Study, main, mesh

from phasegrok.diagram import Picture
from phasegrok.frames import agreement, common_axes, difference
from phasegrok.frames.captions import apart_text


def picture(first: Study, second: Study) -> Picture:
    axes = common_axes(first.axes, second.axes)
    cells = difference(first.runs, second.runs, axes)
    found = agreement(cells)
    differ = cells.assign(differ=(~cells["same"]).astype("Float64"))

    def paint(room: Any, size: Any) -> None:
        ax = room.subplots()
        ax.set_facecolor("0.7")  # cells that either has no phase of
        colors = ListedColormap(["#F2F2F2", "#C44E9A"])
        mesh(ax, axes, differ, "differ", cmap=colors, vmin=0, vmax=1, edgecolor="white")

    words = (
        f"{found['share']:.0%} of {found['cells']:.0f} cells agree "
        f"({found['share.low']:.0%} to {found['share.high']:.0%}), kappa {found['kappa']:.2f}"
    )
    other = apart_text(second.runs, second.config, first.config)
    return Picture(
        paint,
        shows=f"where the phase of a cell is another than in {second.name}: {words}. The second: "
        f"{other}",
        alt=f"Map of the cells in which {first.name} and {second.name} differ: {words}.",
    )


if __name__ == "__main__":
    sys.exit(main(picture, __file__, sys.argv[1:], of=2))
