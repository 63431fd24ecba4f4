"""How much data it takes: python analysis/data_efficiency.py STUDY [FOLDER]

Draws data_efficiency.png, the kind of figure 1 (centre) of Power et al. 2022 (2201.02177): median
steps to the validation accuracy of the sweep's rule against the training fraction, a line for each
value of the other axis. Arrows: half or more of the seeds took longer than this.
"""

import sys
from typing import Any

from matplotlib import colormaps
from matplotlib.figure import Figure
from study import Study, main

from phasegrok.diagram.laws import set_beside
from phasegrok.frames import data_efficiency, label, value_text

FRACTION = "task.train_fraction"


def picture(study: Study) -> tuple[Figure, str]:
    others = [axis.key for axis in study.axes.values() if axis.key != FRACTION]
    accuracy = study.rule.val_accuracy
    points = data_efficiency(study.runs, accuracy, others, study.budget)
    figure = Figure(figsize=(5, 3.4), layout="constrained")
    ax = figure.subplots()
    lines: Any = list(points.groupby(others, sort=False)) if others else [((), points)]
    for number, (values, line) in enumerate(lines):
        color = colormaps["viridis"](number / max(len(lines) - 1, 1))
        name = ", ".join(value_text(v, key) for v, key in zip(values, others, strict=True))
        ax.plot(line[FRACTION], line["median"], "o-", color=color, label=name, markersize=3)
        ax.fill_between(line[FRACTION], line["low"], line["high"], color=color, alpha=0.1)
        later = line[line["median"].isna()]
        marks = ax.plot(later[FRACTION], later["at_least"], "^", color=color, markersize=3)
        set_beside(marks[0], number, len(lines))
    ax.set(yscale="log", xlabel=label(FRACTION), ylabel=f"steps to accuracy {accuracy:g}")
    title = ", ".join(map(label, others))
    figure.legend(loc="outside right upper", fontsize=7, frameon=False, title=title)
    return figure, (
        f"Steps to validation accuracy {accuracy:g} against the training fraction in {study.name}, "
        f"{len(lines)} lines over {title}; arrows where most seeds took longer than the budget."
    )


if __name__ == "__main__":
    sys.exit(main(picture, __file__, sys.argv[1:]))
