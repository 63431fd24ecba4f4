"""Which runs train together: missing runs in packs, those placed before where they were."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from phasegrok import cells, estimate, sizing, tasks
from phasegrok.answers import other_stores
from phasegrok.cells import Config, Run
from phasegrok.estimate import Estimate
from phasegrok.store import Store

# Runs of one program, and whether they are compiled, to what one of them takes.
Estimated = Callable[[Sequence[Run], bool], Estimate]

# Where a run stands in plan.parquet.
PLACE = ("pack_id", "width", "compiled", "device", "lane_order")


@dataclass(frozen=True)
class PackPlan:
    """Runs that one worker trains together, in the order in which they enter lanes."""

    pack_id: str
    width: int
    compiled: bool
    runs: tuple[Run, ...]
    # Of one of its runs, where packs train on machines that are paid for by the hour.
    estimate: Estimate | None = None

    @property
    def run_steps(self) -> int:
        """Run-steps at most, if no run is decided before its budget ends."""
        return sum(run.config["train"]["steps"] for run in self.runs)

    @property
    def length(self) -> float:
        """Its arithmetic, at most. Packs are begun longest first, so that workers end together."""
        return self.run_steps * sizing.flop_of(self.runs[0])


def packs_of(missing: Sequence[Run], config: Config, store: Store) -> tuple[PackPlan, ...]:
    """Missing runs in packs: where a plan already placed a run it stays, the rest get new packs."""
    old_rows = store.plan(("run_id", *PLACE)) if store.exists() else []
    stays = _staying(config)
    placed = {row["run_id"]: row for row in old_rows if stays(row)}
    by_pack: dict[str, list[Run]] = {}
    for run in missing:
        row = placed.get(run.run_id)
        if row is not None:
            by_pack.setdefault(row["pack_id"], []).append(run)
    kept = [_kept_pack(pack_id, runs, placed) for pack_id, runs in by_pack.items()]
    numbers = [int(row["pack_id"][1:]) for row in old_rows if row["pack_id"] is not None]
    first_number = max(numbers, default=-1) + 1
    new = [run for run in missing if run.run_id not in placed]
    estimated = _estimates(config, store) if sizing.on_nodes(config) else None
    packs = [*kept, *_new_packs(new, config, first_number, estimated)]
    if estimated is not None:
        packs = [replace(pack, estimate=estimated(pack.runs, pack.compiled)) for pack in packs]
    return tuple(sorted(packs, key=lambda pack: (-pack.length, pack.pack_id)))


def _staying(config: Config) -> Callable[[Mapping[str, Any]], bool]:
    """Whether a run stays where an earlier plan placed it: not if the device is another, or lanes
    or compile forbid it."""
    train, device = config["train"], sizing.device_of(config)
    able = sizing.able_to_compile(config) and train.get("vectorise", True)
    compile_asked = train["compile"] if able else False

    def stays(row: Mapping[str, Any]) -> bool:
        return (
            row["pack_id"] is not None
            and row.get("device") in (None, device)  # None: planned before devices were noted
            and (train["lanes"] == "auto" or row["width"] <= train["lanes"])
            and compile_asked in ("auto", row["compiled"])
        )

    return stays


def _kept_pack(pack_id: str, runs: list[Run], placed: Mapping[str, dict[str, Any]]) -> PackPlan:
    runs.sort(key=lambda run: placed[run.run_id]["lane_order"])
    row = placed[runs[0].run_id]
    return PackPlan(pack_id, row["width"], row["compiled"], tuple(runs))


def _estimates(config: Config, store: Store) -> Estimated:
    """Estimates of a run, one for all of a program."""
    found: dict[str, Estimate] = {}

    def estimated(runs: Sequence[Run], compiled: bool) -> Estimate:
        program = pack_key(runs[0])[0]
        if program not in found:
            stores = [store, *other_stores(config, store)]
            found[program] = estimate.of_run(runs, config, compiled, stores)
        return found[program]

    return estimated


def _new_packs(
    runs: Sequence[Run], config: Config, first_number: int, estimated: Estimated | None
) -> list[PackPlan]:
    packs: list[PackPlan] = []
    for groups in _programs(runs):
        compiled = sizing.compiles(config, groups)
        width = sizing.lanes(config, groups, compiled)
        size = None
        if estimated is not None:
            size = sizing.runs_per_pack(config, estimated(groups[0], compiled).seconds)
        cut = [piece for group in groups
               for piece in sizing.pieces(group, len(runs), width, config, size)]  # fmt: skip
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
