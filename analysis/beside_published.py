"""A published phase diagram beside ours: python analysis/beside_published.py STUDY [FOLDER]

Draws beside_published.png from published.csv of a study of Liu et al. 2022 and its results; cells
whose phase differs have a ring in our map.
"""

import sys

from liu2022 import DECAY, LR, keyed, read_published
from matplotlib.figure import Figure
from study import Frame, Study, main

import phasegrok


def picture(study: Study) -> tuple[Figure, str]:
    theirs, ours = read_published(study.folder / "published.csv").assign(seed=0), study.runs
    decays = sorted(set(ours[DECAY]))
    scale = "linear" if decays[-1] <= 10 else "category"
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    panels = figure.subplots(1, 2)
    for ax, frame, title in zip(panels, (theirs, ours), ("published", "here"), strict=True):
        phasegrok.draw(frame, LR, DECAY, ax=ax, scales={"x": "log", "y": scale})
        ax.set_title(title, pad=50)
    both: Frame = keyed(ours).join(keyed(theirs)[["phase"]].add_prefix("published."))
    differ = both[both["phase"] != both["published.phase"]]
    heights = differ[DECAY] if scale == "linear" else differ[DECAY].map(decays.index)
    ring = {"color": "none", "markeredgecolor": "#C44E9A", "markeredgewidth": 2}
    panels[1].plot(differ[LR], heights, "o", **ring)
    return figure, (
        f"Two phase maps over learning rate and weight decay, the published one and ours of "
        f"{study.name}; rings mark the {len(differ)} of {len(both)} cells that differ."
    )


if __name__ == "__main__":
    sys.exit(main(picture, __file__, sys.argv[1:]))
