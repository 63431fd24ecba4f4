"""Pictures of single neurons: how periodic they are, and accuracies as they are removed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.figure import SubFigure
from matplotlib.lines import Line2D

from phasegrok.diagram.colors import CORRUPTED, TRAIN, VAL
from phasegrok.diagram.dress import head_panels
from phasegrok.diagram.layout import Picture
from phasegrok.diagram.tiles import Size
from phasegrok.frames.neurons import ORDERS, ipr_histogram
from phasegrok.words import counted

_STYLES: dict[str, tuple[str, dict[str, Any]]] = {
    "train_acc": ("training", {"color": TRAIN}),
    "val_acc": ("validation", {"color": VAL}),
    "corrupted_acc": ("corrupted training labels", {"color": CORRUPTED, "linestyle": "-."}),
    "clean_acc": ("clean training labels", {"color": TRAIN, "linestyle": ":"}),
}

# Why neurons have no ratio, as `phasegrok.frames.neurons.neuron_table` names it.
_WITHOUT = {"faded": "of which a weight vector is zero", "diverged": "of runs that diverged"}


def ipr_picture(chosen: Sequence[tuple[str, pd.DataFrame]]) -> Picture:
    """The share of neurons by their IPR, a panel for each cell, over all of its seeds.

    Args:
        chosen: heading and rows of `phasegrok.frames.neurons.neuron_table` for one cell.
    """
    headings = [head for head, _ in chosen]
    means = [_mean(table) for _, table in chosen]
    why = Counter(word for _, table in chosen for word in table["why"])
    out = [f"{counted(why[word], 'neuron')} {words}" for word, words in _WITHOUT.items()
           if why[word]]  # fmt: skip
    left_out = f". Left out: {' and '.join(out)}" if out else ""

    def paint(room: SubFigure, size: Size) -> None:
        panels = room.subplots(1, len(chosen), sharey=True, squeeze=False)[0]
        for ax, (_, table) in zip(panels, chosen, strict=True):
            bins = ipr_histogram(table)
            ax.bar(bins["low"], bins["share"], bins["high"] - bins["low"], align="edge",
                   color=VAL, edgecolor="white", linewidth=0.3)  # fmt: skip
            ax.set(xlim=(0, 1), xlabel="inverse participation ratio")
            ax.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
            if not sum(bins["neurons"]):
                ax.text(0.5, 0.5, "no neuron", transform=ax.transAxes, ha="center", va="center")
        panels[0].set_ylabel("share of neurons")
        head_panels(panels, headings, size[0])

    return Picture(
        paint,
        cols=len(chosen),
        headings=headings,
        shows="how periodic the neurons are where runs stopped: 1 is a single wave, noise is near "
        f"0. All seeds of a cell together; mean {', '.join(means)}{left_out}",
        alt=f"Histograms of the inverse participation ratio of neurons: {'; '.join(headings)}. "
        f"Mean {', '.join(means)}.",
    )


def _mean(table: pd.DataFrame) -> str:
    known = table["ipr"].dropna()
    return f"{known.mean():.2f}" if len(known) else "none (no neuron has a ratio)"


def pruning_picture(table: pd.DataFrame, heading: str) -> Picture:
    """Accuracies against the share of neurons removed, a panel for each order.

    Args:
        table: as from `phasegrok.frames.neurons.pruning`, of the seeds of one cell; `heading`: it.
    """
    sides = [name for name in _STYLES if table[name].notna().to_numpy().any()]
    words = {"lowest": "lowest IPR first", "highest": "highest IPR first", "random": "random"}
    runs = len(set(table["run_id"]))
    lost = runs - table.loc[table["train_acc"].notna(), "run_id"].nunique()
    diverged = f"; {counted(lost, 'run')} diverged and {'has' if lost == 1 else 'have'} none"

    def paint(room: SubFigure, size: Size) -> None:
        panels = room.subplots(1, len(ORDERS), sharey=True, squeeze=False)[0]
        for ax, order in zip(panels, ORDERS, strict=True):
            for _, run in table.loc[table["order"] == order].groupby("run_id", sort=False):
                for name in sides:
                    ax.plot(run["removed"], run[name], linewidth=1, alpha=0.8, **_STYLES[name][1])
            ax.set(xlim=(0, 1), ylim=(-0.03, 1.03), xlabel="share of neurons removed")
            ax.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
            ax.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
        panels[0].set_ylabel("accuracy")
        head_panels(panels, [words[order] for order in ORDERS], size[0])

    return Picture(
        paint,
        cols=len(ORDERS),
        headings=list(words.values()),
        entries=[
            Line2D([], [], label=_STYLES[name][0], linewidth=1.2, **_STYLES[name][1])
            for name in sides
        ],
        shows=f"accuracies of the trained networks of {heading} as neurons are removed, without "
        "training again, by their inverse participation ratio; a line for each seed"
        + diverged
        * bool(lost),
        alt=f"Accuracy against the share of neurons removed in three orders, {heading}, "
        f"{counted(runs, 'run')}.",
    )
