"""A phase map with its unlearnable splits marked: python analysis/unlearnable.py STUDY

Draws STUDY/unlearnable.png: the phases of a sweep over the addition toy of Liu et al. 2022, and a
cross in the cells where most seeds have a split whose ideal validation accuracy is below the rule's
threshold. No setting of a hyperparameter can make those generalise.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import phasegrok
from phasegrok.store import Store


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python analysis/unlearnable.py STUDY", file=sys.stderr)
        return 2
    study = Path(arguments[0])
    config, frame = Store(study).config(), phasegrok.load(study)
    x, y = (config["sweep"][name]["param"] for name in "xy")
    figure = Figure(figsize=(4.5, 3.2), layout="constrained", dpi=200)
    ax = phasegrok.draw(
        frame, x, y, ax=figure.subplots(), scales={"x": "category", "y": "category"}
    )
    places = [sorted(set(frame[key])) for key in (x, y)]
    groups: Any = frame.groupby([x, y])["ideal_val_acc"]
    for cell, ideal in groups:
        if np.median(ideal) < config["phase"]["val_accuracy"]:
            at = [values.index(value) for values, value in zip(places, cell, strict=True)]
            ax.plot(*at, "x", color="white", markeredgewidth=1.5)
    figure.savefig(study / "unlearnable.png")
    print(study / "unlearnable.png")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
