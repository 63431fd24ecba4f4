"""Losses at each fixed weight norm: python analysis/landscape.py STUDY [FOLDER]

Draws landscape.png, the L and the U of Omnigrok (2210.01117): median training and validation loss
at the end against the scale of the start, a pair of lines for each value of the other axis, and the
authors' losses, where the study has them (published.csv). What is 0 stands at the lower edge.
"""

import sys
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from study import Study, main

from phasegrok.frames import label, landscape, value_text

ALPHA = "model.init_scale"
SIDES = {"train_loss": "--", "val_loss": "-"}


def published(ax: Axes, study: Study) -> str:
    """The authors' losses as marks; what this adds to the words."""
    file = study.folder / "published.csv"
    if not file.exists():
        return ""
    theirs = pd.read_csv(file, comment="#")
    for side, mark in (("train", "s"), ("test", "o")):
        losses = theirs[f"{side}_mse"].replace(0, np.nan)  # 0 is all that six digits tell
        (marks,) = ax.plot(theirs["alpha"], losses, mark, label=f"published, {side}")
        marks.set(color="black", markerfacecolor="none")
    return f" Marks: {len(theirs)} published norms."


def picture(study: Study) -> tuple[Figure, str]:
    others = [axis.key for axis in study.axes.values() if axis.key != ALPHA]
    points: Any = landscape(study.runs, others)
    figure = Figure(figsize=(5, 3.6), layout="constrained")
    ax = figure.subplots()
    edge = points[list(SIDES)].replace(0, np.nan).min(axis=None) / 2
    lines = list(points.groupby(others, sort=False))
    for number, (values, line) in enumerate(lines):
        color = colormaps["viridis"](0.9 * number / max(len(lines) - 1, 1))
        name = ", ".join(value_text(v, key) for v, key in zip(values, others, strict=True))
        for side, style in SIDES.items():
            look = {"color": color, "label": name if side == "val_loss" else None}
            ax.plot(line[ALPHA], line[side].clip(lower=edge), style, **look)
    ax.set(xscale="log", yscale="log", xlabel=label(ALPHA), ylabel="loss (dashed: training)")
    theirs = published(ax, study)
    figure.legend(loc="outside right upper", fontsize=7, title=", ".join(map(label, others)))
    least = ", ".join(f"{alpha:.3g}" for alpha in points.loc[points["lowest"], ALPHA])
    return figure, (
        f"Training and validation loss against the scale of the start in {study.name}, "
        f"{len(lines)} pairs of lines; validation loss is least at {least}.{theirs}"
    )


if __name__ == "__main__":
    sys.exit(main(picture, __file__, sys.argv[1:]))
