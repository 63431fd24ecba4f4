"""From a composed config to what is left to train: runs, what the stores already answer, packs.

A plan knows nothing of processes or clusters; it can be made, shown and thrown away.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from phasegrok import cells, tasks
from phasegrok.answers import ANSWER_COLUMNS, Asked, refuse_another_sweep, reusable
from phasegrok.cells import Config, Run
from phasegrok.errors import InputError
from phasegrok.store import Store, kept_path, swept

# Lanes side by side in one program when `train.lanes` is auto. On a CPU a few lanes share the
# cache; on a GPU many are needed to fill it.
AUTO_LANES = {"cpu": 8, "cuda": 512}

# Compiling costs tens of seconds once per kind of run; below this it does not pay on a CPU.
COMPILE_FROM_RUN_STEPS = 300_000

# Packs per worker: enough that the workers end together, few enough that lanes stay full.
PACKS_PER_WORKER = 4
MOST_RUNS_IN_A_PACK = 1024


@dataclass(frozen=True)
class PackPlan:
    """Runs that one worker trains together, in the order in which they enter lanes."""

    pack_id: str
    width: int
    compiled: bool
    runs: tuple[Run, ...]

    @property
    def run_steps(self) -> int:
        """Run-steps at most, if no run is decided before its budget ends."""
        return sum(run.config["train"]["steps"] for run in self.runs)


@dataclass(frozen=True)
class Plan:
    """A sweep with what is known of it and what is left to do."""

    config: Config
    store: Store
    runs: tuple[Run, ...]
    packs: tuple[PackPlan, ...]
    done: int
    reused: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)
    # Censored runs that a larger budget takes further: from their kept state, or from the start.
    continued: int = 0
    anew: int = 0


def prepare(config: Config) -> Plan:
    """Plan a checked config; unless `dry_run`, write what a worker needs into the store.

    Raises:
        InputError: the directory holds another sweep, or cannot be written.
    """
    out = config["out"] or Path("outputs") / config["sweep"]["name"]
    store = Store(out, own=not config["dry_run"])
    planned = _plan(config, store)
    if not config["dry_run"]:
        try:
            _write(planned)
        except OSError as error:
            raise InputError(
                f"out={store.path} cannot be written: {error.strerror}; "
                "choose a directory you may write to with out=DIR"
            ) from error
    return planned


def _plan(config: Config, store: Store) -> Plan:
    runs = tuple(cells.runs(config))
    if store.exists():
        refuse_another_sweep(store, config)
    asked = Asked.of(config)
    rows = store.rows(ANSWER_COLUMNS).to_pylist() if store.exists() else []
    answered = {row["run_id"] for row in rows if asked.answered_by(row)}
    missing = [run for run in runs if run.run_id not in answered]
    reused = reusable(config, store, asked, {run.run_id for run in missing})
    found = {row["run_id"] for rows in reused.values() for row in rows}
    missing = [run for run in missing if run.run_id not in found]
    packs = _packs(missing, config, store)
    done = len(runs) - len(missing) - len(found)
    ids = {run.run_id for run in missing}
    further = [row for row in rows if row["run_id"] in ids and asked.extends(row)]
    continued = sum(kept_path(store, row) is not None for row in further)
    return Plan(config, store, runs, packs, done, reused, continued, len(further) - continued)


# ---------------------------------------------------------------------------------------- packs


def _packs(missing: Sequence[Run], config: Config, store: Store) -> tuple[PackPlan, ...]:
    """Missing runs in packs: where a plan already placed a run it stays, the rest get new packs."""
    old_rows = store.plan() if store.exists() else []
    placed = {row["run_id"]: row for row in old_rows if _stays(row, config)}
    by_pack: dict[str, list[Run]] = {}
    for run in missing:
        row = placed.get(run.run_id)
        if row is not None:
            by_pack.setdefault(row["pack_id"], []).append(run)
    kept = [_kept_pack(pack_id, runs, placed) for pack_id, runs in by_pack.items()]
    numbers = [int(row["pack_id"][1:]) for row in old_rows if row["pack_id"] is not None]
    first_number = max(numbers, default=-1) + 1
    new = [run for run in missing if run.run_id not in placed]
    packs = [*kept, *_new_packs(new, config, first_number)]
    return tuple(sorted(packs, key=lambda pack: (-pack.run_steps, pack.pack_id)))


def _stays(row: Mapping[str, Any], config: Config) -> bool:
    """Whether a run stays where an earlier plan placed it: not if lanes or compile forbid it."""
    train = config["train"]
    return (
        row["pack_id"] is not None
        and (train["lanes"] == "auto" or row["width"] <= train["lanes"])
        and train["compile"] in ("auto", row["compiled"])
    )


def _kept_pack(pack_id: str, runs: list[Run], placed: Mapping[str, dict[str, Any]]) -> PackPlan:
    runs.sort(key=lambda run: placed[run.run_id]["lane_order"])
    row = placed[runs[0].run_id]
    return PackPlan(pack_id, row["width"], row["compiled"], tuple(runs))


def _new_packs(runs: Sequence[Run], config: Config, first_number: int) -> list[PackPlan]:
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(pack_key(run), []).append(run)
    width = lanes(config)
    compiled = compiles(config, sum(run.config["train"]["steps"] for run in runs))
    size = _pack_size(len(runs), width, config)
    chunks = [group[i : i + size] for group in groups.values() for i in range(0, len(group), size)]
    return [
        PackPlan(f"p{first_number + i:04d}", min(width, len(chunk)), compiled, tuple(chunk))
        for i, chunk in enumerate(chunks)
    ]


def pack_key(run: Run) -> str:
    """Runs with equal keys have equal tensor shapes throughout and can train side by side."""
    shared = cells.shared_part(run.config)
    return json.dumps([shared, tasks.train_size(run.config["task"])], sort_keys=True)


def lanes(config: Config) -> int:
    """`train.lanes`, or how many suit the device."""
    asked = config["train"]["lanes"]
    return AUTO_LANES[device_of(config)] if asked == "auto" else asked


def device_of(config: Config) -> str:
    """`launch.device`; auto is a GPU if the machine shows one. torch is not needed to tell."""
    asked = config["launch"].get("device", "auto")
    if asked != "auto":
        return asked
    return "cuda" if any(Path("/dev").glob("nvidia[0-9]*")) else "cpu"


def compiles(config: Config, run_steps: int) -> bool:
    """`train.compile`; auto compiles where it pays and a C++ compiler is there."""
    asked = config["train"]["compile"]
    if not config["train"].get("vectorise", True):
        return False
    if asked == "auto":
        return run_steps >= COMPILE_FROM_RUN_STEPS and has_compiler()
    return asked


def has_compiler() -> bool:
    return any(shutil.which(name) for name in (os.environ.get("CXX", "g++"), "g++", "clang++"))


def _pack_size(run_count: int, width: int, config: Config) -> int:
    share = math.ceil(run_count / (workers(config) * PACKS_PER_WORKER))
    return min(max(math.ceil(share / width), 1) * width, MOST_RUNS_IN_A_PACK)


def workers(config: Config, gpus: int = 0) -> int:
    """Worker processes of a local launch: one per GPU or core unless told, never two on a GPU."""
    asked = config["launch"].get("workers", 1)
    if asked == "auto":
        return gpus or max(len(os.sched_getaffinity(0)), 1)
    return min(asked, gpus) if gpus else asked


# ------------------------------------------------------------------------------ writing, showing


def _write(planned: Plan) -> None:
    store, config = planned.store, planned.config
    store.path.mkdir(parents=True, exist_ok=True)
    store.write_config(config)
    for source, rows in planned.reused.items():
        copies = [
            {**row, **_swept_values(row, config), "sweep": config["sweep"]["name"],
             "reused_from": row["reused_from"] or source}
            for row in rows
        ]  # fmt: skip
        store.write_part(f"reused-{uuid.uuid4().hex[:8]}", copies, config)
    store.write_plan(_plan_rows(planned), config)


def _swept_values(row: Mapping[str, Any], config: Config) -> dict[str, Any]:
    """This sweep's swept keys of a row that comes from a sweep over other keys."""
    run = json.loads(row["config"])
    return {key: cells.lookup(run, key) for key in swept(config)}


def _plan_rows(planned: Plan) -> list[dict[str, Any]]:
    """Rows of plan.parquet: this plan's runs, each where this or an earlier plan placed it."""
    before = {row["run_id"]: row for row in planned.store.plan()}
    now = {
        run.run_id: {"pack_id": p.pack_id, "width": p.width, "compiled": p.compiled,
                     "lane_order": place}
        for p in planned.packs
        for place, run in enumerate(p.runs)
    }  # fmt: skip
    nowhere = dict.fromkeys(("pack_id", "width", "compiled", "lane_order"))
    rows = []
    for run in planned.runs:
        place = before.get(run.run_id, nowhere)
        if run.run_id in now and now[run.run_id]["pack_id"] != place["pack_id"]:
            place = now[run.run_id]
        where = {key: place[key] for key in nowhere}
        index = {f"index.{name}": position for name, position in run.index.items()}
        row = {"run_id": run.run_id, "seed": run.seed, **run.cell, **index, **where}
        rows.append(row | {"config": json.dumps(run.config, sort_keys=True)})
    return rows


def describe(planned: Plan) -> str:
    """The plan in a few lines: size, what is known, packs, how it will run."""
    config = planned.config
    seeds, missing = len(cells.seeds(config)), sum(len(p.runs) for p in planned.packs)
    lines = [f"{config['sweep']['name']}: {_axes_line(config)}, {seeds} seed{'s'[: seeds > 1]}"]
    counts = f"{len(planned.runs)} runs: {planned.done} done, "
    lines.append(counts + f"{sum(map(len, planned.reused.values()))} reused, {missing} to train")
    lines += [f"  {len(rows)} rows from {source}" for source, rows in planned.reused.items()]
    if planned.continued:
        lines.append(f"  {planned.continued} censored runs go on from their kept states")
    if planned.anew:
        lines.append(
            f"  {planned.anew} censored runs train anew: their states were not kept "
            "(train.keep_state=true keeps them)"
        )
    if planned.packs:
        widths = sorted({pack.width for pack in planned.packs})
        steps = sum(pack.run_steps for pack in planned.packs)
        how = "compiled" if any(p.compiled for p in planned.packs) else "eager"
        lanes_text = " to ".join(map(str, dict.fromkeys((widths[0], widths[-1]))))
        lines.append(
            f"{len(planned.packs)} packs of {lanes_text} lanes, at most {steps:,} run-steps; "
            f"{config['launch']['name']} on {device_of(config)}, {how}"
        )
    lines.append(f"out: {planned.store.path}")
    return "\n".join(lines)


def _axes_line(config: Config) -> str:
    sweep, axes = config["sweep"], cells.axes(config["sweep"])
    groups = [[axes[name] for name in group] for group in cells.zipped(sweep)]
    return " x ".join(
        f"{' with '.join(axis['param'] for axis in group)} ({len(cells.axis_values(group[0]))})"
        for group in groups
    )
