"""`phasegrok status`: right about every pack and job, whatever of SLURM can be asked.

What squeue, sacct, scontrol and the logs say here was said by a real SLURM (22.05).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from phasegrok import InputError, cells, submitted
from phasegrok import slurm as commands
from phasegrok.__main__ import main
from phasegrok.cells import SEMANTICS
from phasegrok.config import compose
from phasegrok.status import Status, describe, gather
from phasegrok.store import Store
from phasegrok.store.provenance import versions

RUNS_PER_PACK = 8
PACKS = ("p0000", "p0001", "p0002", "p0003")
Says = Callable[..., None]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A planned sweep of 32 runs in 4 packs, nothing of it trained."""
    store = Store(tmp_path / "quick", own=False)
    config = compose(["+sweep=quick", "seeds=2", f"out={store.path}"])
    store.path.mkdir()
    store.write_config(config)
    rows = [
        {"run_id": run.run_id, "seed": run.seed, **run.cell, "config": json.dumps(run.config),
         **{f"index.{name}": at for name, at in run.index.items()},
         "pack_id": PACKS[number // RUNS_PER_PACK], "width": 8, "compiled": False,
         "device": "cpu", "lane_order": number % RUNS_PER_PACK}
        for number, run in enumerate(cells.runs(config))
    ]  # fmt: skip
    store.write_plan(rows, config)
    return store


@pytest.fixture
def says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Says:
    """Puts a command on PATH that says this; at first there is no SLURM."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def put(name: str, text: str = "", code: int = 0) -> None:
        (folder / f"{name}.txt").write_text(text)
        (folder / name).write_text(
            f"#!/bin/sh\necho {name} >> {folder}/calls\n/bin/cat {folder}/{name}.txt\nexit {code}\n"
        )
        (folder / name).chmod(0o755)

    return put


@pytest.fixture
def slurm(says: Says) -> Says:
    """A SLURM that knows of no job and keeps no accounts."""
    says("squeue")
    says("sacct", "", 1)
    says("scontrol")
    return says


def asked(tmp_path: Path) -> list[str]:
    return (tmp_path / "bin" / "calls").read_text().split()


def submit(store: Store, array_id: str = "12", packs: Any = PACKS, **more: Any) -> None:
    told = {"commit": versions()["commit"], "semantics": SEMANTICS, "time": time.time() - 600}
    made = submitted.Submission(array_id=array_id, packs=[[pack] for pack in packs],
                                **told | more)  # fmt: skip
    submitted.record(store, made)


def attempt(store: Store, pack: str, number: int = 1, age: float = 1.0, **more: Any) -> None:
    """An attempt's file, last written so many seconds ago."""
    said = {"state": "running", "host": "n1", "pid": 1, "began": time.time() - 300,
            "runs": 2, "of": RUNS_PER_PACK, "run_steps": 30_000, "restarts": 0}  # fmt: skip
    store.claims.mkdir(exist_ok=True)
    path = store.claims / f"{pack}-{number:04d}.json"
    path.write_text(json.dumps(said | more))
    os.utime(path, (time.time() - age, time.time() - age))


def ended(store: Store, *packs: str, runs: int = RUNS_PER_PACK, **changes: Any) -> None:
    """Rows of the first runs of these packs, as their workers write them."""
    rows = []
    for pack in packs:
        for planned in store.planned(pack)[:runs]:
            rows.append({
                "run_id": planned["run_id"], "sweep": "quick", "seed": planned["seed"],
                "status": "finished", "steps": 400, "budget": 400, "train_step": 20,
                "val_step": None, "train_steps": [5, 5, 10, 20, None, None, None],
                "val_steps": [None] * 7, "config": planned["config"], "written": time.time() - 5,
                "pack_id": pack, **changes})  # fmt: skip
    store.write_part(f"part-{'-'.join(packs)}", rows, store.config())


def log(store: Store, job_id: str, text: str) -> None:
    folder = store.logs / "slurm"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{job_id}_0_log.err").write_text(text)


def ago(seconds: float) -> str:
    """That time, as SLURM writes it to a log."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(time.time() - seconds))


def pack_of(status: Status, name: str = "p0000") -> tuple[str, str]:
    (pack,) = [pack for pack in status.packs if pack.pack_id == name]
    return pack.state, pack.why


def job_of(status: Status, job_id: str = "12_0") -> tuple[str, str]:
    (job,) = [job for job in status.jobs if job.id == job_id]
    return job.state, job.why


# --------------------------------------------------------------------------- without any cluster


def test_a_directory_that_is_no_sweep_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a sweep's directory"):
        gather(Store(tmp_path))


def test_a_planned_sweep_has_not_begun(store: Store, says: Says) -> None:
    status = gather(store)
    assert status.runs == {"not begun": 32} and not status.going_on and status.code == 0
    assert f"phasegrok retry {store.path}" in describe(status)
    assert "SLURM" not in describe(status)


def test_runs_are_counted_by_what_became_of_them(store: Store, says: Says) -> None:
    ended(store, "p0000")
    ended(store, "p0001", runs=3)
    attempt(store, "p0001")
    status = gather(store)
    assert status.runs == {"done": 11, "running": 5, "waiting": 16}
    assert status.phases == {"memorization": 11}
    text = describe(status)
    assert "32 runs: 11 done, 5 running, 16 waiting" in text
    assert "4 packs: 1 done, 1 running, 2 waiting" in text
    assert "p0001: running, 2 of 8 runs on n1" in text
    assert "p0002, p0003: waiting, for a free worker" in text
    assert f"phasegrok status {store.path} --watch" in text and "retry" not in text


def test_a_local_sweep_within_a_job_of_the_users_own_is_at_work(store: Store, says: Says) -> None:
    """As in an interactive session: the job is none of those that the sweep submitted."""
    attempt(store, "p0001", job_id="77")
    assert pack_of(gather(store), "p0002") == ("waiting", "for a free worker")


def test_jobs_of_another_cluster_are_not_looked_for_here(store: Store, slurm: Says) -> None:
    submit(store, cluster="there")
    slurm("scontrol", "ClusterName = here\n")
    commands.cluster_name.cache_clear()
    status = gather(store)
    assert status.asked is False and pack_of(status)[0] == "submitted"


def test_a_local_sweep_whose_driver_died_says_where_it_was(store: Store, says: Says) -> None:
    attempt(store, "p0000", age=90)
    attempt(store, "p0001", age=90, state="stopped")
    status = gather(store)
    assert pack_of(status) == ("lost", "after 2 of 8 runs: its worker on n1 is gone")
    assert pack_of(status, "p0001") == ("stopped", "after 2 of 8 runs, in order")
    assert pack_of(status, "p0002") == ("not begun", "")
    assert status.code == 1 and status.to_retry == list(PACKS)


def test_a_finished_sweep_is_to_be_collected_and_then_plotted(store: Store, says: Says) -> None:
    ended(store, *PACKS)
    status = gather(store)
    assert status.runs == {"done": 32} and status.code == 0
    assert f"phasegrok collect {store.path}" in describe(status)
    store.compact()
    assert f"phasegrok plot {store.path}" in describe(gather(store))


def test_a_larger_budget_makes_ended_runs_missing_again(store: Store, says: Says) -> None:
    ended(store, "p0000")
    attempt(store, "p0000", state="ended", age=90)
    config = store.config()
    config["train"]["steps"] = 800
    store.write_config(config)
    assert pack_of(gather(store)) == ("not begun", "asked for since it ended")


def test_rate_and_eta_are_those_of_the_living_workers(store: Store, says: Says) -> None:
    status = gather(store)
    assert status.rate == 0 and status.eta is None
    now = time.time()
    ended(store, "p0000", "p0001", written=now - 500)  # before these workers began
    ended(store, "p0002", runs=4, written=now - 10)
    attempt(store, "p0002", began=now - 100, age=0, run_steps=50_000)
    attempt(store, "p0003", began=now - 100, age=0, run_steps=10_000)
    attempt(store, "p0001", began=now - 100, age=90, run_steps=10**9)
    status = gather(store)
    assert status.rate == pytest.approx(600, rel=0.05)
    # 4 runs in 100 s, 12 to go.
    assert status.eta == pytest.approx(300, rel=0.05)
    assert re.search(r"\d{3} run-steps/s, ETA [45] min", describe(status))


def test_failed_runs_are_shown_with_the_last_line_of_their_traceback(
    store: Store, says: Says
) -> None:
    ended(store, *PACKS[1:])
    ended(store, "p0000", status="failed")
    first, second = [row["run_id"] for row in store.planned("p0000")][:2]
    for run_id, failures in ((first, 3), (second, 1)):
        report = {"traceback": "Traceback ...\nValueError: not in the mood\n", "failures": failures}
        store.errors.mkdir(exist_ok=True)
        (store.errors / f"{run_id}.json").write_text(json.dumps(report))
    status = gather(store)
    assert status.runs == {"done": 24, "failed": 8} and status.code == 1
    assert status.given_up == 1
    assert pack_of(status) == ("not begun", "7 failed runs may be tried again")
    text = describe(status)
    assert "ValueError: not in the mood" in text or "and 3 more" in text
    shown = {failure.run_id: failure for failure in status.failures}
    for run_id in {first, second} & shown.keys():
        assert shown[run_id].line == "ValueError: not in the mood"
        assert str(store.errors / f"{run_id}.json") in text
    assert "1 of them are not tried again (launch.max_attempts)" in text


def test_a_directory_that_may_only_be_read_is_read(store: Store, says: Says) -> None:
    ended(store, "p0000")
    attempt(store, "p0001", age=1)
    before = sorted(store.path.rglob("*"))
    folders = [store.path, *(path for path in store.path.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    try:
        status = gather(store)
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert pack_of(status, "p0001")[0] == "running"
    assert sorted(store.path.rglob("*")) == before


def test_a_damaged_part_is_passed_over_and_left_where_it_is(store: Store, says: Says) -> None:
    ended(store, "p0000")
    (part,) = store.parts.iterdir()
    part.write_bytes(part.read_bytes()[:100])
    assert gather(store).runs["done"] == 0
    assert part.exists()


# --------------------------------------------------------------------------- with SLURM's queue


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


# ------------------------------------------------------------ why a job ended, whatever tells it

OOM = """\
slurmstepd-n2: error: StepId=8.0 exceeded memory limit (808931328 > 104857600), being killed
slurmstepd-n2: error: Exceeded job memory limit
slurmstepd-n2: error: *** STEP 8.0 ON n2 CANCELLED AT {at} ***
srun: Job step aborted: Waiting up to 7 seconds for job step to finish.
slurmstepd-n2: error: StepId=8.0 exceeded memory limit (808931328 > 104857600), being killed
srun: error: n2: task 0: Killed
slurmstepd-n2: error: Exceeded job memory limit
"""
CGROUP_OOM = """\
slurmstepd: error: Detected 1 oom_kill event in StepId=8.0. Some of the step tasks have been OOM \
Killed.
srun: error: n2: task 0: Out Of Memory
"""
TIME_LIMIT = """\
slurmstepd-n2: error: *** JOB 4 ON n2 CANCELLED AT {at} DUE TO TIME LIMIT ***
srun: Job step aborted: Waiting up to 7 seconds for job step to finish.
srun: got SIGCONT
srun: forcing job termination
srun: error: n2: task 0: Terminated
"""
CANCELLED = """\
srun: got SIGCONT
slurmstepd-n2: error: *** JOB 9 ON n2 CANCELLED AT {at} ***
srun: forcing job termination
"""
REQUEUED = """\
slurmstepd-n1: error: *** STEP 59.0 ON n1 CANCELLED AT {at} DUE TO JOB REQUEUE ***
slurmstepd-n1: error: *** JOB 59 ON n1 CANCELLED AT {at} DUE TO JOB REQUEUE ***
"""
PREEMPTED = """\
slurmstepd-n1: error: *** STEP 16.0 ON n1 CANCELLED AT {at} DUE TO PREEMPTION ***
slurmstepd-n1: error: *** JOB 16 ON n1 CANCELLED AT {at} DUE TO PREEMPTION ***
srun: got SIGCONT
"""
NODE_FAILED = """\
srun: error: Node failure on n2
srun: Job step aborted: Waiting up to 7 seconds for job step to finish.
"""
CRASHED = """\
phasegrok.launch.local.WorkerLost: a worker process ended with code -9
srun: error: n2: task 0: Exited with exit code 1
"""

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


# ---------------------------------------------------------------------------- SLURM out of reach


def test_without_slurm_claims_and_logs_tell(store: Store, says: Says) -> None:
    submit(store)
    attempt(store, "p0000", job_id="12_0", age=5)
    attempt(store, "p0001", job_id="12_1", age=90)
    attempt(store, "p0002", job_id="12_2", age=90, state="stopped")
    status = gather(store)
    assert status.asked is False and status.going_on
    assert pack_of(status)[0] == "running"
    assert pack_of(status, "p0001")[0] == "lost"
    assert "it may be queued again" in pack_of(status, "p0001")[1]
    assert pack_of(status, "p0002")[0] == "stopped"
    assert pack_of(status, "p0003") == ("submitted", "not begun as far as can be seen")
    text = describe(status)
    assert "SLURM was not asked" in text
    assert "12_3 (p0003): submitted, not begun as far as can be seen" in text


def test_without_slurm_a_log_tells_of_an_end_before_the_heartbeat_does(
    store: Store, says: Says
) -> None:
    """A claim counts as alive for a minute after its worker has gone."""
    submit(store)
    for number, text in enumerate((TIME_LIMIT, REQUEUED, CANCELLED)):
        attempt(store, PACKS[number], job_id=f"12_{number}", age=8, began=time.time() - 100)
        log(store, f"12_{number}", text.format(at=ago(10)))
    log(store, "12_3", TIME_LIMIT.format(at=ago(200)))  # of an earlier life
    attempt(store, "p0003", job_id="12_3", age=8, began=time.time() - 100)
    status = gather(store)
    why = "after 2 of 8 runs: it ran into its time limit; it may be queued again"
    assert pack_of(status) == ("lost", why)
    why = "queued again after 2 of 8 runs and not begun as far as can be seen"
    assert pack_of(status, "p0001") == ("submitted", why)
    assert pack_of(status, "p0002") == ("stopped", "after 2 of 8 runs: it was cancelled")
    assert pack_of(status, "p0003") == ("running", "2 of 8 runs on n1")


def test_without_slurm_what_phasegrok_cancel_ended_before_it_began_is_not_awaited(
    store: Store, says: Says
) -> None:
    submit(store)
    submitted.record_cancelled(store, [f"12_{number}" for number in range(4)])
    status = gather(store)
    words = "before it had begun: it was cancelled by phasegrok cancel"
    assert pack_of(status) == ("stopped", words)
    assert not status.going_on and status.to_retry == list(PACKS)


@pytest.mark.parametrize("code", [0, 1])
def test_a_controller_that_does_not_answer_is_no_empty_queue(
    store: Store, slurm: Says, code: int
) -> None:
    submit(store)
    slurm("squeue", "", code)
    assert gather(store).asked is (code == 0)
    assert pack_of(gather(store))[0] == ("lost" if code == 0 else "submitted")


# ------------------------------------------------------------------------------------ the command


def test_the_command_prints_the_status_and_exits_with_its_code(
    store: Store, says: Says, capsys: pytest.CaptureFixture[str]
) -> None:
    attempt(store, "p0000", age=90)
    assert main(["status", str(store.path)]) == 1
    assert "its worker on n1 is gone" in capsys.readouterr().out
    assert main(["status", str(store.path / "none")]) == 2
    assert "not a sweep's directory" in capsys.readouterr().err


def test_watching_ends_when_nothing_is_going_on(
    store: Store, says: Says, capsys: pytest.CaptureFixture[str]
) -> None:
    ended(store, *PACKS)
    assert main(["status", str(store.path), "--watch", "0.1"]) == 0
    assert capsys.readouterr().out.count("32 runs") == 1


@pytest.fixture
def watching(store: Store) -> Iterator[subprocess.Popen[str]]:
    attempt(store, "p0000", age=-3600)  # alive however slow the machine is
    command = [sys.executable, "-m", "phasegrok", "status", str(store.path), "--watch", "0.1"]
    watcher = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    yield watcher
    watcher.kill()
    watcher.communicate()


def test_watching_goes_on_while_something_is_and_ctrl_c_ends_it_quietly(
    store: Store, watching: subprocess.Popen[str]
) -> None:
    import signal

    assert watching.stdout is not None and watching.stderr is not None
    seen = 0
    while seen < 2:
        line = watching.stdout.readline()
        assert line, watching.stderr.read()
        seen += "32 runs: 8 running, 24 waiting" in line
    watching.send_signal(signal.SIGINT)
    _, errors = watching.communicate(timeout=60)
    assert watching.returncode == 130 and errors == ""


def test_an_interval_that_is_none_is_refused(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    for text in ("0", "-1", "nan", "often"):
        with pytest.raises(SystemExit) as refusal:
            main(["status", str(store.path), "--watch", text])
        assert refusal.value.code == 2


def test_status_imports_neither_torch_nor_submitit_nor_what_draws(store: Store) -> None:
    ended(store, "p0000")
    ended(store, "p0001", status="failed")
    submit(store)
    code = (
        "import sys; from phasegrok.status import describe, gather; from phasegrok.store import "
        f"Store; describe(gather(Store({str(store.path)!r}, own=False))); "
        "print({'torch', 'submitit', 'matplotlib', 'hydra', 'omegaconf'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stdout + done.stderr
