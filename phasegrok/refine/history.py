"""What the rounds of a sweep have asked for and learned, as its store has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from phasegrok import cells, phases
from phasegrok.answers import ANSWER_COLUMNS, Asked
from phasegrok.cells import Config
from phasegrok.lattice import REFINED, Point
from phasegrok.plan import Rounds
from phasegrok.refine.decide import Told
from phasegrok.store import Store
from phasegrok.store.tables import column_of


@dataclass(frozen=True)
class History:
    """The round in which each run was asked for, and what is known of those that ended."""

    rounds: Rounds
    known: Mapping[Point, Mapping[int, Told]]

    @property
    def whole(self) -> bool:
        """Whether every run that was asked for has ended."""
        return sum(map(len, self.known.values())) == len(self.rounds)

    @property
    def next(self) -> int:
        """The number of the next round, the first being 1."""
        return max(self.rounds.values(), default=0) + 1

    @classmethod
    def of(cls, store: Store, config: Config) -> History:
        """That of a store, on the lattice that is asked for now: a finer one has its points too.

        Runs that failed for good have ended without a phase.
        """
        asked = _asked(store, config) if store.exists() else {}
        told = _told(store, config, asked)
        known: dict[Point, dict[int, Told]] = {}
        for run_id, (point, seed, _) in asked.items():
            if run_id in told:
                known.setdefault(point, {})[seed] = told[run_id]
        return cls({(point, seed): number for point, seed, number in asked.values()}, known)


def _asked(store: Store, config: Config) -> dict[str, tuple[Point, int, int]]:
    """Run id -> point, seed and round of the planned runs that lie on the lattice."""
    axes = [config["sweep"][name] for name in REFINED]
    places = [{value: i for i, value in enumerate(cells.axis_values(axis))} for axis in axes]
    keys, seeds, found = [axis["param"] for axis in axes], cells.seeds(config), {}
    for row in store.plan(["run_id", "seed", "round", *keys]):
        x, y = (place.get(row.get(key)) for place, key in zip(places, keys, strict=True))
        number: Any = row.get("round")
        if None not in (x, y, number) and row["seed"] in seeds:
            found[row["run_id"]] = ((x, y), row["seed"], number)
    return found


def _told(store: Store, config: Config, of: Mapping[str, Any]) -> dict[str, Told]:
    """What the rows of these runs tell, where they answer what is asked."""
    asked = Asked.of(config, store)
    rows = asked.answering(store.rows(ANSWER_COLUMNS, of=of))
    found = {run_id: Told(None) for run_id in store.given_up(config) if run_id in of}
    if len(rows):
        codes = phases.codes_of(column_of(rows), replace(asked.rule, budget=asked.budget))
        steps = rows["val_step"].to_pylist()
        for run_id, code, step in zip(rows["run_id"].to_pylist(), codes, steps, strict=True):
            found[run_id] = Told(phases.LABELS[code], step)
    return found
