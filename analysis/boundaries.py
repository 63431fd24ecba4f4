"""Where one phase gives way to another: python analysis/boundaries.py STUDY [FOLDER]

Draws boundaries.png: the lines on which two phases are equally likely, each point with the 90 %
band of a bootstrap over seeds.
"""

import sys
from typing import Any

from matplotlib.lines import Line2D
from study import Study, main, scale

from phasegrok.diagram import Picture
from phasegrok.frames import boundaries


def picture(study: Study) -> Picture:
    points = boundaries(study.runs, study.axes, "all", level=0.9)
    colors = {between: f"C{n}" for n, between in enumerate(points["between"].unique())}

    def paint(room: Any, size: Any) -> None:
        ax = room.subplots()
        scale(ax, study.axes)
        for _, line in points.groupby(["between", "line"]):
            color = colors[line["between"].iloc[0]]
            ax.plot(line["x"], line["y"], ".-", color=color, linewidth=1.2)
            across, up = line[line["axis"] == "x"], line[line["axis"] == "y"]
            ax.hlines(across["y"], across["low"], across["high"], color=color, alpha=0.4)
            ax.vlines(up["x"], up["low"], up["high"], color=color, alpha=0.4)

    return Picture(
        paint,
        entries=[Line2D([], [], color=color, label=name) for name, color in colors.items()],
        shows="lines on which two phases are equally likely, each point with the 90 % band of a "
        "bootstrap over seeds",
        alt=f"The lines of {study.name} between the phases {'; '.join(colors)}, {len(points)} "
        "points with bootstrap bands over seeds.",
    )


if __name__ == "__main__":
    sys.exit(main(picture, __file__, sys.argv[1:]))
