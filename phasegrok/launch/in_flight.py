"""Which packs SLURM's jobs or living workers are at, and how many jobs of a sweep are queued."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from phasegrok import claims, slurm, submitted
from phasegrok.errors import InputError
from phasegrok.plan import Plan
from phasegrok.store import Store
from phasegrok.submitted import Submission
from phasegrok.words import counted


def in_flight(store: Store) -> set[str]:
    """Packs that a job in the queue will train or trains, or a living worker does.

    Raises:
        InputError: jobs were submitted, and SLURM cannot be asked about them.
    """
    jobs = dict(_jobs(store))  # before the queue: what another driver submits now is in neither
    waiting = queued_jobs(store)
    gone = jobs.keys() - waiting
    packs = {pack for name in waiting & jobs.keys() for pack in jobs[name]}
    last = (each[-1] for each in claims.attempts(store).values())
    return packs | {each.pack_id for each in last if each.alive and each.job_id not in gone}


def cancelled(store: Store) -> set[str]:
    """Packs whose last job was cancelled by `phasegrok cancel`."""
    ended = submitted.cancelled(store)
    last = {pack: name for name, packs in _jobs(store) for pack in packs}
    return {pack for pack, name in last.items() if name in ended}


def cancel(store: Store) -> list[str]:
    """Cancel the sweep's jobs that are in the queue, and no others; their ids."""
    names = sorted(queued_jobs(store))
    if names:
        if not slurm.cancel(names):
            raise InputError(f"SLURM does not cancel {', '.join(names)}: try scancel itself")
        submitted.record_cancelled(store, names)
    return names


def queued_jobs(store: Store) -> set[str]:
    """The sweep's jobs that are in the queue, running ones among them."""
    made = submitted.submissions(store)
    if not made:
        return set()
    _refuse_elsewhere(made)
    found = slurm.queued([each.array_id for each in made], {each.user for each in made})
    if found is None:
        raise InputError(
            "SLURM does not answer (squeue): whether jobs of this sweep are in flight cannot be "
            "told; try again on a machine of the cluster"
        )
    return set(found)


def refuse_replacing(planned: Plan) -> None:
    """Runs that a job or worker is at stay in its pack; in another one they would train twice.

    Raises:
        InputError: the plan takes runs out of packs that are in flight.
    """
    store = planned.store
    if not store.exists():
        return
    before = {row["run_id"]: row["pack_id"] for row in store.plan(("run_id", "pack_id"))}
    moved = {
        before[run.run_id]
        for pack in planned.packs
        for run in pack.runs
        if before.get(run.run_id) not in (None, pack.pack_id)
    }
    busy = sorted(moved & in_flight(store)) if moved else []
    if busy:
        raise InputError(
            f"being trained, or in the queue: {counted(len(busy), 'pack')} ({', '.join(busy[:3])}"
            f"{', ...' * (len(busy) > 3)}), whose runs would go into other packs for another "
            "device, train.lanes or train.compile; let them end, or end them first with "
            f"`phasegrok cancel {store.path}`"
        )


def _refuse_elsewhere(made: Sequence[Submission]) -> None:
    """The numbers of jobs mean something on their own cluster alone."""
    others = slurm.other_clusters(each.cluster for each in made)
    if others:
        raise InputError(
            f"jobs of this sweep were submitted on the cluster {', '.join(sorted(others))} "
            f"and this is {slurm.cluster_name()}: give the command there"
        )


def _jobs(store: Store) -> Iterator[tuple[str, Sequence[str]]]:
    for made in submitted.submissions(store):
        yield from made.jobs()
