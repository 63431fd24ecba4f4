"""How much of a full grid adaptive refinement trains, and how much of its map it gives.

    python -m benchmarks.refine                          # synthetic maps, and islands
    python -m benchmarks.refine outputs/full_map ...     # and recorded full grids
    python -m benchmarks.refine --record                 # and benchmarks/results/refine.json

Nothing is trained: a full map of three seeds answers what the rounds ask for. The synthetic maps
have 65 x 65 cells; their borders lie elsewhere for each seed. A recorded map is a sweep's directory
in which every cell of a lattice (2^k + 1 cells along an axis) has a phase for each seed.

`sure` is the share of cells of which the rebuilt map shows the full map's majority, among those
where at least two thirds of the seeds agree; `all` is among all cells, ties as such. The
islands are discs of another phase in 40 places, with a radius of 5 % of the axis, in a map of one
phase; an island is found if its phase is in the rebuilt map.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import machine
from phasegrok import refine, streams
from phasegrok.errors import OK, InputError, answered
from phasegrok.lattice import Lattice, Point, is_start
from phasegrok.refine import Known, Settings, Told

SIZE, SEEDS, ISLANDS, RADIUS = 65, (0, 1, 2), 40, 0.05
# By how much of the axis borders move from cell to cell and seed to seed; a cell is 1.6 %.
NOISES = (0.0, 0.005, 0.015, 0.03)


@dataclass(frozen=True)
class FullMap:
    """What a run would tell: phases and steps by seed as [seed][x, y]; None is no phase."""

    name: str
    phases: Mapping[int, np.ndarray]
    steps: Mapping[int, np.ndarray]

    @property
    def size(self) -> Point:
        x, y = next(iter(self.phases.values())).shape
        return x, y

    def told(self, point: Point, seed: int) -> Told:
        step = float(self.steps[seed][point])
        return Told(self.phases[seed][point], step if np.isfinite(step) else None)

    def majority(self) -> tuple[np.ndarray, np.ndarray]:
        """Of each cell the majority phase or "tie", and the share of the seeds that lead."""
        cells = list(np.ndindex(self.size))
        leading, share = np.full(self.size, None, dtype=object), np.zeros(self.size)
        known = {cell: {seed: self.told(cell, seed) for seed in self.phases} for cell in cells}
        for cell, phase in refine.shown(known).items():
            leading[cell] = phase
            counts = Counter(told.phase for told in known[cell].values() if told.phase)
            share[cell] = max(counts.values(), default=0) / len(self.phases)
        return leading, share


# -------------------------------------------------------------------------------- synthetic maps

Scores = Callable[[np.ndarray, np.ndarray], dict[str, np.ndarray]]


def _four(x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """Four phases as in published diagrams, three of which meet."""
    return {
        "confusion": y - 0.82 - 0.05 * np.sin(6 * x),
        "memorization": 0.30 - x + 0.12 * np.sin(3 * y),
        "grokking": 0.55 - x + 0.25 * (0.6 - y),
        "comprehension": np.full_like(x, 0.0),
    }


def _lines(x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    return {"a": 0.4 - 0.3 * y - x, "b": 0.7 - 0.6 * y - x * 0.4, "c": np.zeros_like(x)}


def _disc(x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    return {"inside": 0.25 - np.hypot(x - 0.45, y - 0.55), "outside": np.zeros_like(x)}


SHAPES: dict[str, Scores] = {"four phases": _four, "lines": _lines, "disc": _disc}


def synthetic(name: str, noise: float, size: int = SIZE) -> FullMap:
    """A map whose borders lie elsewhere in each cell and seed, normally by `noise` of the axis."""
    phases, steps = {}, {}
    for seed in SEEDS:
        draw = streams.generator(seed, f"map/{name}/{noise}")
        x, y = np.meshgrid(*[np.linspace(0, 1, size)] * 2, indexing="ij")
        moved = [at + noise * draw.standard_normal(x.shape) for at in (x, y)]
        phases[seed] = _first_positive(SHAPES[name](*moved))
        steps[seed] = np.where(phases[seed] == "memorization", np.nan, 100 * 10 ** (1 - moved[0]))
    return FullMap(f"{name}, noise {100 * noise:g} %", phases, steps)


def _first_positive(scores: Mapping[str, np.ndarray]) -> np.ndarray:
    *rest, last = scores
    shape = scores[last].shape
    names = np.full(shape, last, dtype=object)
    for name in reversed(rest):
        names[scores[name] > 0] = name
    return names


def islands() -> Iterator[FullMap]:
    """Discs in places drawn at random, wholly within the map."""
    draw = streams.generator(0, "islands")
    x, y = np.meshgrid(*[np.linspace(0, 1, SIZE)] * 2, indexing="ij")
    for number in range(ISLANDS):
        cx, cy = draw.uniform(RADIUS, 1 - RADIUS, 2)
        inside = np.hypot(x - cx, y - cy) <= RADIUS
        phases = np.where(inside, "island", "sea").astype(object)
        yield FullMap(f"island {number}", dict.fromkeys(SEEDS, phases),
                      dict.fromkeys(SEEDS, np.full(x.shape, 100.0)))  # fmt: skip


# --------------------------------------------------------------------------------- recorded maps


def recorded(folder: Path) -> FullMap:
    """The map of a finished sweep over a whole grid.

    Raises:
        InputError: it is no sweep's directory, or no lattice has so many cells.
    """
    import phasegrok
    from phasegrok.frames.grid import planned_axes, planned_runs
    from phasegrok.frames.places import placed
    from phasegrok.store import Store

    config = Store(folder).config()
    axes = {name: axis for name, axis in planned_axes(config["sweep"]).items() if name in "xy"}
    size = len(axes["x"].values), len(axes["y"].values)
    if not all(is_start(each) for each in size):
        raise InputError(
            f"{folder} has {size[0]} x {size[1]} cells; give a full grid with 2^k + 1 along both "
            "axes"
        )
    runs = placed(planned_runs(phasegrok.load(folder), config), axes)
    phases: dict[int, np.ndarray] = {}
    steps: dict[int, np.ndarray] = {}
    for row in runs.to_dict("records"):
        seed, at = int(row["seed"]), (int(row["x.at"]), int(row["y.at"]))
        phases.setdefault(seed, np.full(size, None, dtype=object))[at] = row["phase"]
        steps.setdefault(seed, np.full(size, np.nan))[at] = row["val_step"]
    return FullMap(folder.name, phases, steps)


# ------------------------------------------------------------------------------------- simulating


def refined(full: FullMap, **changes: Any) -> tuple[Known, list[int], Lattice]:
    """What refinement has asked of a full map at its end, and the runs of each round."""
    lattice, settings = asked(full, **changes)
    known: dict[Point, dict[int, Told]] = {}
    rounds: list[int] = []
    while runs := refine.next_round(known, lattice, settings, len(rounds) + 1):
        rounds.append(len(runs))
        for point, seed in runs:
            known.setdefault(point, {})[seed] = full.told(point, seed)
    return known, rounds, lattice


def asked(full: FullMap, **changes: Any) -> tuple[Lattice, Settings]:
    """The lattice and the settings of a sweep that asks for this map, with the usual settings."""
    axes = {name: {"num": size} for name, size in zip("xy", full.size, strict=True)}
    defaults = {"jump": 10.0, "probes": 0.05} | changes
    sweep = {"name": "benchmark", **axes, "refine": defaults}
    return Lattice.of(sweep), Settings.of({"seeds": sorted(full.phases), "sweep": sweep})


def row(full: FullMap, **changes: Any) -> dict[str, Any]:
    """A line of the table."""
    known, rounds, lattice = refined(full, **changes)
    rebuilt = refine.fine(refine.shown(known), lattice)
    leading, share = full.majority()
    told = leading != None  # noqa: E711
    sure = told & (share >= 2 / 3 - 1e-9)
    every = full.size[0] * full.size[1] * len(full.phases)
    return {
        "map": full.name,
        "cells": len(known),
        "runs": sum(rounds),
        "rounds": rounds,
        "of_full": sum(rounds) / every,
        "sure": float((rebuilt == leading)[sure].mean()),
        "all": float((rebuilt == leading)[told].mean()),
    }


def island_row(**changes: Any) -> dict[str, Any]:
    found, runs = [], []
    for full in islands():
        known, rounds, lattice = refined(full, **changes)
        found.append(bool((refine.fine(refine.shown(known), lattice) == "island").any()))
        runs.append(sum(rounds) / (SIZE * SIZE * len(SEEDS)))
    return {"map": f"{ISLANDS} islands", "found": float(np.mean(found)),
            "of_full": float(np.mean(runs))}  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("directories", nargs="*", type=Path, help="recorded full maps")
    parser.add_argument("--record", action="store_true", help="keep the table as JSON")
    options = parser.parse_args(argv)
    return answered(lambda: _table(options.directories, options.record))


def _table(directories: Sequence[Path], record: bool) -> int:
    maps = [synthetic(name, noise) for name in SHAPES for noise in NOISES]
    rows = []
    print(f"{'map':36}{'cells':>7}{'runs':>7}{'of full':>9}{'sure':>8}{'all':>8}  rounds")
    for full in [*maps, *map(recorded, directories)]:
        rows.append(row(full))
        print(_line(rows[-1]), flush=True)
    rows.append(island_row())
    print(f"{rows[-1]['map']:36}{'':14}{rows[-1]['of_full']:9.1%}  found {rows[-1]['found']:.1%}")
    if record:
        command = " ".join(["python -m benchmarks.refine", *map(str, directories)])
        print(machine.record("refine", rows, command))
    return OK


def _line(one: Mapping[str, Any]) -> str:
    shares = f"{one['of_full']:9.1%}{one['sure']:8.1%}{one['all']:8.1%}"
    return f"{one['map']:36}{one['cells']:7}{one['runs']:7}{shares}  {one['rounds']}"


if __name__ == "__main__":
    raise SystemExit(main())
