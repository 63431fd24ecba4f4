"""The SLURM jobs of a sweep that have something left to tell, and what happened before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from phasegrok.claims import ENDED, FAILED, STOPPED, Attempt
from phasegrok.status.packs import DONE, IN_FLIGHT, Pack, reason, so_far
from phasegrok.status.scene import Scene


@dataclass(frozen=True)
class JobLine:
    """A job: its packs, its state in SLURM's word, and why.

    Where SLURM was not asked, the state is that of its packs.
    """

    id: str
    packs: Sequence[str]
    state: str
    why: str


def job_lines(scene: Scene, packs: Sequence[Pack]) -> tuple[list[JobLine], int]:
    """The jobs with something left to tell, and how many ended without."""
    by_name = {pack.pack_id: pack for pack in packs}
    lines, silent = [], 0
    for job_id, names in (job for each in scene.submissions for job in each.jobs()):
        left = [by_name[name] for name in names if name in by_name]
        left = [pack for pack in left if pack.job_id == job_id and pack.state != DONE]
        if left or (scene.queue or {}).get(job_id):
            lines.append(_line(scene, job_id, names, left))
        else:
            silent += 1
    return lines, silent


def _line(scene: Scene, job_id: str, names: Sequence[str], left: Sequence[Pack]) -> JobLine:
    whys = [pack.why if len(names) == 1 else f"{pack.pack_id} {pack.why}" for pack in left]
    why = "; ".join(filter(None, whys))
    job = (scene.queue or {}).get(job_id)
    if job is not None:
        return JobLine(job_id, names, job.state, why or reason(job))
    if scene.queue is None:
        return JobLine(job_id, names, left[0].state, why)
    ending = scene.endings.of_job(job_id, left[0].attempt)
    gone = "GONE" if left[0].state not in IN_FLIGHT else left[0].state
    return JobLine(job_id, names, ending.state or gone, why or ending.why)


def happened(scene: Scene, most: int) -> tuple[list[str], int]:
    """What attempts came to that others followed: the last in words, and how many before."""
    pairs = [
        pair
        for each in scene.attempts.values()
        for pair in pairwise(each)
        if pair[0].state != ENDED
    ]
    pairs.sort(key=lambda pair: pair[1].began)
    return [_told(scene, *pair) for pair in pairs[-most:]], max(0, len(pairs) - most)


def _told(scene: Scene, attempt: Attempt, later: Attempt) -> str:
    job = f" (job {attempt.job_id})" if attempt.job_id else ""
    why = scene.endings.words(attempt, later)
    return (
        f"attempt {attempt.number} of {attempt.pack_id} on {attempt.host or '?'}{job} "
        f"{_came_to(attempt, why)} after {so_far(attempt)}{why}; "
        f"attempt {later.number} {_then(scene, later)}"
    )


def _came_to(attempt: Attempt, why: str) -> str:
    if attempt.state == FAILED:
        return f"failed ({attempt.why})"
    if attempt.state == STOPPED:
        return "stopped in order"
    return "was cut off" if why else "fell silent"


def _then(scene: Scene, later: Attempt) -> str:
    if scene.at_work(later):
        return "goes on"
    return "finished it" if later.state == ENDED else "followed"
