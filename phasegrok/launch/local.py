"""A bounded pool of worker processes on this machine.

Workers are subprocesses of `python -m phasegrok.worker`, one for each GPU or each with a set number
of threads. Each holds a pipe from the driver as its standard input: when the driver ends, however
it ends, the pipe closes and the worker stops by itself.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from phasegrok.claims import HELD, LOST, STOPPED, job_id
from phasegrok.errors import InputError
from phasegrok.store import Store

Event = dict[str, Any]

# How long workers may take to finish their step and write, if no other time is given.
STOP_S = 60.0
# How often it is asked whether a pack that another driver's worker held is free or done.
ASK_AGAIN_S = 3.0


class WorkerLost(Exception):
    """A worker ended without finishing its pack."""


class Pool:
    """Workers that take packs one after another.

    Args:
        gpus: names of the GPUs as CUDA_VISIBLE_DEVICES has them, one for each worker; empty for
            the CPU.
        threads: of each worker.
        patient: wait for packs that the workers of another driver train.
        stop_s: how long workers may take to finish their step and write, once asked to stop.
    """

    def __init__(
        self,
        store: Store,
        pack_ids: Iterable[str],
        workers: int,
        gpus: Sequence[str] = (),
        *,
        threads: int = 1,
        patient: bool = True,
        stop_s: float = STOP_S,
    ):
        self._waiting = list(pack_ids)[::-1]
        self._events: queue.Queue[tuple[int, Event | None]] = queue.Queue()
        self._stopped_at: float | None = None
        self._problem: Exception | None = None
        self._holding: dict[int, str | None] = {}
        # Packs that other drivers' workers train, and our workers that wait for them.
        self._elsewhere: list[str] = []
        self._idle: list[int] = []
        self._asked_at = time.monotonic()
        self._threads = str(threads)
        self._patient = patient
        self._stop_s = stop_s
        self._logs = store.logs
        self._logs.mkdir(parents=True, exist_ok=True)
        count = min(workers, len(self._waiting))
        self._processes = [self._start(store, number, gpus) for number in range(count)]
        for number in range(count):
            self._feed(number)

    def run(self, take: Callable[[Event], None]) -> None:
        """Hand every progress event to `take` until all workers have ended.

        Raises:
            WorkerLost: a worker died (its log says why), or could not write; the others were
                stopped in order.
            InputError: a worker found the input unusable.
        """
        alive = set(range(len(self._processes)))
        while alive:
            self._kill_the_late()
            self._ask_again()
            try:
                number, event = self._events.get(timeout=1.0)
            except queue.Empty:
                continue
            if event is None:
                alive.discard(number)
                self._judge_end(number)
            elif event["event"] == "pack":
                self._judge_pack(number, event)
            elif event["event"] == "error":
                kind = InputError if event["input"] else WorkerLost
                self._stop_for(kind(event["message"]))
            else:
                take(event)
        if self._problem is not None:
            raise self._problem

    def stop(self) -> None:
        """Ask all workers to finish their step, write what they have and end."""
        self._stopped_at = self._stopped_at or time.monotonic()
        self._waiting.clear()
        self._elsewhere.clear()
        for process in self._processes:
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()

    def kill(self) -> None:
        """End all workers at once; what they had not written is lost."""
        for process in self._processes:
            process.kill()

    # ------------------------------------------------------------------------------ one worker

    def _start(self, store: Store, number: int, gpus: Sequence[str]) -> subprocess.Popen[str]:
        threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), self._threads)
        environment = {**os.environ, **threads}
        if gpus:
            environment["CUDA_VISIBLE_DEVICES"] = gpus[number]
        with self._log(number).open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "phasegrok.worker", str(store.path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=environment,
                # A group of its own: Ctrl-C is for the driver, which ends its workers in order.
                process_group=0,
            )
        threading.Thread(target=self._listen, args=(number, process), daemon=True).start()
        return process

    def _log(self, number: int) -> Path:
        of_job = f"{job}-" if (job := job_id()) else ""
        return self._logs / f"worker-{of_job}{number}.log"

    def _listen(self, number: int, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                self._events.put((number, json.loads(line)))
        finally:
            process.wait()
            self._events.put((number, None))

    def _feed(self, number: int) -> None:
        """Give a worker its next pack, or close its input if none is left."""
        stdin = self._processes[number].stdin
        assert stdin is not None
        if self._stopped_at is not None:
            return
        with contextlib.suppress(BrokenPipeError):  # it has died, which _judge_end will see
            if self._waiting and self._holding.get(number) is None:
                self._holding[number] = self._waiting.pop()
                stdin.write(f"{self._holding[number]}\n")
                stdin.flush()
            elif self._elsewhere and self._holding.get(number) is None:
                self._idle.append(number)
            else:
                stdin.close()

    def _judge_pack(self, number: int, event: Event) -> None:
        """A worker's word about how its time with a pack ended; one that stopped will end."""
        if event["how"] == STOPPED:
            return
        self._holding[number] = None
        if event["how"] in (HELD, LOST) and self._patient:
            self._elsewhere.append(event["pack_id"])
        self._feed(number)

    def _ask_again(self) -> None:
        """Packs that another driver's workers train: is something of them left by now?"""
        if self._idle and time.monotonic() - self._asked_at >= ASK_AGAIN_S:
            self._asked_at = time.monotonic()
            self._waiting, self._elsewhere = [*self._elsewhere, *self._waiting], []
            idle, self._idle = self._idle, []
            for number in idle:
                self._feed(number)

    # -------------------------------------------------------------------------------- the end

    def _judge_end(self, number: int) -> None:
        """A worker that ends unasked, or holding a pack, has been lost."""
        code = self._processes[number].returncode
        asked = self._stopped_at is not None
        if code != 0 or (self._holding.get(number) is not None and not asked):
            lines = self._log(number).read_text(errors="replace").strip().splitlines()
            why = f": {lines[-1]}" if lines else ""
            words = f"a worker process ended with code {code}{why} (log: {self._log(number)})"
            self._stop_for(WorkerLost(words))

    def _stop_for(self, problem: Exception) -> None:
        self._problem = self._problem or problem
        self.stop()

    def _kill_the_late(self) -> None:
        since = time.monotonic() - (self._stopped_at or math.inf)
        if since > self._stop_s:
            words = f"workers did not end within {self._stop_s:g} s"
            self._problem = self._problem or WorkerLost(words)
            self.kill()
