"""Everything about a sweep that its directory and, where it answers, SLURM tell."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phasegrok.errors import FAILED, OK
from phasegrok.status.jobs import JobLine, happened, job_lines
from phasegrok.status.packs import DONE, HALTED, IN_FLIGHT, LOST, NOT_BEGUN, Pack, packs
from phasegrok.status.runs import Failure, Ran, failure, ran
from phasegrok.status.scene import Scene
from phasegrok.store import Store
from phasegrok.store.provenance import versions

# Of how many failed runs the reports are read.
MOST_REPORTS = 5
# Of how many earlier attempts is told.
MOST_EVENTS = 10


@dataclass(frozen=True)
class Status:
    """How a sweep stands.

    runs: planned runs by what became of them: done, failed, or the state of their pack. rounds: of
    a refined sweep, how many runs each round asked for and how many of them are done. given_up:
    how many of the failed ones are not tried again. asked: whether SLURM answered; None if
    nothing was submitted. jobs: those with something left to tell; silent_jobs: how many ended
    without. rate: run-steps/s of the living workers. eta: seconds until what is in flight is
    done, None if that cannot be told. happened: what earlier attempts came to, the last of them;
    before: how many more. collected: whether results.parquet holds everything.
    """

    path: Path
    name: str
    planned: int
    runs: Counter[str]
    rounds: Mapping[int, tuple[int, int]]
    given_up: int
    phases: Counter[str]
    packs: Sequence[Pack]
    asked: bool | None
    jobs: Sequence[JobLine]
    silent_jobs: int
    rate: float
    eta: float | None
    happened: Sequence[str]
    before: int
    failures: Sequence[Failure]
    warnings: Sequence[str]
    collected: bool

    @property
    def going_on(self) -> bool:
        """Whether something is trained, or will be without anyone doing anything."""
        return any(pack.state in IN_FLIGHT for pack in self.packs)

    @property
    def to_retry(self) -> list[str]:
        """The packs with something left that nobody goes on with."""
        return [pack.pack_id for pack in self.packs if pack.state in (HALTED, LOST, NOT_BEGUN)]

    @property
    def code(self) -> int:
        """Exit code of the command: 1 if runs failed or packs are lost."""
        lost = any(pack.state == LOST for pack in self.packs)
        return FAILED if lost or self.runs["failed"] else OK


def gather(store: Store) -> Status:
    """How it stands with the sweep of a directory, which is only read.

    Raises:
        InputError: it is no sweep's directory.
    """
    config = store.config()
    plan = store.plan(("run_id", "pack_id", "round"))
    ended = ran(store, config, {row["run_id"] for row in plan})
    scene = Scene.of(store)
    found = packs(plan, ended, scene)
    # Only where something has to be explained by it, and then at once.
    queue = scene.queue or {}
    scene.learn({p.job_id for p in found if p.job_id and p.state != DONE and p.job_id not in queue})
    if scene.endings.told:
        found = packs(plan, ended, scene)
    runs = Counter({"done": len(ended.done), "failed": len(ended.failed)})
    for pack in found:
        runs[pack.state] += pack.missing
    lines, silent = job_lines(scene, found)
    events, before = happened(scene, MOST_EVENTS)
    return Status(
        path=store.path,
        name=config["sweep"]["name"],
        planned=len(plan),
        runs=+runs,
        rounds=_rounds(plan, ended),
        given_up=len(ended.given_up),
        phases=ended.phases,
        packs=found,
        asked=scene.queue is not None if scene.submissions else None,
        jobs=lines,
        silent_jobs=silent,
        rate=_rate(scene),
        eta=_eta(scene, found, ended),
        happened=events,
        before=before,
        failures=[failure(store, run_id) for run_id in sorted(ended.failed)[:MOST_REPORTS]],
        warnings=_warnings(scene, found),
        collected=_is_collected(store),
    )


def _rounds(plan: Sequence[Mapping[str, Any]], ended: Ran) -> dict[int, tuple[int, int]]:
    rounds = [(row["round"], row["run_id"]) for row in plan if row.get("round") is not None]
    asked = Counter(number for number, _ in rounds)
    done = Counter(number for number, run_id in rounds if run_id in ended.done)
    return {number: (asked[number], done[number]) for number in sorted(asked)}


def _rate(scene: Scene) -> float:
    """Run-steps per second, each living worker's until its last heartbeat."""
    now = time.time()
    return sum(a.run_steps / max(now - a.age - a.began, 1.0) for a in scene.living())


def _eta(scene: Scene, found: Sequence[Pack], ended: Ran) -> float | None:
    """By the runs that ended per second since the first of the living workers began."""
    began = min((attempt.began for attempt in scene.living()), default=time.time())
    done = int((ended.written >= began).sum())
    left = sum(pack.missing for pack in found if pack.state in IN_FLIGHT)
    return left * (time.time() - began) / done if done and left else None


def _warnings(scene: Scene, found: Sequence[Pack]) -> list[str]:
    """Where the code is another than when the jobs of what is left were submitted."""
    here = versions()
    made = [scene.sent[p.pack_id][-1][1] for p in found if p.job_id and p.state != DONE]
    words = []
    if semantics := {str(each.semantics) for each in made} - {"None", str(here["semantics"])}:
        words.append(
            f"the meaning of training has changed since its jobs were submitted (semantics "
            f"{', '.join(sorted(semantics))} then, {here['semantics']} now): results of both are "
            "not mixed"
        )
    commits = {str(each.commit) for each in made} - {"None", str(here["commit"])}
    if commits and here["commit"] is not None:
        words.append(
            f"the checkout has changed since its jobs were submitted (commit "
            f"{', '.join(sorted(commits))} then, {here['commit']} now): a job trains with the "
            "code that is there when it begins"
        )
    return words


def _is_collected(store: Store) -> bool:
    """Whether results.parquet is as new as every part."""
    try:
        made = store.results_file.stat().st_mtime
    except FileNotFoundError:
        return False
    return all(part.stat().st_mtime <= made for part in store.parts.glob("[!.]*.parquet"))
