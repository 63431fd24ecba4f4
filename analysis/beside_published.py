"""A published phase diagram beside ours: python analysis/beside_published.py sweeps/liu2022_s3

Draws STUDY/beside_published.png from the study's published.csv (the authors' steps, counted from 0;
99999 is never) and its results; cells whose phase differs have a ring in our map.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

import phasegrok

LR, DECAY = "optim.lr", "optim.weight_decay"
NEVER = 99_999


def published(file: Path) -> pd.DataFrame:
    """The authors' cells as rows that `phasegrok.draw` takes."""
    table = pd.read_csv(file).rename(columns={"decoder_lr": LR, "decoder_wd": DECAY})
    steps = table[["train_step", "test_step"]]
    steps = steps.where(steps != NEVER) + 1
    rows = table.assign(train_step=steps["train_step"], val_step=steps["test_step"], seed=0)
    rows = rows.assign(steps=NEVER + 1, status="finished").drop(columns="phase")
    return rows.assign(phase=phasegrok.classify(rows, phasegrok.Rule(gap=1000)))


def _cells(frame: pd.DataFrame) -> Iterator[tuple[float, float, str]]:
    return zip(frame[LR], frame[DECAY], frame["phase"], strict=True)


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python analysis/beside_published.py STUDY", file=sys.stderr)
        return 2
    study = Path(arguments[0])
    theirs, ours = published(study / "published.csv"), phasegrok.load(study / "results.parquet")
    decays = sorted(set(ours[DECAY]))
    scale = "linear" if decays[-1] <= 10 else "category"
    figure = Figure(figsize=(7, 4.2), layout="constrained", dpi=200)
    panels = figure.subplots(1, 2)
    for ax, frame, title in zip(panels, (theirs, ours), ("published", "here"), strict=True):
        phasegrok.draw(frame, LR, DECAY, ax=ax, scales={"x": "log", "y": scale})
        ax.set_title(title, pad=50)
    known = {f"{lr:.6g}/{decay:g}": phase for lr, decay, phase in _cells(theirs)}
    for lr, decay, phase in _cells(ours):
        if known[f"{lr:.6g}/{decay:g}"] != phase:
            at = decay if scale == "linear" else decays.index(decay)
            panels[1].plot(lr, at, "o", color="none", markeredgecolor="#C44E9A", markeredgewidth=2)
    figure.savefig(study / "beside_published.png", metadata={"Title": study.name})
    print(study / "beside_published.png")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
