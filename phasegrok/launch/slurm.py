"""Packs as SLURM job arrays, submitted through submitit; then the command ends, or waits.

A job trains as many packs side by side as it has GPUs (or CPUs). Every array is written down in
jobs.jsonl as soon as SLURM has taken it, so that any machine which sees the directory knows what
was submitted.
"""

from __future__ import annotations

import getpass
import socket
import time
from collections.abc import Container, Iterator, Sequence
from pathlib import Path
from typing import Any

import submitit
from submitit.core.utils import FailedJobError

from phasegrok import claims, sizing, slurm, submitted
from phasegrok.cells import SEMANTICS, Config
from phasegrok.errors import InputError
from phasegrok.launch.runner import PackRunner
from phasegrok.plan import Plan
from phasegrok.store import Store
from phasegrok.store.provenance import versions
from phasegrok.submitted import Submission

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
        mem=f"{round(1024 * launch['mem_gb'])}MB",
        array_parallelism=launch["array_parallelism"],
        signal_delay_s=round(min(WARNING_S, WARNING_SHARE * seconds)),
        setup=launch["setup"] or None,
        # Since SLURM 22.05, srun does not take it over from sbatch.
        srun_args=[f"--cpus-per-task={launch['cpus_per_task']}"],
        # Some sites refuse a key that they do not know, which submitit would send.
        wckey=None,
        additional_parameters={"requeue": True, **launch["parameters"]},
    )
    return found


def _logs(store: Store) -> Path:
    return store.path.resolve() / "logs" / "slurm"


# ------------------------------------------------------------------------------------ submitting


def submit(planned: Plan, of: Container[str] | None = None) -> list[Submission]:
    """Submit the packs (of these) that are not in flight, as far as the queue may hold them.

    Raises:
        InputError: there is no SLURM here, or it refuses the jobs.
    """
    if not slurm.available():
        raise InputError(
            "launch = slurm: this machine has no sbatch; give the command on a machine of the "
            "cluster (a login node), or train here with launch=local"
        )
    config, store = planned.config, planned.store
    _refuse_beyond_limit(config["launch"])
    busy = in_flight(store)
    names = [pack.pack_id for pack in planned.packs if of is None or pack.pack_id in of]
    jobs = jobs_of([name for name in names if name not in busy], config)
    room = config["launch"]["max_queued"]
    if room is not None:
        jobs = jobs[: max(room - queued(store), 0)]
    for last in (claims.newest(store, name) for job in jobs for name in job):
        if last is not None and last.alive:  # not in flight, so its job has left the queue
            claims.expire(store, last)
    return [_submitted(array, config, store) for array in arrays(jobs, array_size(config))]


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
    path = str(store.path.resolve())
    runners = [PackRunner(path, ",".join(job)) for job in array]
    try:
        jobs = executor(config, store).submit_array(runners)
    except FailedJobError as error:
        raise InputError(refusal(str(error), config["launch"])) from error
    commit = versions()["commit"]
    made = Submission(
        time=time.time(), array_id=jobs[0].job_id.partition("_")[0],
        packs=tuple(array), partition=config["launch"]["partition"],
        timeout_min=config["launch"]["timeout_min"], host=socket.gethostname(),
        user=getpass.getuser(), commit=str(commit) if commit else None, semantics=SEMANTICS,
    )  # fmt: skip
    submitted.record(store, made)
    return made


def _refuse_beyond_limit(launch: dict[str, Any]) -> None:
    """Where a site does not enforce its limits at once, such a job would wait for ever."""
    most = slurm.time_limit(launch["partition"])
    if most is not None and launch["timeout_min"] > most:
        name = launch["partition"] or "the default partition"
        raise InputError(
            f"launch.timeout_min = {launch['timeout_min']}: {name} takes jobs of at most {most} "
            "minutes; `sinfo -o '%P %l'` shows the partitions' limits"
        )


# What SLURM says, and which key is behind it.
_REFUSALS = {
    "submit limit": ("max_queued", "it keeps the jobs in the queue below the site's limit"),
    "partition": ("partition", "`sinfo` lists them"),
    "time limit": ("timeout_min", "`sinfo -o '%P %l'` shows the partitions' limits"),
    "account": ("account", "`sacctmgr show associations user=$USER` lists yours"),
    "qos": ("qos", "`sacctmgr show qos` lists them"),
    "gres": ("gpus_per_node", "`sinfo -o '%P %G'` shows the nodes' GPUs; 0 asks for none"),
    "feature": ("constraint", "`sinfo -o '%P %f'` shows the nodes' features"),
    "memory": ("mem_gb", "`sinfo -o '%P %m'` shows the nodes' memory in MB"),
    "node configuration": ("cpus_per_task", "`sinfo -o '%P %c %m %G'` shows what the nodes have"),
}


def refusal(said: str, launch: dict[str, Any]) -> str:
    """One sentence about why SLURM takes no job of these."""
    lines = [line.strip() for line in said.splitlines() if "sbatch:" in line] or [said.strip()]
    words = "; ".join(line.removeprefix("sbatch: ").removeprefix("error: ") for line in lines)
    for sign, (key, advice) in _REFUSALS.items():
        if sign in words.lower():
            value = "null" if launch[key] is None else launch[key]
            return f"launch.{key} = {value}: SLURM refused the job ({words}); {advice}"
    return f"launch = slurm: SLURM refused the job: {words}"


# ------------------------------------------------------------------------------------- in flight


def in_flight(store: Store) -> set[str]:
    """Packs that a job in the queue will train or trains, or a living worker does."""
    jobs = dict(_jobs(store))  # before the queue: what another driver submits now is in neither
    waiting = _queued_jobs(store)
    gone = jobs.keys() - waiting
    packs = {pack for name in waiting & jobs.keys() for pack in jobs[name]}
    last = (each[-1] for each in claims.attempts(store).values())
    return packs | {each.pack_id for each in last if each.alive and each.job_id not in gone}


def queued(store: Store) -> int:
    """How many jobs of this sweep are in the queue, running ones among them."""
    return len(_queued_jobs(store))


def cancel(store: Store) -> list[str]:
    """Cancel the sweep's jobs that are in the queue, and no others; their ids."""
    names = sorted(_queued_jobs(store))
    if names:
        if not slurm.cancel(names):
            raise InputError(f"SLURM does not cancel {', '.join(names)}: try scancel itself")
        submitted.record_cancelled(store, names)
    return names


def _queued_jobs(store: Store) -> set[str]:
    made = submitted.submissions(store)
    found = slurm.queued([each.array_id for each in made], {each.user for each in made})
    if found is None:
        raise InputError(
            "SLURM does not answer (squeue): whether jobs of this sweep are in flight cannot be "
            "told; try again on a machine of the cluster"
        )
    return set(found)


def _jobs(store: Store) -> Iterator[tuple[str, Sequence[str]]]:
    for made in submitted.submissions(store):
        yield from made.jobs()


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
    runs = " to ".join(map(str, dict.fromkeys((min(counts), max(counts)))))
    lines = [
        f"{runs} runs per pack, {counted(sizing.packs_at_a_time(config), 'pack')} a job: "
        f"{counted(len(jobs), 'job')} in {counted(len(made), 'array')} of at most {size}{told}",
        _hours(planned),
        "",
        executor(config, planned.store).text(len(made[0])),
    ]
    return "\n".join(lines)


def counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _hours(planned: Plan) -> str:
    """The hours that packs take in all, and what that rests on."""
    seconds = sum(len(p.runs) * p.estimate.seconds for p in planned.packs if p.estimate)
    bases = dict.fromkeys(p.estimate.basis for p in planned.packs if p.estimate)
    unit = "GPU-hours" if sizing.device_of(planned.config) == "cuda" else "CPU-hours"
    return f"at most about {seconds / 3600:,.2g} {unit}, {'; '.join(bases)}"
