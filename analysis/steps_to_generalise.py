"""Where generalising takes how long: python analysis/steps_to_generalise.py STUDY [FOLDER]

Draws steps_to_generalise.png: the median over seeds of the steps to generalise as colour, on a log
scale. Runs cut off by their budget count as longer than it; a cell without a median is grey.
"""

import sys

from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from study import Study, main, mesh

from phasegrok.frames import steps_map


def picture(study: Study) -> tuple[Figure, str]:
    cells = steps_map(study.runs, study.axes, "val", study.rule)
    figure = Figure(figsize=(4.5, 3.2), layout="constrained")
    ax = figure.subplots()
    ax.set_facecolor("0.85")
    drawn = mesh(ax, study.axes, cells, "median", norm=LogNorm(), cmap="viridis_r")
    figure.colorbar(drawn, label="steps to generalise")
    told = cells["median"].dropna()
    return figure, (
        f"Map of the median steps to generalise of {study.name}: {len(told)} of {len(cells)} cells "
        f"have one, from {told.min():g} to {told.max():g} steps; the others are grey."
    )


if __name__ == "__main__":
    sys.exit(main(picture, __file__, sys.argv[1:]))
