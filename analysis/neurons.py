"""How periodic neurons are in each phase: python analysis/neurons.py DIR [FOLDER]

Draws neurons.png: the inverse participation ratio of the neurons of all runs of each phase. Needs
a sweep's own directory with its final weights (store.weights=final).
"""

import sys
from typing import Any

from study import Study, main

from phasegrok import load_weights
from phasegrok.diagram import Picture
from phasegrok.frames import ipr_histogram, neuron_table
from phasegrok.phases import LABELS


def picture(study: Study) -> Picture:
    table = neuron_table(study.runs, load_weights(study.folder, study.runs["run_id"]))
    table = table.merge(study.runs[["run_id", "phase"]])
    present = [name for name in LABELS if name in set(table["phase"])]

    def paint(room: Any, size: Any) -> None:
        panels = room.subplots(1, len(present), sharey=True, squeeze=False)[0]
        for ax, name in zip(panels, present, strict=True):
            bins = ipr_histogram(table.loc[table["phase"] == name])
            widths = bins["high"] - bins["low"]
            ax.bar(bins["low"], bins["share"], widths, align="edge", color="#3E4A89")
            ax.set(title=name, xlabel="inverse participation ratio", xlim=(0, 1))
        panels[0].set_ylabel("share of neurons")

    return Picture(
        paint,
        cols=len(present),
        headings=present,
        shows="inverse participation ratio of the neurons of all runs of a phase",
        alt=f"Histograms of the inverse participation ratio of neurons of {study.name}, in each of "
        f"the phases {', '.join(present)}.",
    )


if __name__ == "__main__":
    sys.exit(main(picture, __file__, sys.argv[1:]))
