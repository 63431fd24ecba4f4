"""A result row from how a run ended, and what to watch for so that a row can be made."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping
from typing import Any

from phasegrok import phases, representation
from phasegrok.cells import Config, axes, lookup
from phasegrok.engine import Mode, Outcome, Watch
from phasegrok.store.provenance import versions
from phasegrok.store.schema import HYPERPARAMETERS, RULE


def watch(config: Mapping[str, Any]) -> Watch:
    """What training watches for under a composed config's rule and stop settings."""
    train, phase = config["train"], config["phase"]
    stop = train.get("stop_accuracy")
    # By some rules no phase is known before the end, so that nothing may stop.
    stops = train["stop_when_decided"] and phases.Rule.from_config(phase).kind.retires
    return Watch(
        train_accuracy=phase["train_accuracy"],
        val_accuracy=phase["val_accuracy"],
        stop_train=(stop or phase["train_accuracy"]) if stops else None,
        stop_val=(stop or phase["val_accuracy"]) if stops else None,
        points_per_decade=train["curve_points_per_decade"],
    )


def result_row(outcome: Outcome, config: Mapping[str, Any], mode: Mode) -> dict[str, Any]:
    """A result row from how a run ended: its settings, what training saw, and its phase."""
    run, phase = outcome.run, config["phase"]
    row: dict[str, Any] = {"run_id": run.run_id, "seed": run.seed}
    sweep = config.get("sweep") or {}
    row["sweep"] = sweep.get("name")
    for key in (*HYPERPARAMETERS, *(axis["param"] for axis in axes(sweep).values())):
        row[key] = _value(run.config, key)
    row |= {key: phase.get(key.removeprefix("phase.")) for key in RULE}
    row |= {"status": outcome.status, "stop_reason": outcome.stop_reason}
    row |= {"steps": 0, "budget": run.config["train"]["steps"], "train_step": None}
    row |= {"val_step": None, "config": json.dumps(run.config, sort_keys=True), **outcome.row}
    row["phase"] = phases.phase_of(row, phases.Rule.from_config(phase))
    if outcome.state is not None:
        row |= representation.of_run(run.config, outcome.state["params"])
    known = versions()
    row |= {key: known[key] for key in ("phasegrok", "torch", "commit")}
    row |= {"width": mode.width, "compiled": mode.compiled, "device": mode.device}
    return row | {"host": socket.gethostname(), "written": time.time()}


def _value(config: Config, key: str) -> Any:
    try:
        return lookup(config, key)
    except KeyError:
        return None
