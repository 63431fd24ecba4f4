"""Where generalising takes how long: python analysis/steps_to_generalise.py STUDY [FOLDER]

Draws steps_to_generalise.png: the median over seeds of the steps to generalise as colour, on a log
scale. Runs cut off by their budget count as longer than it; a cell without a median is grey.
"""

import sys
from typing import Any

from matplotlib.colors import LogNorm
from study import Study, main, mesh

from phasegrok.diagram import Picture
from phasegrok.frames import steps_map
from phasegrok.frames.captions import steps_rule_text


def picture(study: Study) -> Picture:
    cells = steps_map(study.runs, study.axes, "val", study.rule)

    def paint(room: Any, size: Any) -> None:
        ax = room.subplots()
        ax.set_facecolor("0.85")
        drawn = mesh(ax, study.axes, cells, "median", norm=LogNorm(), cmap="viridis_r")
        room.colorbar(drawn, label="steps to generalise")

    told = cells["median"].dropna()
    have = f"{len(told)} of {len(cells)} cells have one"
    return Picture(
        paint,
        shows=f"the median over seeds of the steps to generalise; {have}, the others are grey",
        alt=f"Map of the median steps to generalise of {study.name}: {have}, from {told.min():g} "
        f"to {told.max():g} steps; the others are grey.",
        rule=steps_rule_text("val", study.rule, study.budget),
    )


if __name__ == "__main__":
    sys.exit(main(picture, __file__, sys.argv[1:]))
