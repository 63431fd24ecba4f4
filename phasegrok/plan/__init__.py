"""From a composed config to what is left to train: runs, what the stores already answer, packs.

A plan knows nothing of processes or clusters; it can be made, shown and thrown away.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phasegrok import cells, sizing
from phasegrok.answers import ANSWER_COLUMNS, Asked, refuse_another_sweep, reusable
from phasegrok.cells import Config, Run
from phasegrok.errors import InputError
from phasegrok.lattice import Point
from phasegrok.plan.packs import PLACE, PackPlan, pack_key, packs_of
from phasegrok.plan.words import describe
from phasegrok.store import Store, kept_path, swept, weights

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["PackPlan", "Plan", "Rounds", "describe", "pack_key", "prepare", "store_of"]


# A point of the fine grid and a seed -> the round that asked for it, counted from 1.
Rounds = Mapping[tuple[Point, int], int]


@dataclass(frozen=True)
class Plan:
    """A sweep with what is known of it and what is left to do."""

    config: Config
    store: Store
    runs: tuple[Run, ...]
    packs: tuple[PackPlan, ...]
    done: int
    reused: Mapping[str, pa.Table] = field(default_factory=dict)
    # Censored runs that a larger budget takes further: from their kept state, or from the start.
    continued: int = 0
    anew: int = 0
    # Runs that failed by their own fault launch.max_attempts times.
    given_up: int = 0
    # Runs that are answered but for the weights asked for; they train again.
    weightless: int = 0
    # Of a refined sweep, the round in which each run was asked for.
    rounds: Rounds = field(default_factory=dict)


def prepare(
    config: Config,
    refuse: Callable[[Plan], None] = lambda planned: None,
    rounds: Rounds | None = None,
) -> Plan:
    """Plan a checked config; unless `dry_run`, write what a worker needs into the store.

    Args:
        refuse: raises if a plan cannot be carried out; asked before anything is written.
        rounds: of a refined sweep, the runs asked for so far; None plans every run of the grid.

    Raises:
        InputError: the directory holds another sweep, or cannot be written.
    """
    store = store_of(config)
    planned = _plan(config, store, rounds)
    if not config["dry_run"]:
        refuse(planned)
        try:
            _write(planned)
        except OSError as error:
            raise InputError(
                f"out={store.path} cannot be written: {error.strerror}; "
                "choose a directory you may write to with out=DIR"
            ) from error
    return planned


def store_of(config: Config) -> Store:
    """Where a sweep's answer goes."""
    out = config["out"] or Path("outputs") / config["sweep"]["name"]
    return Store(out, own=not config["dry_run"])


def _plan(config: Config, store: Store, rounds: Rounds | None) -> Plan:
    runs = tuple(cells.runs(config, None if rounds is None else _asked(rounds)))
    if store.exists():
        refuse_another_sweep(store, config)
    asked = Asked.of(config, store)
    rows = store.rows(ANSWER_COLUMNS)
    answered = set(asked.answering(rows)["run_id"].to_pylist())
    missing = [run for run in runs if run.run_id not in answered]
    reused = reusable(config, store, asked, {run.run_id for run in missing})
    found = {run_id for table in reused.values() for run_id in table["run_id"].to_pylist()}
    given_up = store.given_up(config)
    missing = [run for run in missing if run.run_id not in found]
    hopeless = sum(run.run_id in given_up for run in missing)
    missing = [run for run in missing if run.run_id not in given_up]
    packs = packs_of(missing, config, store)
    done = len(runs) - len(missing) - len(found) - hopeless
    ids = {run.run_id for run in missing}
    censored = asked.extending(rows).select(["run_id", "kept_state", "reused_from"])
    further = [row for row in censored.to_pylist() if row["run_id"] in ids]
    continued = sum(kept_path(store, row) is not None for row in further)
    unweighed = replace(asked, weights=None).answering(rows)["run_id"].to_pylist()
    return Plan(config, store, runs, packs, done, reused, continued, len(further) - continued,
                hopeless, len(ids & set(unweighed)), rounds or {})  # fmt: skip


def _asked(rounds: Rounds) -> Callable[[Mapping[str, int], int], bool]:
    return lambda index, seed: (_point(index), seed) in rounds


def _point(index: Mapping[str, int]) -> Point:
    return index["x"], index["y"]


# ------------------------------------------------------------------------------------- writing


def _write(planned: Plan) -> None:
    store, config = planned.store, planned.config
    store.path.mkdir(parents=True, exist_ok=True)
    store.write_config(config)
    cell_of = {run.run_id: run.cell for run in planned.runs}
    for source, table in planned.reused.items():
        # Of another sweep, maybe over other keys, or of before there was such a key.
        places = [cell_of[run_id] for run_id in table["run_id"].to_pylist()]
        ours: dict[str, list[Any]] = {key: [at[key] for at in places] for key in swept(config)}
        ours["sweep"] = [config["sweep"]["name"]] * len(table)
        ours["reused_from"] = [first or source for first in table["reused_from"].to_pylist()]
        name = f"reused-{uuid.uuid4().hex[:8]}"
        ours["kept_weights"] = [None] * len(table)
        if weights.wanted(config):
            weights.copy(Store(source, own=False), store, name, table)
            ours["kept_weights"] = [name] * len(table)
        store.write_part(name, table, config, ours)
    store.write_plan(_plan_rows(planned), config)


def _plan_rows(planned: Plan) -> list[dict[str, Any]]:
    """Rows of plan.parquet: this plan's runs, each where this or an earlier plan placed it."""
    before = {row["run_id"]: row for row in planned.store.plan(("run_id", *PLACE))}
    device = sizing.device_of(planned.config)
    now = {
        run.run_id: {"pack_id": p.pack_id, "width": p.width, "compiled": p.compiled,
                     "device": device, "lane_order": place}
        for p in planned.packs
        for place, run in enumerate(p.runs)
    }  # fmt: skip
    nowhere, text, rows = dict.fromkeys(PLACE), cells.as_json(), []
    for run in planned.runs:
        place = before.get(run.run_id, nowhere)
        if run.run_id in now and now[run.run_id]["pack_id"] != place["pack_id"]:
            place = now[run.run_id]
        where = {key: place.get(key) for key in PLACE}
        index = {f"index.{name}": position for name, position in run.index.items()}
        row = {"run_id": run.run_id, "seed": run.seed, **run.cell, **index, **where}
        if planned.rounds:
            row["round"] = planned.rounds[_point(run.index), run.seed]
        rows.append(row | {"config": text(run.config)})
    return rows
