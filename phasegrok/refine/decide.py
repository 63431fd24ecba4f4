"""What to train next: a pure function of what is known, whatever came between.

The map is split into boxes between lattice points. A box in which anything known differs (phases
of its points, seeds of a point, or the step of generalisation by more than a factor) is split: its
points of the next level are trained. Everything else stays as coarse as it is.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from phasegrok import streams
from phasegrok.cells import seeds
from phasegrok.lattice import Box, Lattice, Point
from phasegrok.phases import leaders

if TYPE_CHECKING:
    import numpy as np

# Why a box is split, in the order of urgency when not everything can be trained.
DIFFER, DISAGREE, JUMP = range(3)


class Told(NamedTuple):
    """What is known of a run: its phase and when it generalised; None where it failed or never."""

    phase: str | None
    val_step: float | None = None


# Of each point that was asked for, what is known of each of its seeds.
Known = Mapping[Point, Mapping[int, Told]]
Ask = tuple[Point, int]


@dataclass(frozen=True)
class Settings:
    """`sweep.refine`, and the seeds of the sweep.

    first: how many seeds a cell gets before it is known to be ambiguous. jump: the factor between
    steps of generalisation above which a box is split, or None. probes: how many points are drawn
    at random, as a share of those that a round adds. max_runs: of all rounds, or None.
    """

    name: str
    seeds: tuple[int, ...]
    first: int
    jump: float | None
    probes: float
    max_runs: int | None = None

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Settings:
        """Those of a checked config. Without `first_seeds`, as many as make a majority."""
        refine, every = config["sweep"]["refine"], tuple(seeds(config))
        first = refine.get("first_seeds") or len(every) // 2 + 1
        return cls(config["sweep"]["name"], every, first, refine["jump"], refine["probes"],
                   refine.get("max_runs"))  # fmt: skip


def next_round(known: Known, lattice: Lattice, settings: Settings, number: int) -> list[Ask]:
    """The runs to train next, the most urgent first; empty when the map is finished.

    Args:
        known: all that was asked for so far, every run of it ended.
        number: of the round, from 1; it draws the probes.
    """
    draw = streams.generator(number, f"refine/{settings.name}")
    points = {point: _Seen.of(known[point]) for point in sorted(known)}
    # Points that an earlier cap or fewer seeds left unfinished first.
    order = sorted(points, key=lambda point: len(known[point]) >= settings.first)
    again = [(p, seed) for p in order for seed in _more(known[p], points[p], settings)]
    new = [point for point in lattice.points(0) if point not in known]
    new = new or _split(points, lattice, settings, draw)
    new += _probes({*points, *new}, math.ceil(settings.probes * len(new)), lattice, draw)
    fresh = [(point, seed) for point in new for seed in settings.seeds[: settings.first]]
    if settings.max_runs is None:
        return [*again, *fresh]
    room = settings.max_runs - sum(map(len, known.values()))
    return [*again, *fresh][: max(room, 0)]


def shown(known: Known) -> dict[Point, str | None]:
    """The majority phase of every point, or "tie"; None where no seed has a phase."""
    leading = {point: _Seen.of(told).leading for point, told in known.items()}
    return {point: lead[0] if len(lead) == 1 else "tie" if lead else None
            for point, lead in leading.items()}  # fmt: skip


# ---------------------------------------------------------------------------------------- seeds


class _Seen(NamedTuple):
    """A point in short: how many seeds are known, the phases that lead, whether all are one, and
    the steps of generalisation."""

    seeds: int
    leading: tuple[str, ...]
    agree: bool
    steps: tuple[float, ...]

    @classmethod
    def of(cls, told: Mapping[int, Told]) -> _Seen:
        counts = Counter(one.phase for one in told.values() if one.phase is not None)
        steps = tuple(one.val_step for one in told.values() if one.val_step)
        return cls(counts.total(), leaders(counts), len(counts) <= 1, steps)


def _more(told: Mapping[int, Told], seen: _Seen, settings: Settings) -> Sequence[int]:
    """The seeds that a point still gets: the first ones always, all of them where they disagree
    or some of them failed."""
    sure = seen.agree and seen.seeds >= settings.first
    wanted = settings.seeds[: settings.first] if sure else settings.seeds
    if len(told) < settings.first:
        wanted = settings.seeds[: settings.first]
    return [seed for seed in wanted if seed not in told]


# ------------------------------------------------------------------------------------- splitting


def _split(
    points: Mapping[Point, _Seen], lattice: Lattice, settings: Settings, draw: np.random.Generator
) -> list[Point]:
    """The points that split boxes, by urgency: coarse boxes first, and of these where phases
    differ; what is equally urgent in an order drawn at random, so that a cap falls evenly."""
    found: list[tuple[int, int, Box]] = []
    waiting = [*lattice.boxes()] if lattice.depth else []
    while waiting:
        box = waiting.pop()
        why = _why(points, lattice, settings, box)
        if all(point in points for point in lattice.within(box, box[1] + 1)):
            waiting += [child for child in lattice.children(box) if child[1] < lattice.depth]
        elif why is not None:
            found.append((box[1], why, box))
    found.sort()
    order = draw.permutation(len(found))
    ranked = sorted(zip(found, order, strict=True), key=lambda one: (one[0][:2], one[1]))
    inner = (lattice.within(box, box[1] + 1) for (_, _, box), _ in ranked)
    return [p for p in dict.fromkeys(chain.from_iterable(inner)) if p not in points]


def _why(
    points: Mapping[Point, _Seen], lattice: Lattice, settings: Settings, box: Box
) -> int | None:
    """Why a box is split, by all that is known within it and on its border."""
    here = [points[p] for p in lattice.within(box, lattice.depth) if p in points]
    here = [seen for seen in here if seen.leading]
    if len({seen.leading for seen in here if len(seen.leading) == 1}) > 1:
        return DIFFER
    if not all(seen.agree for seen in here):
        return DISAGREE
    steps = [step for seen in here for step in seen.steps]
    if settings.jump is not None and steps and max(steps) > settings.jump * min(steps):
        return JUMP
    return None


def _probes(
    taken: Set[Point], count: int, lattice: Lattice, draw: np.random.Generator
) -> list[Point]:
    """Points of the fine grid drawn at random, in search of islands that no box has shown."""
    free = [point for point in lattice.points(lattice.depth) if point not in taken]
    chosen = draw.permutation(len(free))[:count]
    return [free[i] for i in chosen]
