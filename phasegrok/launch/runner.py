"""What a SLURM job runs: packs of a store, one per GPU or CPU of the job, until they are done or
the job has to make way.

Three things may end a job early, each enough alone to lose no more than the work since the last
checkpoint: SLURM's signal before its time limit or a preemption (USR2), its order to end (TERM),
and our own deadline before the time limit, should no signal come. On all three the workers finish
their step, write what they have and end; after the first and the last the job is queued again.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from phasegrok import claims, sizing, submitted
from phasegrok.launch.local import Pool, WorkerLost
from phasegrok.store import Store

# The last part of a job's time, in which workers write and the job is queued again, in seconds and
# at most as a share of it.
LAST_S, LAST_SHARE = 45.0, 0.2

Handler = Callable[[int, FrameType | None], Any] | int | None


class PackRunner:
    """A job's task: two strings, so that what was submitted never grows stale.

    All else is read from the store when the job starts.

    Args:
        store: the sweep's directory, absolute.
        packs: ids of its packs, joined by commas.
    """

    def __init__(self, store: str, packs: str):
        self.store = store
        self.packs = packs

    def __call__(self) -> str:
        """Train the packs; in words, how that ended. submitit keeps the words as the result.

        Raises:
            WorkerLost: a worker died or could not write; its log says why.
        """
        store = Store(self.store)
        packs = self.packs.split(",")
        gpus = sizing.visible_gpus() if sizing.device_of(store.planned_config()) == "cuda" else []
        limit = _time_limit(store)
        with _deaf():
            pool = Pool(store, packs, len(packs), gpus, patient=False, stop_s=_last(limit))
        making_way = _MakingWay(pool.stop, limit)
        with making_way:
            try:
                pool.run(_tell)
            except WorkerLost as lost:
                if not making_way.reason:
                    raise
                _say(f"{lost}; it goes on from its last checkpoint")
        return making_way.end() if making_way.reason else "all packs are done"

    def checkpoint(self, *arguments: Any) -> Any:
        """What submitit queues again: the same. The workers have written by then."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(PackRunner(self.store, self.packs))


def _time_limit(store: Store) -> float | None:
    """Seconds that this job may take, as it was submitted; the sweep may have changed since.

    The line that says it can arrive later than the job starts: then as the sweep is configured.
    """
    array_id = (claims.job_id() or "").partition("_")[0]
    minutes = store.planned_config()["launch"].get("timeout_min")
    for made in submitted.submissions(store):
        if made.array_id == array_id:
            minutes = made.timeout_min
    return 60.0 * minutes if minutes else None


def _last(seconds: float | None) -> float:
    """How much of a job's time is for writing and being queued again."""
    return LAST_S if seconds is None else min(LAST_S, LAST_SHARE * seconds)


def _gone() -> float:
    """How much of the job's time has gone, where SLURM tells when it began."""
    began = os.environ.get("SLURM_JOB_START_TIME")
    return max(time.time() - float(began), 0.0) if began else 0.0


@contextmanager
def _deaf() -> Iterator[None]:
    """Processes begun meanwhile ignore USR2 from their first moment on: SLURM sends it to all, and
    the driver alone knows what it means. One that comes now is lost; the deadline stays."""
    before = signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR2, before)


class _MakingWay:
    """Asks the workers to stop when the job has to end; knows why, and what to do then.

    Args:
        stop: asks the workers, and does not wait for them.
        seconds: the job's time limit; None if it is not known.
    """

    def __init__(self, stop: Callable[[], None], seconds: float | None):
        self.reason = ""
        self._stop = stop
        left = threading.TIMEOUT_MAX if seconds is None else seconds - _last(seconds) - _gone()
        self._timer = threading.Timer(max(left, 1.0), self._ask, ["the job's time is nearly over"])
        self._timer.daemon = True
        self._queue_again: Handler = None

    def __enter__(self) -> None:
        # submitit's, which queues the job again at once: that has to wait for the workers.
        self._queue_again = signal.signal(signal.SIGUSR2, self._signalled)
        signal.signal(signal.SIGTERM, self._signalled)
        self._timer.start()

    def __exit__(self, *exception: object) -> None:
        self._timer.cancel()

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        self._ask(f"SLURM sent {signal.Signals(number).name}")

    def _ask(self, reason: str) -> None:
        _say(f"{reason}: the workers write what they have and end")
        self.reason = self.reason or reason
        self._stop()

    def end(self) -> str:
        """After the workers: queue the job again, unless SLURM has ordered its end."""
        if "SIGTERM" in self.reason:
            # Cancelled, or preempted: then SLURM queues it again by itself.
            sys.exit(1)
        try:
            if callable(self._queue_again):
                self._queue_again(signal.SIGUSR2, None)  # ends this process
        except (OSError, subprocess.SubprocessError) as error:
            _say(f"the job cannot be queued again: {error}; `phasegrok retry` will do it")
            sys.exit(1)
        return f"stopped: {self.reason}"


def _tell(event: dict[str, Any]) -> None:
    """Workers' progress is in their claims; nothing to add."""


def _say(words: str) -> None:
    print(f"{time.strftime('%F %T')} phasegrok: {words}", file=sys.stderr, flush=True)
