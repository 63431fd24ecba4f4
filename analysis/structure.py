"""Structure and accuracy of the addition toy: python analysis/structure.py STUDY [FOLDER]

Draws structure.png from a study with the columns rqi, ideal_val_acc and predicted_val_acc, the
authors' runs beside it (published.csv): figures 3 and 4b of Liu et al. 2022 (2205.10343). Theirs
count as structured if the RQI exceeded 0.95 at any step within 10,000, ours at the last one.
"""

import sys
from typing import Any

import numpy as np
import pandas as pd
from liu2022 import accuracies
from matplotlib.axes import Axes
from study import Frame, Study, main

from phasegrok.diagram import Picture

FRACTION, LR, DECODER_LR = "task.train_fraction", "optim.lr", 1e-4
OURS: dict[str, Any] = {"color": "#3E4A89", "markersize": 4}
THEIRS: dict[str, Any] = {"color": "0.4", "markersize": 4}


def predictions(ax: Axes, runs: Frame, theirs: Frame) -> None:
    """What the embeddings predict against what was measured, over the whole table."""
    ours = accuracies(runs)
    ax.plot([0, 1], [0, 1], color="0.8", linewidth=1)
    ax.plot(theirs["pred_acc"], theirs["real_acc"], "x", label="published", **THEIRS)
    ax.plot(ours["predicted"], ours["measured"], "o", alpha=0.6, label="here", **OURS)
    ax.set(xlabel="predicted accuracy", ylabel="measured accuracy")


def structured(ax: Axes, runs: Frame, theirs: Frame, step: int) -> None:
    """Which share of runs found the structure, and which share of splits allows it."""
    found = shares(theirs["steps_to_rqi095_1e4"] < 9999, theirs["train_frac"])
    ours = shares((runs["rqi"] > 0.95).where(runs["rqi"].notna()), runs[FRACTION])
    able = shares(runs["ideal_val_acc"] >= 0.9, runs[FRACTION])
    ever, last = f"ever within {step:,} steps", f"at step {step:,}"
    ax.plot(found.index, found, "x", label=f"published: RQI > 0.95 {ever}", **THEIRS)
    ax.plot(ours.index, ours, "o-", label=f"here: RQI > 0.95 {last}", **OURS)
    ax.plot(able.index, able, "--", color="#35B779", label="splits that allow an accuracy of 0.9")
    ax.set(xlabel="training fraction", ylabel="share of runs", ylim=(-0.03, 1.03))


def shares(holds: Frame, at: Frame) -> Frame:
    return holds.astype(float).groupby(at).mean()


def picture(study: Study) -> Picture:
    theirs = pd.read_csv(study.folder / "published.csv")
    runs = study.runs.loc[np.isclose(study.runs[LR], DECODER_LR)]

    def paint(room: Any, size: Any) -> None:
        left, right = room.subplots(1, 2)
        predictions(left, runs, theirs)
        structured(right, runs, theirs, study.budget)
        for ax in (left, right):
            ax.legend(loc="lower left", bbox_to_anchor=(0, 1), frameon=False)

    right = (
        "the share of runs with RQI above 0.95 against the training fraction, published at any "
        f"step within {study.budget:,}, here at step {study.budget:,}; and the share of splits "
        "that allow a validation accuracy of 0.9"
    )
    left = "measured against predicted accuracy of each run over the whole table"
    return Picture(
        paint,
        cols=2,
        shows=f"of these the {len(runs)} at learning rate {DECODER_LR:g}. Left, {left}; published "
        f"(Liu et al. 2022) and here. Right, {right}",
        alt=f"Left, {left}, published and here, close to the diagonal. Right, {right}.",
        rule="",
    )


if __name__ == "__main__":
    sys.exit(main(picture, __file__, sys.argv[1:]))
