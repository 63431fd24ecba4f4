"""What a site's SLURM commands say. They may be absent, slow, or kept without accounting."""

from __future__ import annotations

import getpass
import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

# Seconds that a command may take: a busy controller answers late, and a dead one never.
ANSWER_S = 20.0


@dataclass(frozen=True)
class Job:
    """A job, or one element of an array.

    id: as `squeue -r` has it: 123, or 123_4. state: SLURM's long name. reason: why it waits or
    ended, in SLURM's word. exit_code: CODE:SIGNAL.
    """

    id: str
    state: str
    reason: str = ""
    node: str = ""
    elapsed_s: int = 0
    exit_code: str = ""


def available() -> bool:
    """Whether jobs can be submitted from here."""
    return shutil.which("sbatch") is not None


def queued(ids: Iterable[str], users: Iterable[str] = ()) -> dict[str, Job] | None:
    """What is in the queue of these jobs and arrays; None where the queue could not be asked.

    Args:
        ids: of jobs or whole arrays, without an index.
        users: whose they are; by default the one who asks.
    """
    wanted, whose = set(ids), ",".join(sorted(set(users))) or getpass.getuser()
    # Not squeue -j, which fails when it is asked for a job that it has forgotten.
    said = _answer("squeue", "-h", "-a", "-r", "-u", whose, "-o", "%i|%T|%N|%M|%r")
    if said is None:
        return None
    found = [
        Job(name, state, "" if reason == "None" else reason, node, _seconds(elapsed))
        for name, state, node, elapsed, reason in _fields(said, 5)
    ]
    return {job.id: job for job in found if _of(job.id) in wanted}


def accounted(ids: Iterable[str]) -> dict[str, Job]:
    """What the accounting says of these jobs and arrays; empty where there is none.

    It knows nothing of an element of an array that was cancelled before it began.
    """
    wanted = set(ids)
    if not wanted:
        return {}
    columns = "JobID,State,ExitCode,Elapsed,NodeList"
    said = _answer("sacct", "-n", "-P", "-X", "-j", ",".join(sorted(wanted)), "-o", columns)
    jobs = {}
    for name, state, code, elapsed, node in _fields(said or "", 5):
        # An array's elements have numbers of their own, too, and those that wait are one line.
        if _of(name) in wanted and "[" not in name:
            word, _, who = state.partition(" by ")
            jobs[name] = Job(
                name, word, f"by {_user(who)}" if who else "", node, _seconds(elapsed), code
            )
    return jobs


def remembered(ids: Iterable[str]) -> dict[str, Job]:
    """What the controller still tells of these jobs: those in the queue, and those that ended a
    few minutes ago (MinJobAge); empty where it cannot be asked."""
    wanted, jobs = set(ids), {}
    for line in (_answer("scontrol", "-o", "show", "job") or "").splitlines():
        said = dict(re.findall(r"(\w+)=(\S+)", line))
        array, index = said.get("ArrayJobId"), said.get("ArrayTaskId", "")
        if (array or said.get("JobId")) not in wanted or (array and not index.isdigit()):
            continue
        name = f"{array}_{index}" if array else said["JobId"]
        reason, node = (said.get(key, "") for key in ("Reason", "NodeList"))
        jobs[name] = Job(
            name,
            said.get("JobState", ""),
            "" if reason == "None" else reason,
            "" if node == "(null)" else node,
            _seconds(said.get("RunTime", "")),
            said.get("ExitCode", ""),
        )
    return jobs


def max_array_size() -> int | None:
    """The site's MaxArraySize: an array's indices stay below it. None where it is not told."""
    told = _configured("MaxArraySize")
    return int(told) if told and told.isdigit() else None


@cache
def cluster_name() -> str | None:
    """What this cluster calls itself; None where there is none, or it does not tell."""
    return _configured("ClusterName")


def other_clusters(names: Iterable[str | None]) -> set[str]:
    """Those of these clusters that are not the one here, on which their jobs' numbers mean nothing;
    empty where it cannot be told."""
    named = {name for name in names if name}
    here = cluster_name() if named else None
    return named - {here} if here else set()


def _configured(key: str) -> str | None:
    said = _answer("scontrol", "show", "config") or ""
    found = re.search(rf"^{key}\s*=\s*(\S+)", said, re.MULTILINE)
    return found.group(1) if found else None


def time_limit(partition: str | None) -> int | None:
    """Minutes that a job may take in a partition (None: the default one), where it has a limit."""
    for line in (_answer("sinfo", "-h", "-o", "%P|%l") or "").splitlines():
        name, _, limit = line.partition("|")
        is_default = name.endswith("*")
        if is_default if partition is None else name.rstrip("*") == partition:
            return _seconds(limit.strip()) // 60 or None
    return None


def cancel(ids: Iterable[str]) -> bool:
    """Cancel these jobs, arrays or elements; False if scancel is absent or refused."""
    return _answer("scancel", *ids) is not None


# ------------------------------------------------------------------------------------- asking


def _answer(*command: str) -> str | None:
    """What a command prints; None if it is absent, fails or does not answer in time."""
    # A user's own defaults (SQUEUE_STATES, SACCT_FORMAT ...) would change what is said.
    ours = {k: v for k, v in os.environ.items() if not k.startswith(("SQUEUE_", "SACCT_"))}
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=ANSWER_S,
            env=ours | {"LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _fields(said: str, count: int) -> Iterator[list[str]]:
    for line in said.splitlines():
        fields = [field.strip() for field in line.split("|", count - 1)]
        if len(fields) == count:
            yield fields


def _of(job_id: str) -> str:
    """The array that an element belongs to; of a plain job, itself."""
    return job_id.partition("_")[0]


def _seconds(elapsed: str) -> int:
    """Of SLURM's [DAYS-][HOURS:]MINUTES:SECONDS; 0 where it says something else."""
    days, _, clock = elapsed.rpartition("-")
    parts = [days or "0", *(["0", "0", *clock.split(":")][-3:])]
    if not all(part.isdigit() for part in parts):
        return 0
    d, h, m, s = map(int, parts)
    return ((d * 24 + h) * 60 + m) * 60 + s


def _user(number: str) -> str:
    try:
        return pwd.getpwuid(int(number)).pw_name
    except (KeyError, ValueError):
        return f"user {number}"
