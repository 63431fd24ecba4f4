"""`phasegrok status` with SLURM's queue, and what had happened before."""

from __future__ import annotations

import time
from pathlib import Path

from phasegrok.cells import SEMANTICS
from phasegrok.status import describe, gather
from phasegrok.store import Store
from tests.status.logs import (
    NODE_FAILED,
    PREEMPTED,
)
from tests.status.scenes import (
    PACKS,
    Says,
    ago,
    asked,
    attempt,
    ended,
    job_of,
    log,
    pack_of,
    submit,
)


def test_the_queue_tells_what_waits_and_why(store: Store, slurm: Says) -> None:
    submit(store)
    slurm("squeue", "12_0|PENDING||0:00|Resources\n12_1|PENDING||0:00|Priority\n"
          "12_2|PENDING||0:00|JobHeldUser\n12_3|CONFIGURING|n1|0:00|None\n")  # fmt: skip
    status = gather(store)
    assert status.asked and status.going_on and status.code == 0
    assert status.runs == {"waiting": 32}
    assert job_of(status) == ("PENDING", "waits for free nodes (Resources)")
    assert "scontrol release 12_2" in job_of(status, "12_2")[1]
    assert job_of(status, "12_3") == ("CONFIGURING", "configuring")
    assert "12_0 (p0000): PENDING, waits for free nodes (Resources)" in describe(status)


def test_what_an_administrator_holds_is_not_the_users_to_release(store: Store, slurm: Says) -> None:
    submit(store, packs=PACKS[:1])
    slurm("squeue", "12|PENDING||0:00|JobHeldAdmin\n")
    assert "held by an administrator, who alone may let it go" in job_of(gather(store), "12")[1]


def test_a_job_runs_before_its_worker_does(store: Store, slurm: Says) -> None:
    submit(store)
    slurm("squeue", "".join(f"12_{i}|RUNNING|n2|0:07|None\n" for i in range(4)))
    attempt(store, "p0001", job_id="12_1", age=2)
    attempt(store, "p0002", job_id="12_2", age=90)  # before it was queued again
    status = gather(store)
    assert pack_of(status) == ("starting", "on n2, for 7 s, no heartbeat yet")
    assert job_of(status, "12_1") == ("RUNNING", "2 of 8 runs on n1")
    assert pack_of(status, "p0002")[0] == "starting"
    assert status.runs == {"starting": 24, "running": 8}


def test_a_worker_that_fell_silent_in_a_running_job_is_shown(store: Store, slurm: Says) -> None:
    submit(store)
    slurm("squeue", "".join(f"12_{i}|RUNNING|n2|10:00|None\n" for i in range(4)))
    attempt(store, "p0000", job_id="12_0", age=120)
    attempt(store, "p0001", job_id="12_1", age=120, state="failed", why="OSError")
    attempt(store, "p0002", job_id="12_2", age=2, state="stopped")
    status = gather(store)
    assert pack_of(status) == ("running", "2 of 8 runs on n2, silent for 2 min")
    assert pack_of(status, "p0001")[0] == "lost" and "OSError" in pack_of(status, "p0001")[1]
    assert pack_of(status, "p0002") == ("running", "stops in order after 2 of 8 runs")


def test_a_job_that_was_queued_again_waits(store: Store, slurm: Says) -> None:
    submit(store, packs=PACKS[:1])
    slurm("squeue", "12|PENDING||0:00|BeginTime\n")
    attempt(store, "p0000", job_id="12", age=3, state="running")  # its last heartbeat is fresh
    status = gather(store)
    assert pack_of(status)[0] == "waiting"
    assert job_of(status, "12")[1].startswith("queued again after 2 of 8 runs; waits for its time")


def test_a_job_in_order_is_not_listed(store: Store, slurm: Says, tmp_path: Path) -> None:
    submit(store)
    ended(store, *PACKS)
    for number, pack in enumerate(PACKS):
        attempt(store, pack, job_id=f"12_{number}", age=90, state="ended", runs=8)
    status = gather(store)
    assert not status.jobs and status.silent_jobs == 4 and status.code == 0
    assert asked(tmp_path) == ["squeue"], "nothing has to be explained"


def test_a_long_queue_is_told_in_few_lines(store: Store, slurm: Says) -> None:
    submit(store, packs=[PACKS[0]] * 500)
    slurm("squeue", "".join(f"12_{i}|PENDING||0:00|Priority\n" for i in range(500)))
    text = describe(gather(store))
    assert "12_0 (p0000), 12_1 (p0000), 12_2 (p0000) and 497 more: PENDING" in text
    assert text.count("\n") < 12


# ----------------------------------------------------------------------------- what had happened


def test_what_earlier_attempts_came_to_is_told(store: Store, slurm: Says) -> None:
    submit(store)
    slurm("squeue", "12_0|RUNNING|n2|1:30|None\n")
    log(store, "12_0", PREEMPTED.format(at=ago(199)))
    attempt(store, "p0000", 1, job_id="12_0", age=200, began=time.time() - 300)
    attempt(store, "p0000", 2, job_id="12_0", age=1, began=time.time() - 80, host="n2")
    attempt(store, "p0001", 1, age=200, state="failed", why="OSError", host="laptop")
    attempt(store, "p0001", 2, age=0, state="ended", runs=8, began=time.time() - 70)
    assert gather(store).happened == [
        "attempt 1 of p0000 on n1 (job 12_0) was cut off after 2 of 8 runs: a job of higher "
        "priority took its place; attempt 2 goes on",
        "attempt 1 of p0001 on laptop failed (OSError) after 2 of 8 runs; attempt 2 finished it",
    ]


def test_of_many_attempts_the_last_are_told_and_the_others_counted(
    store: Store, says: Says
) -> None:
    for number in range(1, 31):
        attempt(store, "p0000", number, age=100, began=time.time() - 1000 + number)
    status = gather(store)
    assert len(status.happened) == 10 and status.before == 19
    assert status.happened[-1].startswith("attempt 29 of p0000")
    assert "19 attempts before" in describe(status)


def test_a_node_that_failed_is_named_as_what_happened(store: Store, slurm: Says) -> None:
    submit(store)
    log(store, "12_0", NODE_FAILED)
    attempt(store, "p0000", 1, job_id="12_0", age=200, began=time.time() - 300)
    attempt(store, "p0000", 2, job_id="12_0", age=1, began=time.time() - 80, host="n2")
    slurm("squeue", "12_0|RUNNING|n2|1:30|None\n")
    (happened,) = gather(store).happened
    assert "its node failed; attempt 2 goes on" in happened


def test_code_that_changed_since_the_submission_is_warned_of(store: Store, slurm: Says) -> None:
    submit(store, semantics=SEMANTICS + 1, commit="0123456789ab")
    text = describe(gather(store))
    assert f"semantics {SEMANTICS + 1} then, {SEMANTICS} now" in text
    ended(store, *PACKS)
    assert not gather(store).warnings, "nothing is left that another code would train"
