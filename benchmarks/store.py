"""What planning and the store cost, apart from training: time per run, and peak memory.

    python -m benchmarks.store                              # minutes, and 5 GB of disk
    python -m benchmarks.store --runs 10000 --rows 50000    # smaller
    python -m benchmarks.store --record                     # and benchmarks/results/store.json

Nothing is trained: rows are made of invented outcomes by the code that workers make them with.
First a sweep of --runs runs (training fraction x weight decay x 10 seeds) is taken through all
that happens to a run but its training: composing, planning, what a worker reads for each pack,
result rows and parts, planning once more with every run answered, and the last words with results
and figure. Then a store of --rows rows with curves of 32 points, 100 seeds to a cell, is written
in parts, compacted, and looked at by one command that loads, classifies and draws it.

Each of the four steps is a process of its own, whose last line counts from its start, imports
included. Milliseconds per run are of processor time, which other work on the machine disturbs
least; the memory is the most that the process had held by then.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks import machine

POINTS, PART = 32, 5_000
AXES = ("task.train_fraction", "optim.weight_decay")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--runs", type=int, default=100_000, help="of the sweep that is planned")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the store looked at")
    parser.add_argument("--record", action="store_true", help="keep the table as JSON")
    parser.add_argument("--step", nargs=2, metavar=("NAME", "DIR"), help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.step is not None:
        name, folder = options.step
        print(json.dumps(STEPS[name](Path(folder), options)))
        return 0
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in STEPS:
            for row in _in_a_process(name, folder, options):
                rows.append(row)
                print(_line(row), flush=True)
    if options.record:
        command = f"python -m benchmarks.store --runs {options.runs} --rows {options.rows}"
        print(machine.record("store", rows, command))
    return 0


def _in_a_process(name: str, folder: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    sizes = ["--runs", str(options.runs), "--rows", str(options.rows)]
    command = [sys.executable, "-m", "benchmarks.store", "--step", name, folder, *sizes]
    began = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    seconds = time.perf_counter() - began
    rows = json.loads(done.stdout)
    whole = {"what": f"{name}: the whole process", "runs": rows[-1]["runs"], "wall_s": seconds}
    return [*rows, whole | {"peak_gb": rows[-1]["peak_gb"]}]


def _line(row: dict[str, Any]) -> str:
    cpu = f"{row['cpu_s']:8.2f} s CPU" if "cpu_s" in row else " " * 14
    each = f"{row['cpu_s'] / row['runs'] * 1e3:8.4f} ms/run" if "cpu_s" in row else " " * 15
    peak = f"{row['peak_gb']:6.2f} GB"
    return f"{row['what']:44}{row['runs']:>9,}{row['wall_s']:9.2f} s{cpu}{each}{peak}"


def _peak() -> dict[str, float]:
    """The most memory this process has held so far, in GB of 1e9 bytes."""
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"peak_gb": held * (1 if sys.platform == "darwin" else 1024) / 1e9}


class _Clock:
    """Measures calls, and keeps a line for all those of one name."""

    def __init__(self) -> None:
        self.spent: dict[str, dict[str, float]] = {}

    def __call__(self, what: str, call: Callable[[], Any]) -> Any:
        wall, cpu = time.perf_counter(), time.process_time()
        result = call()
        line = self.spent.setdefault(what, {"wall_s": 0.0, "cpu_s": 0.0})
        line["wall_s"] += time.perf_counter() - wall
        line["cpu_s"] += time.process_time() - cpu
        line |= _peak()
        return result

    def lines(self, runs: int) -> list[dict[str, Any]]:
        keys = ("wall_s", "cpu_s")
        sums = {key: sum(line[key] for line in self.spent.values()) for key in keys}
        whole = self.spent | {"all of these": {**sums, **_peak()}}
        return [{"what": what, "runs": runs, **line} for what, line in whole.items()]


# ------------------------------------------------------------------------------------- the steps


def _config(out: Path, runs: int, seeds: int) -> dict[str, Any]:
    """wd_vs_frac with about so many runs."""
    from phasegrok import config

    side = max(round(math.sqrt(runs / seeds)), 2)
    overrides = ["+sweep=wd_vs_frac", f"sweep.x.num={side}", f"sweep.y.num={side}",
                 f"seeds={seeds}", f"out={out}", "launch.workers=2"]  # fmt: skip
    composed = config.compose(overrides)
    config.check(composed, overrides)
    return composed


def plan_step(folder: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    """All that happens to a run but its training."""
    from phasegrok import launch, plan
    from phasegrok.answers import Asked, answered_ids
    from phasegrok.engine import Mode
    from phasegrok.rows import result_row
    from phasegrok.store import Store

    clock = _Clock()
    config = clock("compose and check", lambda: _config(folder / "planned", options.runs, 10))
    planned = clock("plan", lambda: plan.prepare(config))
    store = Store(planned.store.path)
    asked = Asked.of(config, store)

    def missing(pack_id: str) -> list[str]:
        ids = [row["run_id"] for row in store.planned(pack_id)]
        answered = answered_ids(store, asked, of=ids)
        return [run_id for run_id in ids if run_id not in answered]

    for pack in planned.packs:
        ids = clock("packs read by workers", lambda pack=pack: missing(pack.pack_id))
        assert ids == [run.run_id for run in pack.runs]
        ended = [*_outcomes(pack.runs)]
        rows = clock("result rows", lambda ended=ended: [
            result_row(outcome, config, Mode(8)) for outcome in ended])  # fmt: skip
        name = f"part-{pack.pack_id}-0001-00000-benchmark"
        clock("parts written", lambda name=name, rows=rows: store.write_part(name, rows, config))
    assert not clock("unanswered", lambda: launch.unanswered(planned))
    clock("collect and draw", lambda: launch.collect(planned.store))
    again = clock("plan again, all answered", lambda: plan.prepare(config))
    assert again.done == len(again.runs)
    return clock.lines(len(planned.runs))


def write_step(folder: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    """A store of many rows, in parts."""
    from phasegrok import plan
    from phasegrok.engine import Mode
    from phasegrok.rows import result_row

    clock = _Clock()
    config = _config(folder / "big" / "store", options.rows, 100)
    planned = clock("plan", lambda: plan.prepare(config))

    def write() -> None:
        for first in range(0, len(planned.runs), PART):
            ended = _outcomes(planned.runs[first : first + PART])
            rows = [result_row(outcome, config, Mode(8)) for outcome in ended]
            planned.store.write_part(f"part-{first:09d}", rows, config)

    clock("outcomes invented, rows and parts written", write)
    return clock.lines(len(planned.runs))


def compact_step(folder: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    from phasegrok.store import Store

    clock = _Clock()
    table = clock("compact", Store(folder / "big" / "store").compact)
    return clock.lines(len(table))


def look_step(folder: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Load, classify by another rule, draw with it, and save the sweep's own figure."""
    clock = _Clock()
    store = folder / "big" / "store"

    def imports() -> Any:
        import phasegrok
        from phasegrok import diagram
        from phasegrok.store import Store

        return phasegrok, diagram, Store(store).config()

    phasegrok, diagram, config = clock("import", imports)
    frame = clock("load", lambda: phasegrok.load(store))
    rule = phasegrok.Rule(0.9, 0.8, gap=0.1)
    frame["phase"] = clock("classify", lambda: phasegrok.classify(frame, rule))
    clock("draw", lambda: phasegrok.draw(frame, *AXES))
    clock("save as png, pdf and svg", lambda: diagram.save(frame, config, folder))
    return clock.lines(len(frame))


STEPS = {"plan": plan_step, "write": write_step, "compact": compact_step, "look": look_step}


def _outcomes(runs: Sequence[Any]) -> Iterator[Any]:
    """Invented outcomes in three phases, with curves that no two runs share."""
    import numpy as np

    from phasegrok.engine import Outcome
    from phasegrok.observables import CURVE

    numbers = np.random.default_rng(0)
    steps = [int(step) for step in np.geomspace(1, 2000, POINTS)]
    for run in runs:
        phase = (run.index["x"] // 10 + run.index["y"] // 10 + run.seed // 9) % 3
        val_step = (50, 900, None)[phase]
        curves = [steps, *numbers.random((len(CURVE) - 1, POINTS)).tolist()]
        seen = {
            "steps": val_step or 2000, "train_step": 40, "val_step": val_step,
            "train_steps": [5, 10, 20, 40, 60, None, None], "max_val_acc": 0.9,
            "val_steps": [5, 20, 45, val_step, None, None, None],
            **{name: curve[-1] for name, curve in zip(CURVE[1:], curves[1:], strict=True)},
            **{f"curve.{name}": curve for name, curve in zip(CURVE, curves, strict=True)},
        }  # fmt: skip
        yield Outcome(run, "decided" if val_step else "finished", row=seen)


if __name__ == "__main__":
    sys.exit(main())
