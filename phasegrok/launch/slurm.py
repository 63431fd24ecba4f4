"""Packs as SLURM job arrays, submitted through submitit; then the command ends, or waits.

A job trains as many packs side by side as it has GPUs (or CPUs). Every array is written down in
jobs.jsonl as soon as SLURM has taken it, so that any machine which sees the directory knows what
was submitted.
"""

from __future__ import annotations

import getpass
import signal
import socket
import time
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import submitit
from submitit.core.utils import FailedJobError, FailedSubmissionError

from phasegrok import claims, sizing, slurm, submitted
from phasegrok.cells import SEMANTICS, Config
from phasegrok.errors import InputError
from phasegrok.launch.in_flight import in_flight, queued_jobs
from phasegrok.launch.refusal import refusal
from phasegrok.launch.runner import PackRunner
from phasegrok.plan import Plan
from phasegrok.store import Store
from phasegrok.store.provenance import versions
from phasegrok.submitted import Submission
from phasegrok.words import counted, counted_range

# A site's MaxArraySize where it cannot be asked for: what SLURM has if a site sets nothing.
USUAL_ARRAY_SIZE = 1001
# SLURM's warning comes so long before a job's end, or this share of its time if that is less.
WARNING_S, WARNING_SHARE = 90, 0.3
# Being queued again costs little, since a job goes on from its checkpoint; submitit counts.
MOST_TIMEOUTS = 1000

# The packs of one job.
Job = tuple[str, ...]


class Executor(submitit.SlurmExecutor):
    """submitit's, which may also be made where there is no SLURM, to see its text."""

    @classmethod
    def affinity(cls) -> int:
        return 2

    def text(self, jobs: int) -> str:
        """The script that sbatch would be given for an array of so many jobs."""
        parameters = dict(self.parameters)
        if jobs > 1:
            self.parameters["map_count"] = jobs
        try:
            return self._make_submission_file_text(self._submitit_command_str, "")
        finally:
            self.parameters = parameters


def executor(config: Config, store: Store) -> Executor:
    """What submits this sweep's jobs. Makes the folder of their logs."""
    launch = config["launch"]
    seconds = 60 * launch["timeout_min"]
    found = Executor(_logs(store), max_num_timeout=MOST_TIMEOUTS, python=launch["python"])
    found.update_parameters(
        job_name=f"phasegrok-{config['sweep']['name']}",
        time=launch["timeout_min"],
        partition=launch["partition"],
        account=launch["account"],
        qos=launch["qos"],
        constraint=launch["constraint"],
        gpus_per_node=launch["gpus_per_node"] or None,
        cpus_per_task=launch["cpus_per_task"],
        mem=None if launch["mem_gb"] is None else f"{round(1024 * launch['mem_gb'])}MB",
        array_parallelism=launch["array_parallelism"],
        signal_delay_s=round(min(WARNING_S, WARNING_SHARE * seconds)),
        setup=launch["setup"] or None,
        # Since SLURM 22.05, srun does not take it over from sbatch.
        srun_args=[f"--cpus-per-task={launch['cpus_per_task']}"],
        # Some sites refuse a key that they do not know, which submitit would send.
        wckey=None,
        additional_parameters=_parameters(launch["parameters"]),
    )
    return found


def _parameters(given: dict[str, Any]) -> dict[str, Any]:
    """Further options of sbatch, which may take back that a job is queued again."""
    named = {key.replace("-", "_"): value for key, value in given.items()}
    requeue = not named.get("no_requeue") and named.get("requeue", True)
    return {key: value for key, value in ({"requeue": requeue} | named).items()
            if value is not False and (key != "requeue" or requeue)}  # fmt: skip


def _logs(store: Store) -> Path:
    return store.path.resolve() / "logs" / "slurm"


# ------------------------------------------------------------------------------------ submitting


def submit(planned: Plan, of: Container[str] | None = None) -> list[Submission]:
    """Submit the packs (of these) that are not in flight, as far as the queue may hold them.

    Raises:
        InputError: SLURM does not answer, or refuses the jobs; says which it had taken before.
    """
    config, store = planned.config, planned.store
    busy = in_flight(store)
    names = [pack.pack_id for pack in planned.packs if of is None or pack.pack_id in of]
    jobs = jobs_of([name for name in names if name not in busy], config)
    room = config["launch"]["max_queued"]
    if room is not None:
        jobs = jobs[: max(room - len(queued_jobs(store)), 0)]
    if not jobs:
        return []
    asked = {name for job in jobs for name in job}
    for name, attempts in claims.attempts(store).items():
        if name in asked and attempts[-1].alive:  # not in flight, so its job has left the queue
            claims.expire(store, attempts[-1])
    made: list[Submission] = []
    try:
        for array in arrays(jobs, array_size(config)):
            made.append(_submitted(array, config, store))
    except InputError as error:
        if made:
            taken = ", ".join(each.array_id for each in made)
            raise InputError(f"submitted {taken}; then: {error}") from error
        raise
    return made


def jobs_of(pack_ids: Sequence[str], config: Config) -> list[Job]:
    """Packs by the job that trains them, in their order: the longest first."""
    return _cut(pack_ids, sizing.packs_at_a_time(config))


def arrays(jobs: Sequence[Job], size: int) -> list[tuple[Job, ...]]:
    """Jobs by the array they are submitted in; an array's indices are below `size`."""
    return _cut(jobs, size)


def _cut(items: Sequence[Any], size: int) -> list[tuple[Any, ...]]:
    return [tuple(items[start : start + size]) for start in range(0, len(items), size)]


def array_size(config: Config, *, ask: bool = True) -> int:
    """How many jobs an array may have: as told, else as the site says if it may be asked."""
    told = config["launch"]["max_array_size"]
    return told or (slurm.max_array_size() if ask else None) or USUAL_ARRAY_SIZE


def _submitted(array: Sequence[Job], config: Config, store: Store) -> Submission:
    path, commit = str(store.path.resolve()), versions()["commit"]
    runners, cluster = [PackRunner(path, ",".join(job)) for job in array], slurm.cluster_name()
    with _undisturbed():
        try:
            jobs = executor(config, store).submit_array(runners)
        except FailedSubmissionError as error:
            raise InputError(
                f"what sbatch said cannot be understood, so its jobs are not known here: {error}"
            ) from error
        except FailedJobError as error:
            raise InputError(refusal(str(error), config["launch"])) from error
        made = Submission(
            time=time.time(), array_id=jobs[0].job_id.partition("_")[0], cluster=cluster,
            packs=tuple(array), partition=config["launch"]["partition"],
            timeout_min=config["launch"]["timeout_min"], host=socket.gethostname(),
            user=getpass.getuser(), commit=str(commit) if commit else None, semantics=SEMANTICS,
        )  # fmt: skip
        try:
            submitted.record(store, made)
        except OSError as error:
            slurm.cancel([made.array_id])
            raise InputError(
                f"{store.jobs_file} cannot be written ({error.strerror}); job {made.array_id}, "
                "of which nobody would know, was cancelled"
            ) from error
    return made


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Ctrl-C waits: a job that SLURM has taken is always written down."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# ----------------------------------------------------------------------------------- in advance


def preview(planned: Plan) -> str:
    """What would be submitted: jobs, arrays, hours, the script. Asks SLURM nothing."""
    config = planned.config
    if not planned.packs:
        return "nothing to submit"
    jobs = jobs_of([pack.pack_id for pack in planned.packs], config)
    size = array_size(config, ask=False)
    made = arrays(jobs, size)
    counts = [len(pack.runs) for pack in planned.packs]
    told = "" if config["launch"]["max_array_size"] else " (unless the site says otherwise)"
    runs = counted_range(min(counts), max(counts), "run")
    lines = [
        f"{runs} per pack, {counted(sizing.packs_at_a_time(config), 'pack')} a job: "
        f"{counted(len(jobs), 'job')} in {counted(len(made), 'array')} of at most {size}{told}",
        _hours(planned),
        "",
        executor(config, planned.store).text(len(made[0])),
    ]
    return "\n".join(lines)


def _hours(planned: Plan) -> str:
    """The hours that packs take in all, and what that rests on."""
    seconds = sum(len(p.runs) * p.estimate.seconds for p in planned.packs if p.estimate)
    bases = dict.fromkeys(p.estimate.basis for p in planned.packs if p.estimate)
    unit = "GPU-hours" if sizing.device_of(planned.config) == "cuda" else "CPU-hours"
    return f"at most about {seconds / 3600:,.2g} {unit}, {'; '.join(bases)}"
