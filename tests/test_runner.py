"""A SLURM job that has to make way, in this process, without a SLURM."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from phasegrok import plan
from phasegrok.config import check, compose
from phasegrok.launch import runner
from phasegrok.launch.local import Pool, WorkerLost
from phasegrok.plan import Plan
from phasegrok.store import Store
from phasegrok.submitted import Submission, record


@pytest.fixture
def planned(tmp_path: Path) -> Plan:
    arguments = ["+sweep=quick", "launch=slurm", "launch.gpus_per_node=0", "train.steps=100",
                 "launch.timeout_min=7", f"out={tmp_path / 'quick'}"]  # fmt: skip
    config = compose(arguments)
    check(config, arguments)
    return plan.prepare(config)


def test_a_worker_that_is_signalled_while_it_still_imports_trains_on(planned: Plan) -> None:
    """SLURM sends its warning to all processes of a step at once."""
    names = [pack.pack_id for pack in planned.packs[:1]]
    with runner._deaf():
        pool = Pool(planned.store, names, 1)
    (process,) = pool._processes
    process.send_signal(signal.SIGUSR2)
    pool.run(lambda event: None)
    assert process.returncode == 0
    assert planned.store.rows(["run_id"]).num_rows == len(planned.packs[0].runs)


class _Queued(Exception):
    """What submitit does once it has queued the job again: it ends the process."""


@pytest.mark.parametrize("number", [signal.SIGUSR2, signal.SIGTERM])
def test_a_worker_that_is_lost_while_the_job_makes_way_does_not_keep_it_from_being_queued_again(
    planned: Plan, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    def loses_a_worker(pool: Pool, take: Callable[..., None]) -> None:
        pool.kill()
        os.kill(os.getpid(), number)
        raise WorkerLost("workers did not end within 36 s")

    def queue_again(*signalled: object) -> None:
        raise _Queued

    monkeypatch.setattr(Pool, "run", loses_a_worker)
    before = [signal.getsignal(each) for each in (signal.SIGUSR2, signal.SIGTERM)]
    signal.signal(signal.SIGUSR2, queue_again)
    job = runner.PackRunner(str(planned.store.path), planned.packs[0].pack_id)
    try:
        # An order to end comes from SLURM, which queues a preempted job again by itself.
        with pytest.raises(_Queued if number == signal.SIGUSR2 else SystemExit):
            job()
    finally:
        for each, handler in zip((signal.SIGUSR2, signal.SIGTERM), before, strict=True):
            signal.signal(each, handler)


def test_a_worker_that_is_lost_for_no_such_reason_fails_the_job(
    planned: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def loses_a_worker(pool: Pool, take: Callable[..., None]) -> None:
        pool.kill()
        raise WorkerLost("a worker process ended with code -9")

    monkeypatch.setattr(Pool, "run", loses_a_worker)
    handlers = [signal.getsignal(each) for each in (signal.SIGUSR2, signal.SIGTERM)]
    try:
        with pytest.raises(WorkerLost, match="code -9"):
            runner.PackRunner(str(planned.store.path), planned.packs[0].pack_id)()
    finally:
        signal.signal(signal.SIGUSR2, handlers[0])
        signal.signal(signal.SIGTERM, handlers[1])


def test_a_job_knows_its_limit_as_it_was_submitted_else_as_it_is_configured(
    planned: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(planned.store.path)
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "41")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "2")
    assert runner._time_limit(store) == 7 * 60
    record(store, Submission(0.0, "40", [["p0000"]], timeout_min=5))
    record(store, Submission(0.0, "41", [["p0000"]], timeout_min=3))
    assert runner._time_limit(store) == 3 * 60


def test_the_deadline_counts_from_the_jobs_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules, environments and imports may have taken most of a short job's time."""
    asked = threading.Event()
    monkeypatch.setenv("SLURM_JOB_START_TIME", str(int(time.time()) - 50))
    making_way = runner._MakingWay(asked.set, 60.0)
    assert making_way._timer.interval == 1.0
    monkeypatch.delenv("SLURM_JOB_START_TIME")
    assert runner._MakingWay(asked.set, 60.0)._timer.interval == pytest.approx(48.0)
