"""How full the lanes of a whole sweep are, and what wider ones would gain: the kept study
`wd_vs_frac`, replayed.

    python -m benchmarks.lanes               # some minutes: measures each width's speed
    python -m benchmarks.lanes --record      # keep the table in benchmarks/results/

How long each run trained is in the study's results; the plan and the queue are those of a sweep.
Lanes hold runs of one size of the training set, and a run must have the same bits whatever its
neighbours, so a pack can neither borrow runs of another size nor become narrower when it runs out
of runs: its last lanes run empty. For each width of lanes the table says how full they are

    waiting   while runs of their size wait,
    sweep     while packs of the sweep wait for a worker,
    all       over the whole sweep,
    known     over the whole sweep, had each run's length been known beforehand (longest first),

and how fast a core trains with all lanes full, and so with as many as are.
"""

from __future__ import annotations

import argparse
import heapq
import shlex
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Protocol

import pandas as pd

from benchmarks import machine
from benchmarks.blocks import Team
from benchmarks.engine import COMPILE_S, tell
from phasegrok import plan
from phasegrok.cells import Run
from phasegrok.config import check, compose
from phasegrok.engine.queue import Queue
from phasegrok.plan import PackPlan

STUDY = "wd_vs_frac"
WIDTHS = (2, 4, 6, 8, 16)
WORKERS = 2
ROUNDS, BLOCK_S, FIRST_STEPS = 5, 4.0, 100

Row = dict[str, Any]
Steps = Mapping[str, int]


class Waiting(Protocol):
    """What gives lanes their runs: the engine's queue, or one that knows more."""

    def __len__(self) -> int: ...
    def next(self) -> Run: ...
    def learn(self, run: Run, steps: int) -> None: ...


class Known:
    """Runs whose lengths are known, longest first."""

    def __init__(self, runs: Sequence[Run], steps: Steps):
        self._left = sorted(runs, key=lambda run: steps[run.run_id])

    def __len__(self) -> int:
        return len(self._left)

    def next(self) -> Run:
        return self._left.pop()

    def learn(self, run: Run, steps: int) -> None:
        """Nothing to learn."""


def main(arguments: Sequence[str] | None = None) -> list[Row]:
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--record", action="store_true", help="write benchmarks/results/")
    tiny = "tiny, eager, one round: does it run? no figures"
    parser.add_argument("--quick", action="store_true", help=tiny)
    options = parser.parse_args(given)
    steps = kept_steps()
    rates = measured(WIDTHS, quick=options.quick)
    rows = [occupancy(steps, width) | {"run_steps_per_s": rates[width]} for width in WIDTHS]
    for row in rows:
        row["run_steps_per_s_as_full"] = row["run_steps_per_s"] * row["all"]
    print(table(rows))
    if options.record:
        command = shlex.join(["python", "-m", "benchmarks.lanes", *given])
        tell(f"recorded in {machine.record(f'lanes-{machine.slug(gpu=False)}', rows, command)}")
    return rows


# -------------------------------------------------------------------------------------- replay


def kept_steps() -> Steps:
    """How far each run of the study trained, by its id."""
    path = machine.ROOT / "sweeps" / STUDY / "results.parquet"
    frame = pd.read_parquet(path, columns=["run_id", "steps"])
    return dict(zip(frame["run_id"], frame["steps"].astype(int), strict=True))


def occupancy(steps: Steps, width: int) -> Row:
    """How full lanes of this width are, as shares of all steps that they make."""
    packs = planned(width)
    replays = [replayed(pack, Queue(pack.runs), steps) for pack in packs]
    known = [replayed(pack, Known(pack.runs, steps), steps) for pack in packs]
    # Workers take packs in the plan's order, each the next when it has ended its own.
    free, begun = [0] * WORKERS, []
    for replay in replays:
        begun.append(heapq.heappop(free))
        heapq.heappush(free, begun[-1] + replay["length"])
    waited = [min(begun[-1] - start, replay["length"])
              for start, replay in zip(begun, replays, strict=True)]  # fmt: skip
    return {
        "width": width,
        "packs": len(packs),
        "waiting": _share(replays, [replay["waiting"] for replay in replays]),
        "sweep": _share(replays, waited),
        "all": _share(replays, [replay["length"] for replay in replays]),
        "known": _share(known, [replay["length"] for replay in known]),
    }


def planned(width: int) -> Sequence[PackPlan]:
    """The packs of the whole sweep in lanes of this width; nothing is written or trained."""
    asked = [
        f"+sweep={STUDY}", f"train.lanes={width}", "train.compile=true", "launch.device=cpu",
        f"launch.workers={WORKERS}", "dry_run=true", "out=outputs/none/of/these",
    ]  # fmt: skip
    config = compose(asked)
    check(config, asked)
    return plan.prepare(config).packs


def replayed(pack: PackPlan, queue: Waiting, steps: Steps) -> Row:
    """A pack's lanes from their first to their last step: its length, until when runs waited, and
    the spans in which each lane was full."""
    lanes: list[tuple[int, int, Run]] = []
    spans: list[tuple[int, int]] = []
    now = waiting = 0

    def enter() -> None:
        run = queue.next()
        end = now + steps[run.run_id]
        spans.append((now, end))
        heapq.heappush(lanes, (end, len(spans), run))

    while len(queue) and len(lanes) < pack.width:
        enter()
    while lanes:
        now, _, run = heapq.heappop(lanes)
        queue.learn(run, steps[run.run_id])
        if len(queue):
            waiting = now
            enter()
    return {"width": pack.width, "length": now, "waiting": waiting, "spans": spans}


def _share(replays: Sequence[Row], until: Sequence[float]) -> float:
    """Full lane-steps of all lane-steps, of each pack up to a step."""
    full = sum(
        min(end, stop) - start
        for replay, stop in zip(replays, until, strict=True)
        for start, end in replay["spans"]
        if start < stop
    )
    made = sum(r["width"] * stop for r, stop in zip(replays, until, strict=True))
    return full / made if made else 1.0


# --------------------------------------------------------------------------------------- speed


def measured(widths: Sequence[int], *, quick: bool = False) -> Mapping[int, float]:
    """Run-steps a second of all cores together, one process each, by the width of their lanes;
    medians of rounds in which the widths take turns."""
    with ExitStack() as stack:
        teams: dict[int, Team] = {}
        for width in widths:
            tell(f"{width} lanes: warming up")
            task = {"column": "phasegrok", "case": "quadratic23", "quick": quick, "device": "cpu",
                    "compiled": not quick, "runs": width, "warm_steps": FIRST_STEPS}  # fmt: skip
            numbers = range(machine.cores())
            teams[width] = stack.enter_context(
                Team([{**task, "first": n * width} for n in numbers], threads=1)
            )
            teams[width].warm(COMPILE_S)
        seconds, count = (0.1, 1) if quick else (BLOCK_S, ROUNDS)
        blocks = {width: _steps_in_a_block(team, seconds) for width, team in teams.items()}
        rounds = [{width: _rate(team, blocks[width]) for width, team in teams.items()}
                  for _ in range(count)]  # fmt: skip
    return {width: statistics.median(each[width] for each in rounds) for width in widths}


def _steps_in_a_block(team: Team, seconds: float) -> int:
    took = team.block(FIRST_STEPS)["seconds"]
    return max(round(seconds / took), 1) * FIRST_STEPS


def _rate(team: Team, steps: int) -> float:
    answer = team.block(steps)
    return answer["run_steps"] / answer["seconds"]


def table(rows: Sequence[Row]) -> str:
    columns: dict[str, Callable[[Row], str]] = {
        "lanes": lambda row: f"{row['width']}",
        "packs": lambda row: f"{row['packs']}",
        **{name: lambda row, name=name: f"{row[name]:.1%}"
           for name in ("waiting", "sweep", "all", "known")},
        "run-steps/s full": lambda row: f"{row['run_steps_per_s']:,.0f}",
        "as full": lambda row: f"{row['run_steps_per_s_as_full']:,.0f}",
    }  # fmt: skip
    cells = [list(columns), *([text(row) for text in columns.values()] for row in rows)]
    wide = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(map(str.rjust, line, wide)) for line in cells)


if __name__ == "__main__":
    main()
