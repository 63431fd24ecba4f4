"""Which neurons an answer needs: python analysis/pruning.py DIR [FOLDER]

Draws pruning.png: accuracies as neurons are removed, in three orders, mean over all runs. Needs a
sweep's own directory with its final weights (store.weights=final).
"""

import sys
from typing import Any

import pandas as pd
from matplotlib.lines import Line2D
from study import Study, main

from phasegrok import load_weights
from phasegrok.diagram import Picture
from phasegrok.frames import pruning

LINES: dict[str, dict[str, Any]] = {
    "train_acc": {"color": "C0"},
    "val_acc": {"color": "C1"},
    "corrupted_acc": {"color": "C3", "linestyle": "--"},
    "clean_acc": {"color": "C0", "linestyle": "--"},
}


def picture(study: Study) -> Picture:
    table = pruning(study.runs, load_weights(study.folder, study.runs["run_id"]))
    orders = list(dict.fromkeys(table["order"]))
    means = pd.DataFrame(table.groupby(["order", "removed"], as_index=False)[list(LINES)].mean())

    def paint(room: Any, size: Any) -> None:
        panels = room.subplots(1, len(orders), sharey=True)
        for ax, order in zip(panels, orders, strict=True):
            of_order = means.loc[means["order"] == order]
            for name, look in LINES.items():
                ax.plot(of_order["removed"], of_order[name], **look)
            ax.set(title=order, xlabel="share of neurons removed", ylim=(-0.03, 1.03))
        panels[0].set_ylabel("accuracy")

    shows = f"accuracy against the share of neurons removed, {', '.join(orders)} first"
    return Picture(
        paint,
        cols=len(orders),
        headings=orders,
        entries=[Line2D([], [], label=name, **look) for name, look in LINES.items()],
        shows=f"{shows}, mean over runs",
        alt=f"{shows.capitalize()}, mean over {len(study.runs)} runs of {study.name}.",
        rule="",
    )


if __name__ == "__main__":
    sys.exit(main(picture, __file__, sys.argv[1:]))
