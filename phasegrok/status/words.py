"""A sweep's status as text."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Sequence

from phasegrok import phases
from phasegrok.status.gather import Status
from phasegrok.status.jobs import JobLine
from phasegrok.status.packs import (
    DONE,
    HALTED,
    IN_FLIGHT,
    LOST,
    NOT_BEGUN,
    RUNNING,
    STATES,
    Pack,
    duration,
)
from phasegrok.words import counted

# Longer lists are cut.
MOST_LINES, MOST_NAMES = 10, 3

# What comes first in a list.
_ORDER = (LOST, HALTED, RUNNING, *IN_FLIGHT[1:], NOT_BEGUN, DONE)


def describe(status: Status) -> str:
    """How a sweep stands, and the command to go on with."""
    sections = [
        _head(status),
        _section("jobs", _jobs(status)),
        _section("packs", _packs(status)),
        _section("what happened", _happened(status)),
        _section("failed runs", _failures(status)),
        [f"warning: {words}" for words in status.warnings],
        _section("go on with", _commands(status)),
    ]
    return "\n".join("\n".join(lines) for lines in sections if lines)


def _head(status: Status) -> list[str]:
    runs = ", ".join(_counts(status.runs, ("done", "failed", *STATES[1:])))
    planned = f"{counted(status.planned, 'run')}: {runs or 'none planned'}"
    lines = [f"{status.name} in {status.path}", planned]
    if status.rounds:
        each = [f"{n} ({done if done < of else 'all'} of {counted(of, 'run')} done)"
                for n, (of, done) in status.rounds.items()]  # fmt: skip
        lines.append(f"rounds so far: {', '.join(each)}")
    if status.phases.total():
        labels = (*phases.PHASES, phases.UNDECIDED)
        lines.append(f"phases so far: {', '.join(_counts(status.phases, labels))}")
    states = Counter(pack.state for pack in status.packs)
    if states:
        lines.append(f"{counted(len(status.packs), 'pack')}: {', '.join(_counts(states, STATES))}")
    if status.going_on:
        eta = "?" if status.eta is None else duration(status.eta)
        lines.append(f"{status.rate:,.0f} run-steps/s, ETA {eta}")
    if status.asked is False:
        lines.append("SLURM was not asked (it is not here, is another cluster's or does not "
                     "answer): this is what the claims and logs tell")  # fmt: skip
    return lines


def _counts(counts: Counter[str], names: Iterable[str]) -> list[str]:
    return [f"{counts[name]} {name}" for name in names if counts[name]]


def _jobs(status: Status) -> list[str]:
    """Each job with its packs, its state and why; those of which the same is to be said in one
    line."""
    by_pack = {pack.pack_id: pack.state for pack in status.packs}
    alike: dict[tuple[str, str], list[JobLine]] = {}
    for job in sorted(status.jobs, key=lambda job: min(map(_ORDER.index, _states(job, by_pack)))):
        alike.setdefault((job.state, job.why), []).append(job)
    lines = [
        f"{_some([_job(job) for job in jobs])}: {state}{', ' if why else ''}{why}"
        for (state, why), jobs in alike.items()
    ]
    ended = f"{status.silent_jobs} ended" if status.silent_jobs else ""
    return [*_cut(lines), *filter(None, [ended])]


def _states(job: JobLine, by_pack: dict[str, str]) -> list[str]:
    return [by_pack.get(name, DONE) for name in job.packs] or [DONE]


def _job(job: JobLine) -> str:
    return f"{job.id} ({_some(job.packs)})"


def _packs(status: Status) -> list[str]:
    """The packs that no job tells of."""
    told = {name for job in status.jobs for name in job.packs}
    left = [p for p in status.packs if p.pack_id not in told and p.state != DONE]
    alike: dict[tuple[str, str], list[Pack]] = {}
    for pack in sorted(left, key=lambda pack: _ORDER.index(pack.state)):
        alike.setdefault((pack.state, pack.why), []).append(pack)
    return _cut([
        f"{_some([pack.pack_id for pack in packs])}: {state}{', ' if why else ''}{why}"
        for (state, why), packs in alike.items()
    ])  # fmt: skip


def _happened(status: Status) -> list[str]:
    before = [f"{counted(status.before, 'attempt')} before"] if status.before else []
    return [*before, *status.happened]


def _failures(status: Status) -> list[str]:
    lines = []
    for run in status.failures:
        times = f", {run.times} times" if run.times > 1 else ""
        lines.append(f"{run.run_id}{times}: {run.line}")
        lines += [f"  {run.file}"] * (run.file is not None)
    more = status.runs["failed"] - len(status.failures)
    lines += [f"and {more} more"] * bool(more)
    if status.given_up:
        lines.append(f"{status.given_up} of them not tried again (launch.max_attempts)")
    return lines


def _commands(status: Status) -> list[str]:
    where = shlex.quote(str(status.path))
    commands = []
    if status.to_retry or not status.planned:
        commands.append(f"phasegrok retry {where}")
    if status.going_on:
        commands.append(f"phasegrok status {where} --watch")
    if not commands:
        commands.append(f"phasegrok {'plot' if status.collected else 'collect'} {where}")
    return commands


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return [f"{title}:", *(f"  {line}" for line in lines)] if lines else []


def _cut(lines: Sequence[str]) -> list[str]:
    more = len(lines) - MOST_LINES
    return [*lines[:MOST_LINES], *([f"and {more} more"] if more > 0 else [])]


def _some(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
