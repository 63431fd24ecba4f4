"""What runs of each phase look like: python analysis/training_curves.py STUDY [FOLDER]

Draws training_curves.png: accuracies against the step, all seeds of one cell for each phase, the
first of those cells in which most seeds have it. Needs curves, as a sweep's own directory has them;
those kept in sweeps/ are without.
"""

import sys

from matplotlib.figure import Figure
from study import Study, main

from phasegrok.frames import curve_table, label, phase_map, value_text
from phasegrok.phases import PHASES


def picture(study: Study) -> tuple[Figure, str]:
    cells = phase_map(study.runs, study.axes)
    best = cells.sort_values("entropy", kind="stable").drop_duplicates("shown").set_index("shown")
    present = [phase for phase in PHASES if phase in best.index]
    keys = [axis.key for axis in study.axes.values()]
    figure = Figure(figsize=(2.4 * len(present), 2.6), layout="constrained")
    panels = figure.subplots(1, len(present), sharey=True, squeeze=False)[0]
    for ax, phase in zip(panels, present, strict=True):
        cell = best.loc[phase, keys].to_dict()
        seeds = study.runs[(study.runs[keys] == best.loc[phase, keys]).all(axis=1)]
        for _, run in curve_table(seeds, study.axes).groupby("run_id"):
            ax.plot(run["step"], run["train_acc"], "--", color="#C44E9A", linewidth=1)
            ax.plot(run["step"], run["val_acc"], color="#3E4A89", linewidth=1)
        place = [f"{label(key)} {value_text(value, key)}" for key, value in cell.items()]
        ax.set_title("\n".join([phase, *place]), fontsize=8)
        ax.set(xscale="symlog", xlabel="step", ylim=(-0.03, 1.03))
    panels[0].set_ylabel("accuracy")
    figure.legend(panels[0].lines[:2], ["training", "validation"], loc="outside lower center",
                  ncols=2, frameon=False)  # fmt: skip
    return figure, (
        f"Training and validation accuracy against the step in one cell of {study.name} for each "
        f"of the phases {', '.join(present)}."
    )


if __name__ == "__main__":
    sys.exit(main(picture, __file__, sys.argv[1:]))
