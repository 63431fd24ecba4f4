"""A stored run trained once more, to look into it and to see that it comes out the same."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from phasegrok.cells import Config, Run
from phasegrok.engine import Mode, Outcome, Pack, Watch, cpu_numerics
from phasegrok.errors import InputError
from phasegrok.observables import OBSERVABLES
from phasegrok.rows import result_row, watch
from phasegrok.store import Store, write_whole
from phasegrok.store.schema import OUTCOME, REPRESENTATION, RULE


@dataclass(frozen=True)
class Replay:
    """A run trained again: its new row, what differs (column -> then, now), and its files."""

    row: dict[str, Any]
    differing: dict[str, tuple[Any, Any]]
    files: tuple[Path, Path]


def repeat(store: Store, row: Mapping[str, Any]) -> Replay:
    """Train a stored run as it was trained then, with a dense curve and its final weights kept.

    The run gets a program of the same width, compiled or not as then, so that on the same kind of
    machine every result comes out the same to the last bit. Writes replay/RUN_ID.parquet (the row
    with every evaluation in its curve) and replay/RUN_ID.pt (name -> tensor) into the store.
    """
    config = store.config()
    run = Run(row["run_id"], _placed(json.loads(row["config"]), config), {}, {})
    mode = Mode(row["width"], row["compiled"], row["device"])
    with cpu_numerics():
        outcome = _only_outcome(Pack([run], mode, _dense_watch(config, row)))
    if outcome.exception is not None:
        raise InputError(f"{run.run_id} cannot be trained: {outcome.exception}")
    again = result_row(outcome, config, mode)
    differing = {
        name: (row[name], again.get(name))
        for name in _told(row)
        if not _same(row[name], again.get(name))
    }
    folder = store.path / "replay"
    table, weights = folder / f"{run.run_id}.parquet", folder / f"{run.run_id}.pt"
    store.write_rows(table, [again], config)
    state = outcome.state or {}
    write_whole(weights, lambda file: torch.save({**state["params"], **state["running"]}, file))
    return Replay(again, differing, (table, weights))


def _placed(of_run: Config, config: Config) -> Config:
    """Its data may have moved since: they are where the sweep says that they are now."""
    if "path" not in of_run["task"]:
        return of_run
    return {**of_run, "task": {**of_run["task"], "path": config["task"].get("path")}}


def _told(row: Mapping[str, Any]) -> list[str]:
    """The results that a row tells; others are of another network or measured only since."""
    measured = {*OBSERVABLES, *REPRESENTATION}
    return [name for name in (*OUTCOME, *REPRESENTATION)
            if name not in measured or row.get(name) is not None]  # fmt: skip


def _dense_watch(config: Config, row: Mapping[str, Any]) -> Watch:
    """Watch as the sweep did when this row was made, but keep every evaluation."""
    phase = {key.removeprefix("phase."): row[key] for key in RULE}
    watched = watch({**config, "phase": phase})
    if row["status"] == "finished":
        watched = replace(watched, stop_train=None, stop_val=None)
    return replace(watched, points_per_decade=0)


def _only_outcome(pack: Pack) -> Outcome:
    while True:
        for outcome in pack.tick():
            return outcome


def _same(then: Any, now: Any) -> bool:
    both_nan = isinstance(then, float) and isinstance(now, float) and math.isnan(then + now)
    return then == now or (both_nan and math.isnan(then) and math.isnan(now))
