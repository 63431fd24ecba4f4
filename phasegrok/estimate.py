"""How long runs will take: as runs of their kind took before, else by their arithmetic."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from phasegrok import cells, sizing
from phasegrok.cells import Config, Run
from phasegrok.store import Store
from phasegrok.words import counted

# Timed rows that are enough to go by.
ENOUGH = 500

# What a run-step takes where nothing was timed: a part of a program's call, and its arithmetic.
# A CPU core: compiled, 9,000 run-steps/s of 4.7 MFLOP and 68 of 1.4 GFLOP; eager 2,200 and 12
# (torch 2.13). For a GPU they are guesses.
CALL_S = {("cpu", True): 6e-5, ("cpu", False): 2e-4, ("cuda", True): 1e-5, ("cuda", False): 1e-4}
S_PER_FLOP = {("cpu", True): 1e-11, ("cpu", False): 6e-11,
              ("cuda", True): 5e-13, ("cuda", False): 1e-12}  # fmt: skip


@dataclass(frozen=True)
class Estimate:
    """Seconds of a worker's time that a run takes, and why we think so."""

    seconds: float
    basis: str


def of_run(
    runs: Sequence[Run], config: Config, compiled: bool, stores: Iterable[Store]
) -> Estimate:
    """What a run of these (of one program) takes on the device of the launch."""
    device = sizing.device_of(config)
    budget = runs[0].config["train"]["steps"]
    timed, total = 0, 0.0
    for store in stores:
        if timed >= ENOUGH:
            break
        seconds = _timed(store, runs[0], device)
        timed, total = timed + len(seconds), total + sum(seconds) * budget
    if timed:
        words = f"as {counted(timed, 'run')} of this kind took on {_named(device)}"
        return Estimate(total / timed, words)
    step_s = CALL_S[device, compiled] + S_PER_FLOP[device, compiled] * sizing.flop_of(runs[0])
    guess = "" if device == "cpu" else ", where nothing was measured yet"
    return Estimate(budget * step_s, f"guessed from its arithmetic on {_named(device)}{guess}")


def _named(device: str) -> str:
    return "a GPU" if device == "cuda" else "a CPU core"


def _timed(store: Store, run: Run, device: str) -> list[float]:
    """Seconds per step of the budget, of finished runs of this program on this kind of device."""
    program = cells.shared_part(run.config)
    table = store.rows(["seconds", "budget", "device", "config", "status", "reused_from"])
    found = []
    for row in table.slice(0, 20 * ENOUGH).to_pylist():
        usable = row["seconds"] and row["status"] != "failed" and row["device"] == device
        if usable and cells.shared_part(json.loads(row["config"])) == program:
            found.append(row["seconds"] / row["budget"])
    return found
