"""How sure each phase is: python analysis/phase_probability.py STUDY [FOLDER]

Draws phase_probability.png: a map of the share of seeds for each phase there is. A cell is crossed
where the 90 % credible interval of the share holds one half, so that the seeds leave it open
whether the phase is the more likely.
"""

import sys
from typing import Any

from study import Frame, Study, main, mesh

from phasegrok.diagram import Picture
from phasegrok.frames import axis_cells, phase_probability
from phasegrok.phases import PHASES


def picture(study: Study) -> Picture:
    cells: Frame = phase_probability(study.runs, study.axes, level=0.9)
    present = [phase for phase in PHASES if cells[f"p.{phase}"].max() > 0]
    x, y = (axis_cells(study.axes[name])["centre"].to_numpy() for name in "xy")

    def paint(room: Any, size: Any) -> None:
        panels = room.subplots(1, len(present), squeeze=False)[0]
        for ax, phase in zip(panels, present, strict=True):
            mesh(ax, study.axes, cells, f"p.{phase}", cmap="Blues", vmin=0, vmax=1)
            unsure = cells[(cells[f"low.{phase}"] < 0.5) & (cells[f"high.{phase}"] > 0.5)]
            ax.plot(x[unsure["x.at"]], y[unsure["y.at"]], "x", color="#C44E9A", markersize=2)
            ax.set_title(phase)
            ax.label_outer()
        room.colorbar(panels[0].collections[0], ax=panels, label="share of seeds")

    crosses = "crosses where the 90 % credible interval holds one half"
    return Picture(
        paint,
        cols=len(present),
        up=1.1,
        headings=present,
        shows=f"the share of seeds in each phase; {crosses}",
        alt=f"Maps of the share of seeds in each phase of {study.name}: {', '.join(present)}; "
        f"{crosses}.",
    )


if __name__ == "__main__":
    sys.exit(main(picture, __file__, sys.argv[1:]))
