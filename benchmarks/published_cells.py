"""Trains the published cells of Liu et al. 2022, figures 6b and 6d, again and compares the steps.

    python -m benchmarks.published_cells                    # all cells that end within 10000 steps
    python -m benchmarks.published_cells --within 30000 --figure 6b

A cell is followed until both accuracies are reached, and at most 10 % longer than published.
Rounding errors grow in training, the faster the larger the learning rate: short runs come out on
the published step, long ones near it. Found with torch 2.13 on one CPU:

    6b, cells within 10000 steps: 40, of which 33 exact, 7 within 0.3 %
    6d, cells within  5000 steps: 83, of which 78 exact, 4 within 1.5 %, 1 further off

and all 123 in their published phase. The one is at lr 1e-2, decay 30 (published validation step
3763): 3913 in float32, 3958 in float64, later than 3961 with other CPU instructions; there the
step belongs to the rounding as much as to the recipe.
The recipe is in tests/liu2022_recipe.py; continuous integration trains some short cells.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence

from phasegrok.phases import decide
from tests.liu2022_recipe import FIGURES, Cell, Row, deviation, replay, rows_of

TOLERANCE = 0.02
GAP = 1000
HEADER = "    lr        wd   published: train    val   ours: train    val   difference"


def cells_within(figure: str, steps: int) -> list[Cell]:
    """The published cells that reach both accuracies within so many steps."""
    return [
        (row["optim.lr"], row["optim.weight_decay"])
        for row in rows_of(figure)
        if max(row["train_step"], row["val_step"]) <= steps and not math.isnan(row["val_step"])
    ]


def line(row: Row) -> str:
    """One row of the table; steps are updates done, which is the published index plus one."""
    numbers = (row["train_step"], row["val_step"], row["our_train_step"], row["our_val_step"])
    train, val, our_train, our_val = ("never" if math.isnan(n) else f"{n:.0f}" for n in numbers)
    off = deviation(row)
    told = "exact" if off == 0 else f"{off:.2%}"
    return (
        f"{row['optim.lr']:.3e} {row['optim.weight_decay']:5g} {train:>18} {val:>6} "
        f"{our_train:>13} {our_val:>6} {told:>12}"
    )


def same_phase(row: Row) -> bool:
    """Whether the cell has the phase it was published with."""
    return decide(row["our_train_step"], row["our_val_step"], gap=GAP) == row["phase"]


def summary(figure: str, rows: Sequence[Row]) -> str:
    off = [deviation(row) for row in rows]
    exact, near = sum(d == 0 for d in off), sum(0 < d <= TOLERANCE for d in off)
    kept = sum(same_phase(row) for row in rows)
    return (
        f"Figure {figure}: {len(rows)} cells, {exact} exact, {near} within {TOLERANCE:.0%}, "
        f"{len(rows) - exact - near} further off; {kept} in the published phase"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--figure", choices=FIGURES, nargs="+", default=list(FIGURES))
    parser.add_argument("--within", type=int, default=10_000, help="steps that a cell may take")
    parser.add_argument("--lanes", type=int, default=8)
    parser.add_argument("--compiled", action="store_true")
    options = parser.parse_args(arguments)
    for figure in options.figure:
        cells, rows = cells_within(figure, options.within), []
        print(f"Figure {figure}: {len(cells)} cells\n{HEADER}", flush=True)
        for row in replay(figure, cells, lanes=options.lanes, compiled=options.compiled):
            rows.append(row)
            print(line(row), flush=True)
        print(f"{summary(figure, rows)}\n", flush=True)


if __name__ == "__main__":
    main()
