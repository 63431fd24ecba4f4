"""What runs of each phase look like: python analysis/training_curves.py STUDY [FOLDER]

Draws training_curves.png: accuracies against the step, all seeds of one cell for each phase, the
first of those cells in which most seeds have it. Needs curves, as a sweep's own directory has them;
those kept in sweeps/ are without.
"""

import sys
from typing import Any

from matplotlib.lines import Line2D
from study import Study, main

from phasegrok.diagram import Picture
from phasegrok.frames import curve_table, label, phase_map, value_text
from phasegrok.phases import PHASES

TRAIN: dict[str, Any] = {"color": "#C44E9A", "linestyle": "--"}
VAL: dict[str, Any] = {"color": "#3E4A89"}


def picture(study: Study) -> Picture:
    cells = phase_map(study.runs, study.axes)
    best = cells.sort_values("entropy", kind="stable").drop_duplicates("shown").set_index("shown")
    present = [phase for phase in PHASES if phase in best.index]
    keys = [axis.key for axis in study.axes.values()]
    curves, heads = {}, {}
    for phase in present:
        cell = best.loc[phase, keys]
        seeds = study.runs[(study.runs[keys] == cell).all(axis=1)]
        curves[phase] = curve_table(seeds, study.axes)
        place = [f"{label(key)} {value_text(value, key)}" for key, value in cell.items()]
        heads[phase] = "\n".join([phase, *place])

    def paint(room: Any, size: Any) -> None:
        panels = room.subplots(1, len(present), sharey=True, squeeze=False)[0]
        for ax, phase in zip(panels, present, strict=True):
            for _, run in curves[phase].groupby("run_id"):
                ax.plot(run["step"], run["train_acc"], linewidth=1, **TRAIN)
                ax.plot(run["step"], run["val_acc"], linewidth=1, **VAL)
            ax.set_title(heads[phase], fontsize=7)
            ax.set(xscale="symlog", xlabel="step", ylim=(-0.03, 1.03))
        panels[0].set_ylabel("accuracy")

    shows = f"one cell of each of the phases {', '.join(present)}"
    return Picture(
        paint,
        cols=len(present),
        headings=list(heads.values()),
        entries=[
            Line2D([], [], label=n, **k) for n, k in (("training", TRAIN), ("validation", VAL))
        ],
        shows=f"accuracy against the step, all seeds of {shows}",
        alt=f"Training and validation accuracy against the step of {study.name}, {shows}.",
    )


if __name__ == "__main__":
    sys.exit(main(picture, __file__, sys.argv[1:]))
