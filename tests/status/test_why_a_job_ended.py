"""`phasegrok status` says why a job ended, whatever tells it."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from phasegrok import submitted
from phasegrok.status import describe, gather
from phasegrok.store import Store
from tests.status.logs import (
    CANCELLED,
    CGROUP_OOM,
    CRASHED,
    NODE_FAILED,
    OOM,
    PREEMPTED,
    REQUEUED,
    TIME_LIMIT,
)
from tests.status.scenes import PACKS, Says, ago, asked, attempt, job_of, log, pack_of, submit

# What the log says, what sacct and scontrol say; the state and what is in its words.
ENDINGS = {
    "timed out": (TIME_LIMIT, "TIMEOUT|0:0|00:01:11|n2", "TIMEOUT TimeLimit 0:15",
                  "TIMEOUT", "time limit"),
    "failed": (CRASHED, "FAILED|1:0|00:00:09|n2", "FAILED NonZeroExitCode 1:0",
               "FAILED", "a worker process ended with code -9"),
    "cancelled": (CANCELLED, "CANCELLED by 0|0:0|00:00:33|n2", "CANCELLED None 0:15",
                  "CANCELLED", "it was cancelled"),
    "out of memory": (OOM, "FAILED|9:0|00:00:01|n2", "FAILED NonZeroExitCode 137:0",
                      "OUT_OF_MEMORY", "launch.mem_gb"),
    "out of memory with cgroups": (CGROUP_OOM, "OUT_OF_MEMORY|0:125|00:00:01|n2",
                                   "OUT_OF_MEMORY OutOfMemory 0:125",
                                   "OUT_OF_MEMORY", "launch.mem_gb"),
    "node failed": (NODE_FAILED, "NODE_FAIL|0:0|00:00:33|n2", "NODE_FAIL NodeDown 0:0",
                    "NODE_FAIL", "its node failed"),
    "preempted": (PREEMPTED, "PREEMPTED|0:0|00:00:33|n2", "PREEMPTED None 0:0",
                  "PREEMPTED", "higher priority"),
}  # fmt: skip


@pytest.mark.parametrize("witness", ["sacct", "scontrol", "log"])
@pytest.mark.parametrize("case", ENDINGS)
def test_why_a_job_ended(store: Store, slurm: Says, case: str, witness: str) -> None:
    text, accounted, remembered, state, words = ENDINGS[case]
    submit(store)
    attempt(store, "p0000", job_id="12_0", age=90)
    log(store, "12_0", text.format(at=ago(85)))
    if witness == "sacct":
        slurm("sacct", f"12_0|{accounted}\n")
    if witness == "scontrol":
        job_state, why, code = remembered.split()
        slurm("scontrol", f"JobId=7 ArrayJobId=12 ArrayTaskId=0 JobState={job_state} "
              f"Reason={why} Restarts=0 ExitCode={code} NodeList=n2\n")  # fmt: skip
    status = gather(store)
    assert job_of(status)[0] == state
    assert words in job_of(status)[1] and "after 2 of 8 runs" in job_of(status)[1]
    assert pack_of(status)[0] == ("stopped" if state == "CANCELLED" else "lost")
    assert f"phasegrok retry {store.path}" in describe(status)


TRACEBACK = CRASHED.splitlines(keepends=True)[0]


@pytest.mark.parametrize("text", [TRACEBACK, PREEMPTED + CRASHED])
def test_a_traceback_and_the_code_of_an_earlier_life_do_not_say_that_a_job_failed(
    store: Store, slurm: Says, text: str
) -> None:
    submit(store)
    attempt(store, "p0000", 1, job_id="12_0", age=200, began=time.time() - 300)
    attempt(store, "p0000", 2, job_id="12_0", age=70, began=time.time() - 150)
    log(store, "12_0", text.format(at=ago(250)))
    assert pack_of(gather(store)) == ("lost", "after 2 of 8 runs: silent for 1 min")


def test_an_accounting_that_lags_behind_is_not_believed(store: Store, slurm: Says) -> None:
    submit(store, packs=PACKS[:1])
    attempt(store, "p0000", job_id="12", age=90)
    slurm("sacct", "12|RUNNING|0:0|00:00:33|n2\n")
    slurm("scontrol", "JobId=12 JobState=TIMEOUT Reason=TimeLimit ExitCode=0:0 NodeList=n2\n")
    assert job_of(gather(store), "12")[0] == "TIMEOUT"


@pytest.mark.parametrize("text", [PREEMPTED, TIME_LIMIT, CANCELLED])
def test_what_ended_an_earlier_life_of_a_job_is_not_held_against_the_last(
    store: Store, slurm: Says, text: str
) -> None:
    submit(store)
    attempt(store, "p0000", 1, job_id="12_0", age=200, began=time.time() - 300)
    attempt(store, "p0000", 2, job_id="12_0", age=70, began=time.time() - 150)
    log(store, "12_0", text.format(at=ago(199)))
    assert pack_of(gather(store)) == ("lost", "after 2 of 8 runs: silent for 1 min")


def test_a_job_that_left_the_queue_without_a_trace_was_cancelled_most_likely(
    store: Store, slurm: Says
) -> None:
    submit(store)
    state, why = pack_of(gather(store))
    assert state == "lost"
    assert why == "before it had begun: it left the queue, most likely cancelled"


def test_a_job_that_has_just_gone_is_given_two_heartbeats_unless_its_end_is_known(
    store: Store, slurm: Says
) -> None:
    submit(store)
    attempt(store, "p0000", job_id="12_0", age=3)
    attempt(store, "p0001", job_id="12_1", age=20)
    attempt(store, "p0002", job_id="12_2", age=3)
    slurm("sacct", "12_2|NODE_FAIL|0:0|00:00:33|n2\n")
    status = gather(store)
    assert pack_of(status)[0] == "running"
    assert job_of(status)[0] == "running"
    assert pack_of(status, "p0002") == ("lost", "after 2 of 8 runs: its node failed (n2)")
    state, why = pack_of(status, "p0001")
    assert state == "lost" and re.fullmatch(r"after 2 of 8 runs: silent for 2\d s", why)


@pytest.mark.parametrize("text", [REQUEUED, PREEMPTED, ""])
def test_a_job_that_phasegrok_cancel_ended_is_cancelled_whatever_befell_it_before(
    store: Store, slurm: Says, text: str
) -> None:
    submit(store)
    attempt(store, "p0000", job_id="12_0", age=90)
    log(store, "12_0", text.format(at=ago(85)))
    submitted.record_cancelled(store, ["12_0"])
    status = gather(store)
    assert job_of(status)[0] == "CANCELLED"
    words = "after 2 of 8 runs: it was cancelled by phasegrok cancel"
    assert pack_of(status) == ("stopped", words)


def test_a_job_that_was_queued_again_and_left_the_queue_is_lost(store: Store, slurm: Says) -> None:
    submit(store)
    attempt(store, "p0000", job_id="12_0", age=90)
    log(store, "12_0", REQUEUED.format(at=ago(85)))
    state, why = pack_of(gather(store))
    assert state == "lost"
    assert why.endswith("it was queued again and left the queue since, most likely cancelled")


def test_slurm_is_asked_once_each(store: Store, slurm: Says, tmp_path: Path) -> None:
    submit(store, "12")
    submit(store, "13")
    gather(store)
    assert asked(tmp_path) == ["squeue", "sacct", "scontrol"]


def test_the_last_job_of_a_pack_is_the_one_that_counts(store: Store, slurm: Says) -> None:
    submit(store, "12")
    attempt(store, "p0000", 1, job_id="12_0", age=400)
    submit(store, "15", PACKS[:1])
    slurm("squeue", "15|PENDING||0:00|Priority\n")
    status = gather(store)
    assert pack_of(status)[0] == "waiting"
    assert {job.id for job in status.jobs} == {"15", "12_1", "12_2", "12_3"}
