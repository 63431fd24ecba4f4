"""Structure and accuracy of the addition toy: python analysis/structure.py STUDY [FOLDER]

Draws structure.png from a study with the columns rqi, ideal_val_acc and predicted_val_acc, the
authors' runs beside it (published.csv): figures 3 and 4b of Liu et al. 2022 (2205.10343). Theirs
count as structured if the RQI exceeded 0.95 at any step within 10,000, ours at the last one.
"""

import sys

import numpy as np
import pandas as pd
from liu2022 import accuracies
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from study import Frame, Study, main

FRACTION, LR, DECODER_LR = "task.train_fraction", "optim.lr", 1e-4


def predictions(ax: Axes, runs: Frame, theirs: Frame) -> None:
    """What the embeddings predict against what was measured, over the whole table."""
    ours = accuracies(runs)
    ax.plot([0, 1], [0, 1], color="0.8", linewidth=1)
    ax.plot(theirs["pred_acc"], theirs["real_acc"], "x", color="0.4", label="published")
    ax.plot(ours["predicted"], ours["measured"], "o", color="#3E4A89", alpha=0.6, label="here")
    ax.set(xlabel="predicted accuracy", ylabel="measured accuracy")


def structured(ax: Axes, runs: Frame, theirs: Frame, step: int) -> None:
    """Which share of runs found the structure, and which share of splits allows it."""
    found = shares(theirs["steps_to_rqi095_1e4"] < 9999, theirs["train_frac"])
    ours = shares((runs["rqi"] > 0.95).where(runs["rqi"].notna()), runs[FRACTION])
    able = shares(runs["ideal_val_acc"] >= 0.9, runs[FRACTION])
    ever, last = f"ever within {step:,} steps", f"at step {step:,}"
    ax.plot(found.index, found, "x", color="0.4", label=f"published: RQI > 0.95 {ever}")
    ax.plot(ours.index, ours, "o-", color="#3E4A89", label=f"here: RQI > 0.95 {last}")
    ax.plot(able.index, able, "--", color="#35B779", label="splits that allow an accuracy of 0.9")
    ax.set(xlabel="training fraction", ylabel="share of runs", ylim=(-0.03, 1.03))


def shares(holds: Frame, at: Frame) -> Frame:
    return holds.astype(float).groupby(at).mean()


def picture(study: Study) -> tuple[Figure, str]:
    theirs = pd.read_csv(study.folder / "published.csv")
    runs = study.runs.loc[np.isclose(study.runs[LR], DECODER_LR)]
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    predictions(left, runs, theirs)
    structured(right, runs, theirs, study.budget)
    left.legend(fontsize=7)
    right.legend(fontsize=7, loc="lower center", bbox_to_anchor=(0.5, 1))
    return figure, (
        "Left, measured against predicted accuracy of each run, published and ours, close to the "
        "diagonal. Right, the share of runs with RQI above 0.95 against the training fraction: "
        f"published, at any step within {study.budget:,}; ours, at step {study.budget:,}; and the "
        "share of splits that allow a validation accuracy of 0.9."
    )


if __name__ == "__main__":
    sys.exit(main(picture, __file__, sys.argv[1:]))
