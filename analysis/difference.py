"""Where two sweeps over the same axes differ: python analysis/difference.py STUDY STUDY [FOLDER]

Draws difference.png: the cells that both have, dark where their phase is another, with the share
that agrees and Cohen's kappa.
"""

import sys

from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from study import Study, main, mesh

from phasegrok.frames import agreement, common_axes, difference


def picture(first: Study, second: Study) -> tuple[Figure, str]:
    axes = common_axes(first.axes, second.axes)
    cells = difference(first.runs, second.runs, axes)
    found = agreement(cells)
    differ = cells.assign(differ=(~cells["same"]).astype("Float64"))
    figure = Figure(figsize=(4.2, 3.4), layout="constrained")
    ax = figure.subplots()
    ax.set_facecolor("0.7")  # cells that either has no phase of
    colors = ListedColormap(["#F2F2F2", "#C44E9A"])
    mesh(ax, axes, differ, "differ", cmap=colors, vmin=0, vmax=1, edgecolor="white")
    words = (
        f"{found['share']:.0%} of {found['cells']:.0f} cells agree "
        f"({found['share.low']:.0%} to {found['share.high']:.0%}), kappa {found['kappa']:.2f}"
    )
    ax.set_title(f"{first.name} and {second.name}\n{words}", fontsize=8)
    return figure, f"Map of the cells in which {first.name} and {second.name} differ: {words}."


if __name__ == "__main__":
    sys.exit(main(picture, __file__, sys.argv[1:], of=2))
