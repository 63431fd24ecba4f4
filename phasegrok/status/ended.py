"""Why a job ended: by the accounting or the controller where they tell, else by the job's log."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from phasegrok.claims import Attempt
from phasegrok.slurm import Job
from phasegrok.store import Store

# How much of the end of a log is read.
TAIL_BYTES = 65_536

WORDS = {
    "BOOT_FAIL": "its node did not start",
    "CANCELLED": "it was cancelled",
    "COMPLETED": "it ended in order",
    "DEADLINE": "it could not end before its deadline",
    "FAILED": "its worker failed",
    "NODE_FAIL": "its node failed",
    "OUT_OF_MEMORY": "it used more memory than it may (launch.mem_gb)",
    "PREEMPTED": "a job of higher priority took its place",
    "REQUEUED": "it was queued again",
    "TIMEOUT": "it ran into its time limit",
}

# The causes that slurmstepd gives for ending a step, as their lines begin.
_CAUSES = {"TIME LIMIT": "TIMEOUT", "PREEMPTION": "PREEMPTED", "NODE FAILURE": "NODE_FAIL",
           "JOB REQUEUE": "REQUEUED"}  # fmt: skip

_ENDED_BY_SLURM = re.compile(
    r"\*\*\* (?:STEP|JOB) \S+ ON \S+ CANCELLED AT (\S+)(?: DUE TO ([^*]+?))? \*\*\*"
)
_NODE_FAILED = re.compile(r"srun: error: Node failure on ")
_TASK_FAILED = re.compile(r"srun: error: \S+: tasks? \S+: Exited with exit code [1-9]")
_NO_MEMORY = re.compile(r"oom[-_ ]kill|exceeded .*memory limit|out-of-memory", re.IGNORECASE)


@dataclass(frozen=True)
class Event:
    """What the log tells of an end. at: when, if it says so, in seconds since the epoch."""

    state: str
    at: float | None = None


@dataclass(frozen=True)
class Ending:
    """How a job ended: SLURM's state ("" where nothing tells) and why, in words."""

    state: str
    why: str


@dataclass(frozen=True)
class Log:
    """The log that submitit gave a job. An array element that is queued again goes on with it."""

    path: Path

    @classmethod
    def of(cls, store: Store, job_id: str) -> Log:
        return cls(store.logs / "slurm" / f"{job_id}_0_log.err")

    @cached_property
    def lines(self) -> list[str]:
        try:
            with self.path.open("rb") as file:
                file.seek(max(0, file.seek(0, 2) - TAIL_BYTES))
                return file.read().decode(errors="replace").splitlines()
        except OSError:
            return []

    @cached_property
    def events(self) -> list[Event]:
        """What SLURM did, in its order."""
        found: list[Event] = []
        for line in self.lines:
            if _NO_MEMORY.search(line):
                found.append(Event("OUT_OF_MEMORY"))
            elif _NODE_FAILED.match(line):
                found.append(Event("NODE_FAIL"))
            elif match := _ENDED_BY_SLURM.search(line):
                at, cause = _epoch(match.group(1)), match.group(2) or ""
                state = next((s for words, s in _CAUSES.items() if cause.startswith(words)), None)
                if state is None and found and found[-1].state == "OUT_OF_MEMORY":
                    found[-1] = Event("OUT_OF_MEMORY", at)  # for which it was cancelled
                else:
                    found.append(Event(state or "CANCELLED", at))
        return found

    def last_words(self) -> str:
        """The last line that the worker wrote, not SLURM."""
        said = (line.strip() for line in reversed(self.lines))
        of_slurm = ("slurmstepd", "srun:", "***")
        return next((line for line in said if line and not line.startswith(of_slurm)), "")

    def cause(self, began: float, until: float | None = None) -> str:
        """The state in which SLURM ended what began then, "" if the log tells none.

        Args:
            until: when the job began again; None for its last life.
        """
        timed = self.orders(began, until)
        untimed = [event.state for event in self.events if event.at is None]
        if until is None and "OUT_OF_MEMORY" in untimed:
            return "OUT_OF_MEMORY"
        telling = [state for state in timed if state != "CANCELLED"]
        lost = ["NODE_FAIL"] if "NODE_FAIL" in untimed else []
        failed = ["FAILED"] if until is None and self._failed_in_its_only_life() else []
        return next(iter([*telling, *timed, *lost, *failed]), "")

    def orders(self, began: float, until: float | None = None) -> list[str]:
        """SLURM's orders to end what began then, as the states that they lead to."""
        return [
            event.state
            for event in self.events
            if event.at is not None and began - 2 <= event.at <= (until or event.at) + 2
        ]

    def _failed_in_its_only_life(self) -> bool:
        """A job that is queued again ends with a code, too, and that line has no time."""
        only = all(event.at is None for event in self.events)
        return only and any(map(_TASK_FAILED.match, self.lines))


def _epoch(text: str) -> float | None:
    try:
        return time.mktime(time.strptime(text, "%Y-%m-%dT%H:%M:%S"))
    except ValueError:
        return None


@dataclass
class Endings:
    """Why jobs ended, each looked up once.

    told: what accounting and controller say of jobs that may have ended. cancelled: the jobs that
    the sweep's own command ended.
    """

    store: Store
    told: Mapping[str, Job] = field(default_factory=dict)
    cancelled: AbstractSet[str] = frozenset()
    logs: dict[str, Log] = field(default_factory=dict)

    def log(self, job_id: str) -> Log:
        return self.logs.setdefault(job_id, Log.of(self.store, job_id))

    def of_job(self, job_id: str, attempt: Attempt | None) -> Ending:
        """How a job that is not in the queue ended.

        Args:
            attempt: its last attempt at a pack.
        """
        job, log = self.told.get(job_id), self.log(job_id)
        state = job.state if job is not None and job.state in WORDS else ""
        seen = log.cause(attempt.began if attempt is not None else 0.0)
        if job_id in self.cancelled and state in ("", "CANCELLED"):
            return Ending("CANCELLED", "it was cancelled by phasegrok cancel")
        if not state or seen == "OUT_OF_MEMORY":
            state = seen
        if not state and attempt is None and not log.path.exists():
            return Ending("", "it left the queue, most likely cancelled")
        if not state:
            return Ending("", "it left the queue")
        if state == "REQUEUED":
            return Ending(state, f"{WORDS[state]} and left the queue since, most likely cancelled")
        if state == "FAILED":
            return Ending(state, self._failed(job, log))
        by = f" {job.reason}" if job and state == "CANCELLED" and job.reason[:3] == "by " else ""
        on = f" ({job.node})" if job and state == "NODE_FAIL" and job.node else ""
        return Ending(state, WORDS[state] + by + on)

    def words(self, attempt: Attempt, later: Attempt | None = None) -> str:
        """ ": WHY" an attempt that the same or another job followed up came to its end, as far as
        anything tells; else nothing."""
        if attempt.job_id is None:
            return ""
        if later is not None and attempt.job_id != later.job_id:
            ending = self.of_job(attempt.job_id, attempt)
            return f": {ending.why}" if ending.state not in ("", "COMPLETED") else ""
        until = later.began if later is not None else time.time()
        state = self.log(attempt.job_id).cause(attempt.began, until)
        return f": {WORDS[state]}" if state else ""

    def _failed(self, job: Job | None, log: Log) -> str:
        code = job.exit_code if job is not None else ""
        number, _, signal = code.partition(":")
        words = WORDS["FAILED"]
        if number in ("9", "137") or signal == "9":  # 9 is how sacct has 137
            words = "its worker was killed, by hand or for lack of memory (launch.mem_gb)"
        if code not in ("", "0:0"):
            words += f", exit code {number if signal in ('', '0') else code}"
        last = log.last_words()
        where = "" if "log:" in last else f" (log: {log.path})"
        return f"{words}: {last}{where}" if last else words
