"""Whatever befalls the jobs of a sweep, it gives what it gives undisturbed, and status says why.

Each fault strikes one pack of 90 runs of which some have ended and at least 50 have not. What it
cost is printed (pytest -s): runs in flight, runs lost, run-steps trained again.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch

from phasegrok.claims import RUNNING, Attempt
from tests.slurm.cluster import Cluster
from tests.slurm.sweeps import PLAIN, Sweep
from tests.sweeping import command

# A third of the runs are decided after some hundred steps, the others never.
PLAN = ("+sweep=quick", *PLAIN, "sweep.x.num=1", "sweep.x.low=0.65", "sweep.y.num=3",
        "sweep.y.low=6", "seeds=30", "train.steps=2400", "train.eval_every=20")  # fmt: skip
CHECKPOINT_S = 2.0
JOBS = ("launch.runs_per_pack=90", "launch.flush_s=1", f"launch.checkpoint_s={CHECKPOINT_S:g}")
# A signal that changes nothing, in place of the warning before the end of a job.
NO_WARNING = "+launch.parameters.signal=B:URG@1"
PACK, RUNS = "p0000", 90
STEPS_BETWEEN_EVALUATIONS = 50 * 20


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed") / "quick"
    answer = command(*PLAN, "launch.workers=1", f"out={out}")
    assert answer.returncode == 0, answer.stderr
    return out


@pytest.fixture
def cluster(slurm: Cluster) -> Iterator[Cluster]:
    yield slurm
    slurm.calm()


class Struck:
    """A sweep of one pack, submitted. `strikes` waits for the moment of the fault: a checkpoint is
    there, some runs have ended, at least 50 are in flight, and the worker has just told how far it
    is, so that what is killed then is counted."""

    def __init__(self, cluster: Cluster, out: Path, *settings: str):
        self.sweep = Sweep(cluster, out, *PLAN, *JOBS, *settings)
        answer = self.sweep.submit()
        assert answer.returncode == 0, answer.stderr
        (self.job,) = self.sweep.job_ids()

    def strikes(self) -> Attempt:
        self.sweep.until(
            lambda: self.attempts and self.checkpoint.exists() and self._has_told(self.newest),
            "a heartbeat after runs have ended and a checkpoint was written",
        )
        now = self.newest
        self.rate = now.run_steps / (time.time() - now.age - now.began)
        self.runs_in_flight = self.sweep.in_flight()
        self.unsaved_s = time.time() - self.checkpoint.stat().st_mtime
        assert self.runs_in_flight >= 50
        assert 0 < now.runs < now.of == RUNS and self.checkpoint.exists()
        return now

    @staticmethod
    def _has_told(attempt: Attempt) -> bool:
        return 0 < attempt.runs < attempt.of and attempt.age < 0.5

    @property
    def attempts(self) -> list[Attempt]:
        return self.sweep.attempts().get(PACK, [])

    @property
    def newest(self) -> Attempt:
        return self.attempts[-1]

    @property
    def checkpoint(self) -> Path:
        return self.sweep.store.checkpoints / f"{PACK}.pt"

    @property
    def log(self) -> str:
        path = self.sweep.store.logs / "slurm" / f"{self.job}_0_log.err"
        return path.read_text() if path.exists() else ""

    def status(self) -> str:
        return self.sweep.command("status").stdout

    def until_attempt(self, number: int) -> None:
        self.sweep.until(lambda: len(self.attempts) >= number, f"attempt {number}", 120)

    def assert_recovered(self, undisturbed: Path, fault: str, *said: str, retries: int) -> None:
        """Complete, equal to the undisturbed, at most a checkpoint interval lost, explained."""
        assert self.sweep.complete() == retries
        self.sweep.collected().assert_equals(undisturbed)
        assert widths(self.sweep.out) == widths(undisturbed) == {50}
        lost = run_ids(undisturbed) - run_ids(self.sweep.out)
        again, needed = self.sweep.trained_again()
        status = self.status()
        print(f"\n{fault}: {self.runs_in_flight} runs in flight, {len(lost)} lost, "
              f"{max(again, 0)} of {needed} run-steps trained again (the fault came "
              f"{self.unsaved_s:.1f} s after a checkpoint, of one every {CHECKPOINT_S:g} s; at the "
              f"mean speed since its start {self.rate * CHECKPOINT_S:.0f} run-steps lie between "
              f"two)\n{status}")  # fmt: skip
        assert not lost
        # Twice, since the machine's speed varies.
        assert again <= 2 * self.rate * CHECKPOINT_S + STEPS_BETWEEN_EVALUATIONS
        assert all(words in status for words in said)
        assert f"{RUNS} runs: {RUNS} done" in status


def run_ids(out: Path) -> set[str]:
    return set(pq.read_table(out / "results.parquet", columns=["run_id"])["run_id"].to_pylist())


def widths(out: Path) -> set[int]:
    return set(pq.read_table(out / "plan.parquet", columns=["width"])["width"].to_pylist())


@contextlib.contextmanager
def held_up(attempt: Attempt) -> Iterator[Callable[[], None]]:
    """The worker does not get on meanwhile, or until this is called."""

    def wake() -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(attempt.pid, signal.SIGCONT)

    os.kill(attempt.pid, signal.SIGSTOP)
    try:
        yield wake
    finally:
        wake()


def exists(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


# --------------------------------------------------------------------------------- the faults


def test_preempted_by_a_partition_of_higher_priority(
    cluster: Cluster, undisturbed: Path, tmp_path: Path
) -> None:
    struck = Struck(cluster, tmp_path / "quick")
    host = struck.strikes().host
    cluster.run("sbatch", "--partition=urgent", f"--nodelist={host}", "--mem=100",
                f"--output={tmp_path}/urgent.log", "--wrap", "sleep 3")  # fmt: skip
    struck.until_attempt(2)
    said = ("stopped in order", "a job of higher priority took its place")
    struck.assert_recovered(undisturbed, "preemption", *said, retries=0)


def test_queued_again_by_hand(cluster: Cluster, undisturbed: Path, tmp_path: Path) -> None:
    struck = Struck(cluster, tmp_path / "quick")
    struck.strikes()
    cluster.run("scontrol", "requeue", struck.job)
    struck.until_attempt(2)
    said = ("stopped in order", "it was queued again")
    struck.assert_recovered(undisturbed, "scontrol requeue", *said, retries=0)


def test_the_signal_alone(cluster: Cluster, undisturbed: Path, tmp_path: Path) -> None:
    """On USR2 the workers write, and the job queues itself again."""
    struck = Struck(cluster, tmp_path / "quick")
    struck.strikes()
    cluster.run("scancel", "--signal=USR2", struck.job)
    struck.until_attempt(2)
    assert "SLURM sent SIGUSR2: the workers write what they have and end" in struck.log
    said = ("stopped in order", "it was queued again")
    struck.assert_recovered(undisturbed, "USR2", *said, retries=0)


def test_periodic_checkpoints_alone(cluster: Cluster, undisturbed: Path, tmp_path: Path) -> None:
    """The worker is killed and can write nothing any more; its job fails, and retry goes on at
    once."""
    struck = Struck(cluster, tmp_path / "quick")
    os.kill(struck.strikes().pid, signal.SIGKILL)
    struck.sweep.until_queue_is_empty()
    assert struck.newest.number == 1 and struck.newest.state == RUNNING
    assert_explained(struck, "FAILED", "its worker failed", "code -9")
    said = ("was cut off after", "code -9")
    struck.assert_recovered(undisturbed, "SIGKILL of the worker", *said, retries=1)


def test_our_own_deadline_alone_and_a_time_limit_that_comes_unannounced(
    cluster: Cluster, undisturbed: Path, tmp_path: Path
) -> None:
    """Two jobs of one minute without SLURM's warning. The one knows its limit: its workers write
    in time, and it queues itself again. The other does not, and SLURM ends it. In folders apart,
    since a sweep takes over what its neighbours have trained."""
    knowing = Struck(cluster, tmp_path / "knowing" / "quick", "launch.timeout_min=1", NO_WARNING)
    unaware = Struck(cluster, tmp_path / "unaware" / "quick", NO_WARNING)
    # Of SLURM's own limit, launch.timeout_min and so our deadline know nothing.
    cluster.run("scontrol", "update", f"JobId={unaware.job}", "TimeLimit=1")
    with held_up(knowing.strikes()) as writes, held_up(unaware.strikes()):
        words = "the job's time is nearly over"
        knowing.sweep.until(lambda: words in knowing.log, "the deadline")
        writes()
        # What SLURM ends, it wakes.
        unaware.sweep.until(lambda: "RUNNING" not in unaware.sweep.states(), "the limit", 180)
    knowing.until_attempt(2)
    unaware.sweep.until_queue_is_empty()
    assert_explained(unaware, "TIMEOUT", "it ran into its time limit")
    said = ("stopped in order", "it was queued again")
    knowing.assert_recovered(undisturbed, "our own deadline", *said, retries=0)
    said = ("it ran into its time limit",)
    unaware.assert_recovered(undisturbed, "time limit", *said, retries=1)


def test_a_node_that_fails_while_its_worker_lives_on(
    cluster: Cluster, undisturbed: Path, tmp_path: Path
) -> None:
    """The worker on the lost node goes on writing until it meets the attempt that follows it."""
    struck = Struck(cluster, tmp_path / "quick")
    old = struck.strikes()
    cluster.kill_node(old.host)
    with held_up(old):  # SLURM takes longer to miss a node than the pack to end
        struck.sweep.until(lambda: cluster.node_states()[old.host].startswith("down"), "it is down")
        written = struck.checkpoint.stat().st_mtime_ns
    struck.sweep.until(lambda: struck.checkpoint.stat().st_mtime_ns > written, "it writes again")
    with held_up(old):
        assert attempt_in(struck.checkpoint) == 1
        struck.until_attempt(2)
        seen = written_by(struck, 1)
    struck.sweep.until(lambda: not exists(old.pid), "the old worker has ended")
    assert struck.newest.number == 2 and struck.newest.host != old.host
    struck.assert_recovered(undisturbed, "node failure", "its node failed", retries=0)
    assert written_by(struck, 1) == seen
    assert "a later attempt has begun; attempt 1 stops" in worker_log(struck)


def test_a_restart_of_the_controller(cluster: Cluster, undisturbed: Path, tmp_path: Path) -> None:
    """In order, and killed: the job knows nothing of it."""
    struck = Struck(cluster, tmp_path / "quick")
    struck.strikes()
    cluster.restart_controller()
    cluster.restart_controller(signal.SIGKILL)
    assert f"{struck.job} ({PACK}): RUNNING" in struck.status()
    struck.assert_recovered(undisturbed, "restart of slurmctld", "1 pack: 1 done", retries=0)
    assert len(struck.attempts) == 1


# ---------------------------------------------------------------------------- what they look at


def assert_explained(struck: Struck, *said: str) -> None:
    """Status gives the reason, and the command to go on with."""
    status = struck.status()
    print(f"\n{status}")
    for words in (*said, f"phasegrok retry {struck.sweep.out}"):
        assert words in status


def attempt_in(checkpoint: Path) -> int:
    return torch.load(checkpoint, weights_only=True)["attempt"]


def written_by(struck: Struck, number: int) -> dict[str, int]:
    """The parts and the claim of an attempt, and when each was last written."""
    store, name = struck.sweep.store, f"{PACK}-{number:04d}"
    files = [*store.parts.glob(f"part-{name}-*"), store.claims / f"{name}.json"]
    return {file.name: file.stat().st_mtime_ns for file in files}


def worker_log(struck: Struck) -> str:
    return "".join(log.read_text() for log in struck.sweep.store.logs.glob("worker-*.log"))
