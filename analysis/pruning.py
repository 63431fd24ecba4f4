"""Which neurons an answer needs: python analysis/pruning.py DIR [FOLDER]

Draws pruning.png: accuracies as neurons are removed in three orders, a row for each phase, the mean
over its runs. Needs a sweep's own directory with its final weights (store.weights=final).
"""

import sys

from matplotlib.figure import Figure
from study import Study, main

from phasegrok import load_weights
from phasegrok.frames import pruning
from phasegrok.phases import LABELS

LINES = {
    "train_acc": "b-", "val_acc": "C1-", "corrupted_acc": "r--", "clean_acc": "b--"
}  # fmt: skip
ORDERS = {
    "lowest": "lowest ratio first", "highest": "highest ratio first", "random": "in random order"
}  # fmt: skip


def picture(study: Study) -> tuple[Figure, str]:
    table = pruning(study.runs, load_weights(study.folder, study.runs["run_id"]))
    table = table.merge(study.runs[["run_id", "phase"]])
    means = table.groupby(["phase", "order", "removed"])[list(LINES)].mean()
    present = [name for name in LABELS if name in set(table["phase"])]
    size = (2.4 * len(ORDERS), 0.5 + 2.1 * len(present))
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(len(present), len(ORDERS), sharex=True, sharey=True, squeeze=False)
    for row, phase in zip(panels, present, strict=True):
        for ax, order in zip(row, ORDERS, strict=True):
            for name, look in LINES.items():
                line = means.loc[(phase, order), name]
                ax.plot(line.index, line, look, label=name)
            ax.set_ylim(-0.03, 1.03)
        row[0].set_ylabel(f"accuracy, {phase}")
    for top, bottom, words in zip(panels[0], panels[-1], ORDERS.values(), strict=True):
        top.set_title(words)
        bottom.set_xlabel("share of neurons removed")
    panels[0, -1].legend(fontsize=6)
    return figure, (
        f"Accuracy against the share of neurons removed, {', '.join(ORDERS.values())}, of "
        f"{study.name}: the mean over the runs of each of the phases {', '.join(present)}."
    )


if __name__ == "__main__":
    sys.exit(main(picture, __file__, sys.argv[1:]))
