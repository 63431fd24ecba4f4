"""How sure each phase is: python analysis/phase_probability.py STUDY [FOLDER]

Draws phase_probability.png: a map of the share of seeds for each phase there is. A cell is crossed
where the 90 % credible interval of the share holds one half, so that the seeds leave it open
whether the phase is the more likely.
"""

import sys

from matplotlib.figure import Figure
from study import Frame, Study, main, mesh

from phasegrok.frames import axis_cells, phase_probability
from phasegrok.phases import PHASES


def picture(study: Study) -> tuple[Figure, str]:
    cells: Frame = phase_probability(study.runs, study.axes, level=0.9)
    present = [phase for phase in PHASES if cells[f"p.{phase}"].max() > 0]
    figure = Figure(figsize=(2.2 * len(present) + 0.6, 2.6), layout="constrained")
    panels = figure.subplots(1, len(present), squeeze=False)[0]
    x, y = (axis_cells(study.axes[name])["centre"].to_numpy() for name in "xy")
    for ax, phase in zip(panels, present, strict=True):
        mesh(ax, study.axes, cells, f"p.{phase}", cmap="Blues", vmin=0, vmax=1)
        unsure = cells[(cells[f"low.{phase}"] < 0.5) & (cells[f"high.{phase}"] > 0.5)]
        ax.plot(x[unsure["x.at"]], y[unsure["y.at"]], "x", color="#C44E9A", markersize=3)
        ax.set_title(phase)
        ax.label_outer()
    figure.colorbar(panels[0].collections[0], ax=panels, label="share of seeds")
    return figure, (
        f"Maps of the share of seeds in each phase of {study.name}: {', '.join(present)}; crosses "
        "where the 90 % credible interval holds one half."
    )


if __name__ == "__main__":
    sys.exit(main(picture, __file__, sys.argv[1:]))
