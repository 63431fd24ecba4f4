"""How it stands with each pack: what its runs, its attempts and its jobs say together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from phasegrok.claims import ENDED, FAILED, STOPPED, Attempt
from phasegrok.slurm import Job
from phasegrok.status.runs import Ran
from phasegrok.status.scene import AT_WORK, Scene, of_this_life
from phasegrok.words import counted

DONE = "done"  # nothing of it is left to train
RUNNING = "running"
STARTING = "starting"  # its job runs, its worker does not yet
WAITING = "waiting"
UNSEEN = "submitted"  # and not begun, as far as can be seen without SLURM
HALTED = "stopped"  # in order, and nobody goes on with it
LOST = "lost"  # its worker or job is gone, and nobody goes on with it
NOT_BEGUN = "not begun"  # and not submitted

IN_FLIGHT = (RUNNING, STARTING, WAITING, UNSEEN)
STATES = (DONE, *IN_FLIGHT, HALTED, LOST, NOT_BEGUN)

# What SLURM's reasons for letting a job wait mean, as they begin.
_REASONS = {
    "Priority": "others go first",
    "Resources": "waits for free nodes",
    "BeginTime": "waits for its time to begin, some two minutes after being queued again",
    "JobArrayTaskLimit": "waits for others of its array (launch.array_parallelism)",
    "Dependency": "waits for another job",
    "JobHeldAdmin": "is held by an administrator, who alone may let it go: scontrol release {id}",
    "JobHeld": "is held; scontrol release {id} lets it go",
    "launch failed requeued held": "did not start and is held; scontrol release {id} lets it go",
    "job requeued in held state": "is held; scontrol release {id} lets it go",
    "PartitionTimeLimit": "never begins: its partition allows less time (launch.timeout_min)",
    "PartitionNodeLimit": "never begins: its partition has not that many nodes",
    "PartitionDown": "its partition is down",
    "PartitionInactive": "its partition is inactive",
    "BadConstraints": "never begins: no node is of that kind (launch.constraint)",
    "Nodes required": "nodes are down or reserved",
    "ReqNodeNotAvail": "nodes are down or reserved",
    "NodeDown": "its node went down",
    "QOS": "waits for a limit of the QOS",
    "Assoc": "waits for a limit of the account",
    "MaxJobs": "waits for a limit of the account",
}


@dataclass(frozen=True)
class Pack:
    """A pack, its state and why.

    runs: how many are planned. missing: how many are neither done nor failed. again: how many
    failed and are to be tried again. job_id: of the last job that was submitted for it. attempt:
    the last one at it.
    """

    pack_id: str
    state: str
    why: str = ""
    runs: int = 0
    missing: int = 0
    again: int = 0
    job_id: str | None = None
    attempt: Attempt | None = None


def packs(plan: Sequence[Mapping[str, Any]], ran: Ran, scene: Scene) -> list[Pack]:
    """Every planned pack.

    Args:
        plan: run_id and pack_id of the planned runs.
    """
    runs: dict[str, list[str]] = defaultdict(list)
    for row in plan:
        # A run that was known when it was planned has no pack; one that is damaged since is "?".
        if row["pack_id"] is not None or ran.left(row["run_id"]):
            runs[row["pack_id"] or "?"].append(row["run_id"])
    return [_pack(name, ids, ran, scene) for name, ids in sorted(runs.items())]


def _pack(name: str, ids: Sequence[str], ran: Ran, scene: Scene) -> Pack:
    missing, again = sum(map(ran.left, ids)), sum(map(ran.again, ids))
    state, why = _placed(scene, name, missing, again)
    job_id = scene.sent[name][-1][0] if name in scene.sent else None
    return Pack(name, state, why, len(ids), missing, again, job_id, scene.last(name))


def _placed(scene: Scene, name: str, missing: int, again: int) -> tuple[str, str]:
    """State of a pack, and why."""
    attempt, sent = scene.last(name), scene.sent.get(name, ())
    if attempt is not None and scene.at_work(attempt):
        return RUNNING, f"{so_far(attempt)} on {attempt.host}"
    queue = scene.queue or {}
    job = next((queue[job_id] for job_id, _ in reversed(sent) if job_id in queue), None)
    if job is not None:
        return _in_queue(scene, attempt, job)
    if not missing:
        why = f"{counted(again, 'failed run')} may be tried again"
        return (NOT_BEGUN, why) if again else (DONE, "")
    if not sent:
        return _without_job(scene, attempt)
    (job_id, submission), local = sent[-1], attempt and attempt.job_id not in scene.job_ids
    if attempt is not None and local and attempt.began > submission.time:
        return _without_job(scene, attempt)
    own = attempt if attempt is not None and attempt.job_id == job_id else None
    return _job_gone(scene, job_id, own)


def _in_queue(scene: Scene, attempt: Attempt | None, job: Job) -> tuple[str, str]:
    own = attempt if attempt is not None and attempt.job_id == job.id else None
    ends = job.state == "COMPLETING"
    if job.state not in AT_WORK or (ends and own is not None and not of_this_life(own, job)):
        words = reason(job) or job.state.lower()
        if own is None:
            return WAITING, words
        because = scene.endings.words(own)
        return WAITING, f"queued again after {so_far(own)}{because}; {words}"
    if attempt is None or not of_this_life(attempt, job):
        begins = "it ends" if ends else f"for {duration(job.elapsed_s)}, no heartbeat yet"
        return STARTING, f"on {job.node}, {begins}"
    if attempt.state == FAILED:
        return LOST, f"after {so_far(attempt)}: its worker failed ({attempt.why})"
    if attempt.state == STOPPED:
        return RUNNING, f"stops in order after {so_far(attempt)}"
    silent = f", silent for {duration(attempt.age)}" if attempt.state != ENDED else ""
    return RUNNING, f"{so_far(attempt)} on {job.node}{silent}"


def _job_gone(scene: Scene, job_id: str, own: Attempt | None) -> tuple[str, str]:
    """Of a pack with runs left whose last job is not in the queue, or cannot be asked for.

    Args:
        own: that job's attempt, if it is the last one at the pack.
    """
    if own is not None and own.state == ENDED:
        return NOT_BEGUN, "asked for since it ended"
    ending = scene.endings.of_job(job_id, own)
    when = f"after {so_far(own)}" if own is not None else "before it had begun"
    if scene.queue is None and own is None and ending.state != "CANCELLED":
        return UNSEEN, "not begun as far as can be seen"
    if scene.queue is None and ending.state == "REQUEUED":
        return UNSEEN, f"queued again {when} and not begun as far as can be seen"
    if own is not None and own.state == STOPPED:
        because = f": {ending.why}" if ending.state not in ("", "COMPLETED") else ""
        return HALTED, f"{when}, in order{because}"
    if own is not None and own.state == FAILED:
        return LOST, f"{when}: its worker failed ({own.why})"
    if ending.state == "CANCELLED":
        return HALTED, f"{when}: {ending.why}"
    why = ending.why
    if own is not None and not ending.state:
        why = f"silent for {duration(own.age)}"
    return LOST, f"{when}: {why}{'' if scene.queue is not None else '; it may be queued again'}"


def _without_job(scene: Scene, attempt: Attempt | None) -> tuple[str, str]:
    """Of a pack with runs left that no job was submitted for."""
    if attempt is not None and attempt.state == FAILED:
        return LOST, f"after {so_far(attempt)}: its worker failed ({attempt.why})"
    if scene.local_workers():
        return WAITING, "for a free worker"
    if attempt is None:
        return NOT_BEGUN, ""
    if attempt.state == ENDED:
        return NOT_BEGUN, "asked for since it ended"
    if attempt.state == STOPPED:
        return HALTED, f"after {so_far(attempt)}, in order"
    return LOST, f"after {so_far(attempt)}: its worker on {attempt.host} is gone"


def reason(job: Job) -> str:
    """Why a job waits, in words and SLURM's word."""
    words = next((w for key, w in _REASONS.items() if job.reason.startswith(key)), "")
    return f"{words.format(id=job.id)} ({job.reason})" if words else job.reason


def so_far(attempt: Attempt) -> str:
    return f"{attempt.runs} of {counted(attempt.of, 'run')}" if attempt.of else "0 runs"


def duration(seconds: float) -> str:
    """Seconds in the one or two units that matter."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"
