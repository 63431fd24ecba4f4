"""Which neurons an answer needs: python analysis/pruning.py DIR [FOLDER]

Draws pruning.png: accuracies as neurons are removed, in three orders, for each phase the mean
over its runs. Needs a sweep's own directory with its final weights (store.weights=final).
"""

import sys
from typing import Any

from matplotlib.lines import Line2D
from study import Frame, Study, main

from phasegrok import load_weights
from phasegrok.diagram import Picture
from phasegrok.frames import pruning
from phasegrok.phases import LABELS

LINES: dict[str, dict[str, Any]] = {
    "train_acc": {"color": "C0"},
    "val_acc": {"color": "C1"},
    "corrupted_acc": {"color": "C3", "linestyle": "--"},
    "clean_acc": {"color": "C0", "linestyle": "--"},
}
ORDERS = {
    "lowest": "lowest ratio first", "highest": "highest ratio first", "random": "in random order"
}  # fmt: skip


def picture(study: Study) -> Picture:
    table = pruning(study.runs, load_weights(study.folder, study.runs["run_id"]))
    table = table.merge(study.runs[["run_id", "phase"]])
    means: Frame = table.groupby(["phase", "order", "removed"])[list(LINES)].mean()
    present = [name for name in LABELS if name in set(table["phase"])]

    def paint(room: Any, size: Any) -> None:
        panels = room.subplots(len(present), len(ORDERS), sharex=True, sharey=True, squeeze=False)
        for row, phase in zip(panels, present, strict=True):
            for ax, order in zip(row, ORDERS, strict=True):
                for name, look in LINES.items():
                    ax.plot(means.loc[phase, order].index, means.loc[(phase, order), name], **look)
                ax.set_ylim(-0.03, 1.03)
            row[0].set_ylabel(f"accuracy, {phase}")
        for top, bottom, words in zip(panels[0], panels[-1], ORDERS.values(), strict=True):
            top.set_title(words)
            bottom.set_xlabel("share of neurons removed")

    shows = f"accuracy against the share of neurons removed, {', '.join(ORDERS.values())}"
    of = f"mean over the runs of each of the phases {', '.join(present)}"
    return Picture(
        paint,
        rows=len(present),
        cols=len(ORDERS),
        headings=list(ORDERS.values()),
        entries=[Line2D([], [], label=name, **look) for name, look in LINES.items()],
        shows=f"{shows}; {of}",
        alt=f"{shows.capitalize()}, of {study.name}: the {of}.",
    )


if __name__ == "__main__":
    sys.exit(main(picture, __file__, sys.argv[1:]))
