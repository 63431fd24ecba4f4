"""The steps to generalise as a power law: python analysis/scaling_law.py STUDY [FOLDER]

Draws scaling_law.png: the steps of every run against the law's median for it, one law in all swept
numbers, fitted with the runs that the budget cut off (arrows) as longer than that. WHERE holds the
law to the part of the map in which decay does not act on the fit itself; it is yours to change.
"""

import sys

import numpy as np
from matplotlib.figure import Figure
from study import Study, main

from phasegrok.frames import label, scaling, scaling_runs

WHERE = "`optim.weight_decay` <= 2"


def picture(study: Study) -> tuple[Figure, str]:
    keys = [axis.key for axis in study.axes.values() if axis.scale != "category"]
    chosen = study.runs.query(WHERE)
    law = scaling(chosen, keys, "val", study.rule)
    runs = scaling_runs(chosen, keys, "val", study.rule)
    *exponents, constant = law["exponent"]
    median = np.exp(constant + np.log(runs[keys].to_numpy()) @ exponents)
    figure = Figure(figsize=(4.2, 3.8), layout="constrained")
    ax = figure.subplots()
    crossed = runs["crossed"].to_numpy(bool)
    for there, mark, name in ((crossed, "o", "generalised"), (~crossed, "^", "took longer")):
        look = {"alpha": 0.5, "markersize": 3, "label": f"{name} ({there.sum()} runs)"}
        ax.plot(median[there], runs["time"][there], mark, **look)
    ends = [median.min(), median.max()]
    ax.plot(ends, ends, color="0.5", linewidth=1)
    rows = law.set_index("name").loc[keys, ["exponent", "low", "high"]].to_numpy()
    told = [
        f"{label(key)}: {exponent:.2f} ({low:.2f} to {high:.2f})"
        for key, (exponent, low, high) in zip(keys, rows, strict=True)
    ]
    ax.set(xscale="log", yscale="log", xlabel="median steps by the law", ylabel="steps")
    ax.set_title("\n".join(["exponents, 95 % interval", *told]), fontsize=8)
    ax.legend(fontsize=7)
    return figure, (
        f"Steps to generalise of {len(runs)} runs of {study.name} with {WHERE} against the median "
        f"of a power law; exponents: {'; '.join(told)}."
    )


if __name__ == "__main__":
    sys.exit(main(picture, __file__, sys.argv[1:]))
