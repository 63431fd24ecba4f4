"""A published phase diagram beside ours: python analysis/beside_published.py STUDY [FOLDER]

Draws beside_published.png from published.csv of a study of Liu et al. 2022 and its results; cells
whose phase differs have a ring in our map.
"""

import sys
from typing import Any

from liu2022 import DECAY, LR, keyed, read_published
from study import Frame, Study, main

import phasegrok
from phasegrok.diagram import Picture

RING = {"color": "none", "markeredgecolor": "#C44E9A", "markeredgewidth": 1.5, "markersize": 5}


def picture(study: Study) -> Picture:
    theirs, ours = read_published(study.folder / "published.csv").assign(seed=0), study.runs
    decays = sorted(set(ours[DECAY]))
    scale = "linear" if decays[-1] <= 10 else "category"
    both: Frame = keyed(ours).join(keyed(theirs)[["phase"]].add_prefix("published."))
    differ = both[both["phase"] != both["published.phase"]]
    heights = differ[DECAY] if scale == "linear" else differ[DECAY].map(decays.index)

    def paint(room: Any, size: Any) -> None:
        panels = room.subplots(1, 2)
        for ax, frame, title in zip(panels, (theirs, ours), ("published", "here"), strict=True):
            phasegrok.draw(frame, LR, DECAY, ax=ax, scales={"x": "log", "y": scale})
            ax.set_title(title, pad=50)
        panels[1].plot(differ[LR], heights, "o", **RING)

    shows = (
        "the phase of each cell, left as published (Liu et al. 2022), right here; rings mark the "
        f"{len(differ)} of {len(both)} cells that differ"
    )
    alt = f"Two phase maps over learning rate and weight decay of {study.name}: {shows}."
    return Picture(paint, cols=2, up=1.05, shows=shows, alt=alt)


if __name__ == "__main__":
    sys.exit(main(picture, __file__, sys.argv[1:]))
