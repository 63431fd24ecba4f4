"""A phase map with its unlearnable splits marked: python analysis/unlearnable.py STUDY [FOLDER]

Draws unlearnable.png: the phases of a sweep over the addition toy of Liu et al. 2022, and a cross
in the cells where most seeds have a split whose ideal validation accuracy is below the rule's
threshold. No setting of a hyperparameter can make those generalise.
"""

import sys
from typing import Any

from study import Study, main

import phasegrok
from phasegrok.diagram import Picture


def picture(study: Study) -> Picture:
    runs, (x, y) = study.runs, (study.axes[name] for name in "xy")
    # The median of the seeds that tell: one without the column leaves its cell to the others.
    ideal = runs.groupby([x.key, y.key])["ideal_val_acc"].median()
    crossed = ideal.index[ideal < study.rule.val_accuracy]

    def paint(room: Any, size: Any) -> None:
        both = {"x": "category", "y": "category"}
        ax = phasegrok.draw(runs, x.key, y.key, ax=room.subplots(), scales=both)
        for cell in crossed:
            at = [axis.values.index(value) for axis, value in zip((x, y), cell, strict=True)]
            ax.plot(*at, "x", color="white", markersize=5, markeredgewidth=1.2)

    words = (
        f"crosses mark {len(crossed)} of {len(ideal)} cells in which most seeds have a split that "
        "cannot generalise"
    )
    return Picture(
        paint,
        shows=f"the majority phase of each cell; {words} (ideal validation accuracy below "
        f"{study.rule.val_accuracy:g})",
        alt=f"Phase map of {study.name}; {words}.",
    )


if __name__ == "__main__":
    sys.exit(main(picture, __file__, sys.argv[1:]))
