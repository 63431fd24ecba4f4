"""From a composed config to what is left to train: runs, what the stores already answer, packs.

A plan knows nothing of processes or clusters; it can be made, shown and thrown away.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phasegrok import cells, sizing, tasks, work
from phasegrok.answers import ANSWER_COLUMNS, Asked, refuse_another_sweep, reusable
from phasegrok.cells import Config, Run
from phasegrok.errors import InputError
from phasegrok.store import Store, kept_path, swept

if TYPE_CHECKING:
    import pyarrow as pa

# Where a run stands in plan.parquet.
PLACE = ("pack_id", "width", "compiled", "device", "lane_order")


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

    @property
    def length(self) -> float:
        """Its arithmetic, at most. Packs are begun longest first, so that workers end together."""
        known = work.of_run(self.runs[0].config)
        return self.run_steps * (known.step if known else sizing.UNKNOWN_FLOP)


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
    rows = store.rows(ANSWER_COLUMNS)
    answered = set(asked.answering(rows)["run_id"].to_pylist())
    missing = [run for run in runs if run.run_id not in answered]
    reused = reusable(config, store, asked, {run.run_id for run in missing})
    found = {run_id for table in reused.values() for run_id in table["run_id"].to_pylist()}
    missing = [run for run in missing if run.run_id not in found]
    packs = _packs(missing, config, store)
    done = len(runs) - len(missing) - len(found)
    ids = {run.run_id for run in missing}
    censored = asked.extending(rows).select(["run_id", "kept_state", "reused_from"])
    further = [row for row in censored.to_pylist() if row["run_id"] in ids]
    continued = sum(kept_path(store, row) is not None for row in further)
    return Plan(config, store, runs, packs, done, reused, continued, len(further) - continued)


# ---------------------------------------------------------------------------------------- packs


def _packs(missing: Sequence[Run], config: Config, store: Store) -> tuple[PackPlan, ...]:
    """Missing runs in packs: where a plan already placed a run it stays, the rest get new packs."""
    old_rows = store.plan(("run_id", *PLACE)) if store.exists() else []
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
    return tuple(sorted(packs, key=lambda pack: (-pack.length, pack.pack_id)))


def _stays(row: Mapping[str, Any], config: Config) -> bool:
    """Whether a run stays where an earlier plan placed it: not if the device is another, or lanes
    or compile forbid it."""
    train, device = config["train"], sizing.device_of(config)
    able = sizing.has_compiler(device) and train.get("vectorise", True)
    compile_asked = train["compile"] if able else False
    return (
        row["pack_id"] is not None
        and row.get("device") in (None, device)  # None: planned before devices were noted
        and (train["lanes"] == "auto" or row["width"] <= train["lanes"])
        and compile_asked in ("auto", row["compiled"])
    )


def _kept_pack(pack_id: str, runs: list[Run], placed: Mapping[str, dict[str, Any]]) -> PackPlan:
    runs.sort(key=lambda run: placed[run.run_id]["lane_order"])
    row = placed[runs[0].run_id]
    return PackPlan(pack_id, row["width"], row["compiled"], tuple(runs))


def _new_packs(runs: Sequence[Run], config: Config, first_number: int) -> list[PackPlan]:
    packs: list[PackPlan] = []
    for groups in _programs(runs):
        compiled = sizing.compiles(config, groups)
        width = sizing.lanes(config, groups, compiled)
        cut = [piece for group in groups
               for piece in sizing.pieces(group, len(runs), width, config)]  # fmt: skip
        # The same for all, so that one compilation serves all: idle lanes cost less than another.
        width = min(width, max(map(len, cut)))
        number = first_number + len(packs)
        packs += [PackPlan(f"p{number + i:04d}", width, compiled, tuple(piece))
                  for i, piece in enumerate(cut)]  # fmt: skip
    return packs


def _programs(runs: Sequence[Run]) -> list[list[list[Run]]]:
    """Runs by the program that trains them, and therein by the size of their training set."""
    found: dict[str, dict[int, list[Run]]] = {}
    key = cells.per_branch(_key)
    for run in runs:
        program, train_size = key(*_sections(run))
        found.setdefault(program, {}).setdefault(train_size, []).append(run)
    return [list(groups.values()) for groups in found.values()]


def pack_key(run: Run) -> tuple[str, int]:
    """Runs with equal keys have equal tensor shapes throughout and can train side by side: the
    program that trains them, and the size of their training set."""
    return _key(*_sections(run))


def _sections(run: Run) -> list[Config]:
    return [run.config[name] for name in cells.SECTIONS]


def _key(*sections: Config) -> tuple[str, int]:
    config: Config = dict(zip(cells.SECTIONS, sections, strict=True))
    shared = json.dumps(cells.shared_part(config), sort_keys=True)
    return shared, tasks.train_size(config["task"])


# ------------------------------------------------------------------------------ writing, showing


def _write(planned: Plan) -> None:
    store, config = planned.store, planned.config
    store.path.mkdir(parents=True, exist_ok=True)
    store.write_config(config)
    for source, table in planned.reused.items():
        # Of another sweep, maybe over other keys.
        runs = [json.loads(text) for text in table["config"].to_pylist()]
        ours = {key: [cells.lookup(run, key) for run in runs] for key in swept(config)}
        ours["sweep"] = [config["sweep"]["name"]] * len(table)
        ours["reused_from"] = [first or source for first in table["reused_from"].to_pylist()]
        store.write_part(f"reused-{uuid.uuid4().hex[:8]}", table, config, ours)
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
        rows.append(row | {"config": text(run.config)})
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
        lanes_text = " to ".join(map(str, dict.fromkeys((widths[0], widths[-1]))))
        most = "at most " if sizing.device_of(config) == "cuda" else ""
        lines.append(
            f"{len(planned.packs)} packs of {most}{lanes_text} lanes, at most {steps:,} run-steps; "
            f"{config['launch']['name']} on {sizing.device_of(config)}"
        )
        lines.append(_compiling_line(planned))
    lines.append(f"out: {planned.store.path}")
    return "\n".join(lines)


def _compiling_line(planned: Plan) -> str:
    """How it will run, and why, where `train.compile` leaves that open."""
    config, device = planned.config, sizing.device_of(planned.config)
    compiled = sum(pack.compiled for pack in planned.packs)
    if compiled:
        which = "" if compiled == len(planned.packs) else f" ({compiled} of the packs)"
        return f"compiled{which}: tens of seconds at first, cached for later"
    if not config["train"].get("vectorise", True):
        return "eager, one lane after another: train.vectorise=false"
    if not sizing.has_compiler(device):
        needed = "C++ compiler (g++)" if device == "cpu" else "C++ compiler (g++) or no triton"
        return f"eager: there is no {needed} here; compiled, it would be several times faster"
    why = (
        "" if config["train"]["compile"] is False else ", since so few run-steps do not pay for it"
    )
    return f"eager: not compiled{why} (train.compile=true compiles)"


def _axes_line(config: Config) -> str:
    sweep, axes = config["sweep"], cells.axes(config["sweep"])
    groups = [[axes[name] for name in group] for group in cells.zipped(sweep)]
    return " x ".join(
        f"{' with '.join(axis['param'] for axis in group)} ({len(cells.axis_values(group[0]))})"
        for group in groups
    )
