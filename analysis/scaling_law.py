"""The steps to generalise as a power law: python analysis/scaling_law.py STUDY [FOLDER]

Draws scaling_law.png: the steps of every run against the law's median for it, one law in all swept
numbers, fitted with the runs that the budget cut off (arrows) as longer than that. WHERE holds the
law to the part of the map in which decay does not act on the fit itself; it is yours to change.
"""

import sys
from typing import Any

import numpy as np
from matplotlib.lines import Line2D
from study import Study, main

from phasegrok.diagram import Picture
from phasegrok.frames import label, scaling, scaling_runs
from phasegrok.frames.captions import steps_rule_text

WHERE = "`optim.weight_decay` <= 2"


def picture(study: Study) -> Picture:
    keys = [axis.key for axis in study.axes.values() if axis.scale != "category"]
    chosen = study.runs.query(WHERE)
    law = scaling(chosen, keys, "val", study.rule)
    runs = scaling_runs(chosen, keys, "val", study.rule)
    *exponents, constant = law["exponent"]
    median = np.exp(constant + np.log(runs[keys].to_numpy()) @ exponents)
    there, look = runs["crossed"].to_numpy(bool), {"alpha": 0.5, "markersize": 3, "ls": ""}
    marks = {"generalised": (there, "o", "C0"), "took longer": (~there, "^", "C1")}

    def paint(room: Any, size: Any) -> None:
        ax = room.subplots()
        for at, mark, color in marks.values():
            ax.plot(median[at], runs["time"][at], marker=mark, color=color, **look)
        ends = [median.min(), median.max()]
        ax.plot(ends, ends, color="0.5", linewidth=1)
        ax.set(xscale="log", yscale="log", xlabel="median steps by the law", ylabel="steps")

    rows = law.set_index("name").loc[keys, ["exponent", "low", "high"]].to_numpy()
    told = "; ".join(
        f"{label(key)}: {exponent:.2f} ({low:.2f} to {high:.2f})"
        for key, (exponent, low, high) in zip(keys, rows, strict=True)
    )
    words = f"with {WHERE} against the median of a power law; exponents: {told}"
    return Picture(
        paint,
        entries=[
            Line2D([], [], marker=mark, color=color, label=f"{name} ({at.sum()} runs)", **look)
            for name, (at, mark, color) in marks.items()
        ],
        shows=f"steps to generalise of {len(runs)} runs {words}, with 95 % intervals",
        alt=f"Steps to generalise of {len(runs)} runs of {study.name} {words}.",
        rule=steps_rule_text("val", study.rule, study.budget),
    )


if __name__ == "__main__":
    sys.exit(main(picture, __file__, sys.argv[1:]))
