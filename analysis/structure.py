"""Structure and accuracy of the addition toy: python analysis/structure.py STUDY

Draws STUDY/structure.png from a study with the columns rqi, ideal_val_acc and predicted_val_acc,
the authors' runs beside it (published.csv): figures 3 and 4b of Liu et al. 2022 (2205.10343).
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import phasegrok

FRACTION, LR, DECODER_LR = "task.train_fraction", "optim.lr", 1e-4


def accuracies(ax: Axes, runs: pd.DataFrame, theirs: pd.DataFrame) -> None:
    """What the embeddings predict against what was measured, over the whole table."""
    train = runs[FRACTION]
    predicted = train + (1 - train) * runs["predicted_val_acc"]
    measured = train * runs["train_acc"] + (1 - train) * runs["val_acc"]
    ax.plot([0, 1], [0, 1], color="0.8", linewidth=1)
    ax.plot(theirs["pred_acc"], theirs["real_acc"], "x", color="0.4", label="published")
    ax.plot(predicted, measured, "o", color="#3E4A89", alpha=0.6, label="here")
    ax.set(xlabel="predicted accuracy", ylabel="measured accuracy")


def structured(ax: Axes, runs: pd.DataFrame, theirs: pd.DataFrame) -> None:
    """Which share of runs found the structure, and which share of splits allows it."""
    found: Any = (theirs["steps_to_rqi095_1e4"] < 9999).groupby(theirs["train_frac"]).mean()
    ax.plot(found.index, found, "x", color="0.4", label="published: RQI > 0.95")
    groups: Any = runs.groupby(FRACTION)
    ours = groups["rqi"].agg(lambda rqi: (rqi > 0.95).mean())
    able = groups["ideal_val_acc"].agg(lambda ideal: (ideal >= 0.9).mean())
    ax.plot(ours.index, ours, "o-", color="#3E4A89", label="here: RQI > 0.95")
    ax.plot(able.index, able, "--", color="#35B779", label="split allows 0.9")
    ax.set(xlabel="training fraction", ylabel="share of runs", ylim=(-0.03, 1.03))


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python analysis/structure.py STUDY", file=sys.stderr)
        return 2
    study = Path(arguments[0])
    frame, theirs = phasegrok.load(study), pd.read_csv(study / "published.csv")
    runs: Any = frame[np.isclose(frame[LR], DECODER_LR)]
    figure = Figure(figsize=(7, 3.4), layout="constrained", dpi=200)
    panels = figure.subplots(1, 2)
    for ax, paint in zip(panels, (accuracies, structured), strict=True):
        paint(ax, runs, theirs)
        ax.legend(fontsize=7)
    figure.savefig(study / "structure.png")
    print(study / "structure.png")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
