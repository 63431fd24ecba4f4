"""A column of the engine's benchmark as processes that train a block of run-steps when told.

A process (`python -m benchmarks.blocks JSON`) makes its runs, warms up (what has to be compiled
is) and says so; then it reads a number of steps a line, trains every run that far from its start,
and answers with the seconds and the run-steps. Several processes of one column begin together.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from benchmarks.cases import CASES, EVAL_EVERY, MEASURED, Case, Curve
from benchmarks.machine import ROOT

Answer = dict[str, Any]
# How far runs train while they warm up; far enough to see that the columns compute the same.
WARM_STEPS = 2 * EVAL_EVERY


class Column(Protocol):
    """What all columns have in common."""

    runs: int
    told: dict[str, Any]

    def train(self, steps: int) -> list[Curve]: ...


class Lost(Exception):
    """A process ended, or took too long, before it answered."""


class Team:
    """The processes of one column; each task is what `main` reads."""

    def __init__(self, tasks: Sequence[Mapping[str, Any]], *, threads: int | None = None):
        self._folder = tempfile.TemporaryDirectory()
        self._logs = [Path(self._folder.name) / str(number) for number in range(len(tasks))]
        self._processes = [_started(task, threads, log)
                           for task, log in zip(tasks, self._logs, strict=True)]  # fmt: skip

    def __enter__(self) -> Team:
        return self

    def __exit__(self, *exception: object) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
        self._folder.cleanup()

    def warm(self, seconds: float) -> Answer:
        """Wait until all are ready; what the first of them says.

        Raises:
            Lost: one did not get ready within so many seconds.
        """
        return self._answers(seconds)[0]

    def block(self, steps: int, seconds: float = 600.0) -> Answer:
        """All begin at once; numbers of work are summed over them, `seconds` is the longest."""
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write(f"{steps}\n")
        for process in self._processes:
            assert process.stdin is not None
            with suppress(BrokenPipeError):  # it has died, which _answers will see
                process.stdin.flush()
        answers = self._answers(seconds)
        total = {key: sum(answer[key] for answer in answers) for key in answers[0]}
        return total | {"seconds": max(answer["seconds"] for answer in answers)}

    def _answers(self, seconds: float) -> list[Answer]:
        timer = threading.Timer(seconds, self._give_up)
        timer.start()
        try:
            return [self._answer(number) for number in range(len(self._processes))]
        finally:
            timer.cancel()

    def _give_up(self) -> None:
        for process in self._processes:
            process.kill()

    def _answer(self, number: int) -> Answer:
        process = self._processes[number]
        assert process.stdout is not None
        line = process.stdout.readline()
        if line:
            return json.loads(line)
        code = process.wait()
        said = self._logs[number].read_text(errors="replace").strip().splitlines()
        said = [line for line in said if "Error" in line] or said  # torch says more, behind it
        raise Lost(said[-1] if said else f"ended with code {code}, out of time or memory")


def _started(
    task: Mapping[str, Any], threads: int | None, log_file: Path
) -> subprocess.Popen[str]:  # fmt: skip
    """The process, with so many threads; None: as many as its libraries take by themselves."""
    limits = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
    environment = {key: value for key, value in os.environ.items() if key not in limits}
    environment["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"  # the columns share a GPU's memory
    if threads is not None:
        environment |= dict.fromkeys(limits, str(threads))
    command = [sys.executable, "-m", "benchmarks.blocks", json.dumps(task)]
    with log_file.open("wb") as log:
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
            cwd=ROOT, env=environment,
        )  # fmt: skip


# ------------------------------------------------------------------------------- in the process


def main(arguments: Sequence[str]) -> None:
    task = json.loads(arguments[0])
    # The answers own the pipe; what libraries print goes to the log instead.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    served = _peak(task) if task["column"] == "peak" else _blocks(task)
    for answer in served:
        print(json.dumps(answer), file=answers, flush=True)


def _blocks(task: Mapping[str, Any]) -> Iterator[Answer]:
    column = made(task)
    curve = column.train(task["warm_steps"])[0]
    # Minibatches are drawn differently; before the first step all columns are still the same.
    drawn = _case(task).batch_size is not None
    seen = dict(zip(MEASURED, curve[0 if drawn else -1], strict=True))
    yield {"runs": column.runs, "told": column.told, "seen": seen}
    for line in sys.stdin:
        steps = int(line)
        start = time.perf_counter()
        column.train(steps)
        yield {"seconds": time.perf_counter() - start, "run_steps": steps * column.runs}


def made(task: Mapping[str, Any]) -> Column:
    """The column of a task: `case`, `quick`, `column`, `device`, `runs`, `first` run, and its own
    `compiled` or `tables`."""
    runs = _case(task).runs(task["runs"], first=task["first"], quick=task["quick"])
    device = task["device"]
    if task["column"] == "phasegrok":
        from benchmarks.packed import Packed

        return Packed(runs, device=device, compiled=task["compiled"])
    if task["column"] == "loop":
        from benchmarks.plain_loop import PlainLoop

        return PlainLoop(runs, device=device)
    from benchmarks.jax_vmap import JaxVmap

    column = JaxVmap(runs, tables=task["tables"])
    if (column.told["platform"] == "cpu") != (device == "cpu"):
        raise SystemExit(f"jax runs on {column.told['platform']} here, not on {device}")
    return column


def _case(task: Mapping[str, Any]) -> Case:
    return next(case for case in CASES if case.key == task["case"])


def _peak(task: Mapping[str, Any]) -> Iterator[Answer]:
    """The best float32 rate of square matrix products."""
    from phasegrok.engine import matmul_peak

    matmul_peak(task["device"])
    yield {"runs": 1, "told": {}, "seen": {}}
    for _ in sys.stdin:
        start = time.perf_counter()
        rate = matmul_peak(task["device"])
        yield {"seconds": time.perf_counter() - start, "flop_per_s": rate}


if __name__ == "__main__":
    main(sys.argv[1:])
