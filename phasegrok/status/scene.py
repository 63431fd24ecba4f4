"""What is seen around the packs of a store: attempts at them, jobs submitted, SLURM's queue."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from phasegrok import claims, slurm, submitted
from phasegrok.claims import BEAT_S, ENDED, Attempt
from phasegrok.slurm import Job
from phasegrok.status.ended import WORDS, Endings
from phasegrok.store import Store
from phasegrok.submitted import Submission

# States of a job in the queue in which its worker may be at work.
AT_WORK = ("RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT")


@dataclass(frozen=True)
class Scene:
    """What is seen.

    submissions: in their order. sent: of each pack, the jobs for it in the order in which they
    were submitted. queue: what squeue lists of them, None where it could not be asked.
    """

    attempts: Mapping[str, Sequence[Attempt]]
    submissions: Sequence[Submission]
    sent: Mapping[str, Sequence[tuple[str, Submission]]]
    job_ids: frozenset[str]
    queue: Mapping[str, Job] | None
    endings: Endings

    @classmethod
    def of(cls, store: Store) -> Scene:
        """One look at the claims, at jobs.jsonl and, if anything was submitted, at the queue."""
        made = submitted.submissions(store)
        sent: dict[str, list[tuple[str, Submission]]] = defaultdict(list)
        for each in made:
            for job_id, names in each.jobs():
                for name in names:
                    sent[name].append((job_id, each))
        job_ids = frozenset(job_id for each in made for job_id, _ in each.jobs())
        users = {each.user for each in made if each.user}
        here = bool(made) and not slurm.other_clusters(each.cluster for each in made)
        queue = slurm.queued([each.array_id for each in made], users) if here else None
        # After the queue: what has left it has said its last word.
        attempts = claims.attempts(store)
        endings = Endings(store, cancelled=submitted.cancelled(store))
        return cls(attempts, made, dict(sent), job_ids, queue, endings)

    def last(self, pack_id: str) -> Attempt | None:
        return (self.attempts.get(pack_id) or [None])[-1]

    def at_work(self, attempt: Attempt | None) -> bool:
        """Whether a worker is at it: by its heartbeat, unless the queue says that it cannot be."""
        if attempt is None or not attempt.alive:
            return False
        if attempt.job_id is None or attempt.job_id not in self.job_ids:
            return True
        if self.queue is None:
            return not self.endings.log(attempt.job_id).orders(attempt.began)
        job = self.queue.get(attempt.job_id)
        if job is None:  # on a shared file system, the last word of a worker may be late
            ending = self.endings.of_job(attempt.job_id, attempt)
            return attempt.age < 2 * BEAT_S and ending.state in ("", "COMPLETED")
        return job.state in AT_WORK and of_this_life(attempt, job)

    def living(self) -> list[Attempt]:
        """The attempts at which a worker is."""
        return [each[-1] for each in self.attempts.values() if self.at_work(each[-1])]

    def local_workers(self) -> bool:
        """Whether a sweep on some machine is at work here, whose workers take pack after pack."""
        # It may itself be within a job: an interactive one, or one of the user's own.
        return any(attempt.job_id not in self.job_ids for attempt in self.living())

    def learn(self, unexplained: set[str]) -> None:
        """Ask the accounting, and the controller for what that does not know, about these jobs and
        those whose attempts were followed by another job's."""
        pairs = (pair for each in self.attempts.values() for pair in pairwise(each))
        followed = {a.job_id for a, b in pairs if a.state != ENDED and a.job_id != b.job_id}
        ids = unexplained | {job_id for job_id in followed if job_id in self.job_ids and job_id}
        arrays = {job_id.partition("_")[0] for job_id in ids}
        if not ids or self.queue is None:
            return
        told = slurm.accounted(arrays)
        # The accounting may lag behind: these have left the queue.
        told = {name: job for name, job in told.items() if job.state in WORDS}
        if not ids <= told.keys():
            told = slurm.remembered(arrays) | told
        self.endings.told = told


def of_this_life(attempt: Attempt, job: Job) -> bool:
    """Whether the attempt is from after the job was last queued again."""
    return attempt.job_id == job.id and attempt.age <= job.elapsed_s + 1
