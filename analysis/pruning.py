"""Which neurons an answer needs: python analysis/pruning.py DIR [FOLDER]

Draws pruning.png: accuracies as neurons are removed, in three orders, mean over all runs. Needs a
sweep's own directory with its final weights (store.weights=final).
"""

import sys

import pandas as pd
from matplotlib.figure import Figure
from study import Study, main

from phasegrok import load_weights
from phasegrok.frames import pruning

LINES = {
    "train_acc": "b-", "val_acc": "C1-", "corrupted_acc": "r--", "clean_acc": "b--"
}  # fmt: skip


def picture(study: Study) -> tuple[Figure, str]:
    table = pruning(study.runs, load_weights(study.folder, study.runs["run_id"]))
    orders = list(dict.fromkeys(table["order"]))
    means = pd.DataFrame(table.groupby(["order", "removed"], as_index=False)[list(LINES)].mean())
    figure = Figure(figsize=(2.4 * len(orders), 2.6), layout="constrained")
    panels = figure.subplots(1, len(orders), sharey=True)
    for ax, order in zip(panels, orders, strict=True):
        of_order = means.loc[means["order"] == order]
        for name, look in LINES.items():
            ax.plot(of_order["removed"], of_order[name], look, label=name)
        ax.set(title=order, xlabel="share of neurons removed", ylim=(-0.03, 1.03))
    panels[0].set_ylabel("accuracy")
    panels[-1].legend(fontsize=6)
    return figure, (
        f"Accuracy against the share of neurons removed, {', '.join(orders)} first, mean over "
        f"{len(study.runs)} runs of {study.name}."
    )


if __name__ == "__main__":
    sys.exit(main(picture, __file__, sys.argv[1:]))
