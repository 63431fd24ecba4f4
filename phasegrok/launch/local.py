"""A bounded pool of worker processes on this machine.

Workers are subprocesses of `python -m phasegrok.worker`, each with one thread on a CPU, or one
per GPU. Each holds a pipe from the driver as its standard input: when the driver ends, however it
ends, the pipe closes and the worker stops by itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from phasegrok.errors import InputError
from phasegrok.store import Store

Event = dict[str, Any]

# How long a worker may take to finish its step and write, once asked to stop.
STOP_S = 60.0


class WorkerLost(Exception):
    """A worker ended without finishing its pack."""


class Pool:
    """Workers that take packs one after another; `events` yields what they report."""

    def __init__(self, store: Store, pack_ids: Iterable[str], workers: int, gpus: int = 0):
        self._waiting = list(pack_ids)[::-1]
        self._events: queue.Queue[tuple[int, Event | None]] = queue.Queue()
        count = min(workers, len(self._waiting))
        self._logs = store.path / "logs"
        self._logs.mkdir(parents=True, exist_ok=True)
        self._processes = [self._start(store, number, gpus) for number in range(count)]
        for number in range(count):
            self._feed(number)

    def _start(self, store: Store, number: int, gpus: int) -> subprocess.Popen[str]:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        if gpus:
            environment["CUDA_VISIBLE_DEVICES"] = str(number % gpus)
        with self.log(number).open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "phasegrok.worker", str(store.path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=environment,
            )
        threading.Thread(target=self._listen, args=(number, process), daemon=True).start()
        return process

    def log(self, number: int) -> Path:
        return self._logs / f"worker-{number}.log"

    def _listen(self, number: int, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self._events.put((number, json.loads(line)))
        process.wait()
        self._events.put((number, None))

    def _feed(self, number: int) -> None:
        """Give a worker its next pack, or close its input if none is left."""
        stdin = self._processes[number].stdin
        assert stdin is not None
        try:
            if self._waiting:
                stdin.write(self._waiting.pop() + "\n")
                stdin.flush()
            else:
                stdin.close()
        except BrokenPipeError:
            pass  # the worker has died; its end is reported by _listen

    def run(self, take: Callable[[Event], None]) -> None:
        """Hand every event to `take` until all workers have ended.

        Raises:
            WorkerLost: a worker died (its log says why); the others are stopped first.
            InputError: a worker found the input unusable.
        """
        alive = set(range(len(self._processes)))
        problems: list[Exception] = []
        while alive:
            number, event = self._events.get()
            if event is None:
                alive.discard(number)
                code = self._processes[number].returncode
                if code != 0 and not problems:
                    problems.append(self._lost(number, code))
                    self.stop()
            elif event["event"] == "pack":
                self._feed(number)
            elif event["event"] == "error":
                problems.append(WorkerLost(event["message"]))
                self.stop()
            else:
                take(event)
        if problems:
            raise problems[0]

    def _lost(self, number: int, code: int) -> WorkerLost:
        tail = self.log(number).read_text(errors="replace").strip().splitlines()[-1:]
        return WorkerLost(
            f"a worker process ended with code {code}"
            + (f": {tail[0]}" if tail else "")
            + f" (log: {self.log(number)})"
        )

    def stop(self) -> None:
        """Ask all workers to finish their step, write what they have and end."""
        self._waiting.clear()
        for process in self._processes:
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()

    def wait(self, take: Callable[[Event], None]) -> None:
        """After `stop`: wait until all have ended, killing what does not end in time."""
        for process in self._processes:
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
        while not self._events.empty():
            _, event = self._events.get()
            if event is not None and event["event"] == "progress":
                take(event)


def gpu_count() -> int:
    """GPUs of this machine as the driver lists them, without loading torch."""
    return len(list(Path("/dev").glob("nvidia[0-9]*")))


__all__: Sequence[str] = ["InputError", "Pool", "WorkerLost", "gpu_count"]
