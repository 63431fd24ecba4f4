"""Where one phase gives way to another: python analysis/boundaries.py STUDY [FOLDER]

Draws boundaries.png: the lines on which two phases are equally likely, each point with the 90 %
band of a bootstrap over seeds.
"""

import sys

from matplotlib.figure import Figure
from study import Study, main, scale

from phasegrok.frames import boundaries


def picture(study: Study) -> tuple[Figure, str]:
    points = boundaries(study.runs, study.axes, "all", level=0.9)
    figure = Figure(figsize=(4.5, 3.6), layout="constrained")
    ax = figure.subplots()
    scale(ax, study.axes)
    names = list(points["between"].unique())
    for number, between in enumerate(names):
        color, name = f"C{number}", between
        for _, line in points[points["between"] == between].groupby("line"):
            ax.plot(line["x"], line["y"], ".-", color=color, label=name, linewidth=1.2)
            across, up = line[line["axis"] == "x"], line[line["axis"] == "y"]
            ax.hlines(across["y"], across["low"], across["high"], color=color, alpha=0.4)
            ax.vlines(up["x"], up["low"], up["high"], color=color, alpha=0.4)
            name = None  # one entry in the legend for all lines between two phases
    figure.legend(loc="outside upper center", ncols=2, fontsize=7, frameon=False)
    return figure, (
        f"The lines of {study.name} between the phases {'; '.join(names)}, {len(points)} points "
        "with bootstrap bands over seeds."
    )


if __name__ == "__main__":
    sys.exit(main(picture, __file__, sys.argv[1:]))
