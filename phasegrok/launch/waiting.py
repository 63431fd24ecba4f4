"""Following jobs from the command that submitted them, and submitting what had no room yet."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable

from phasegrok import claims
from phasegrok.answers import ANSWER_COLUMNS, Asked
from phasegrok.launch import slurm
from phasegrok.plan import Plan
from phasegrok.progress import Progress

# Seconds between two looks at the queue and the store.
LOOK_S = 5.0
# How often a pack is submitted in one wait, if jobs end without finishing it.
MOST_SUBMISSIONS = 5


def follow(planned: Plan, progress: Progress, interrupted: Callable[[], bool]) -> None:
    """Until every pack has ended: show how far they are, and submit what is not in flight.

    Ends early if asked to, or when jobs end again and again without finishing their packs. Jobs
    in the queue stay there.
    """
    seen, submissions = _Seen(planned, progress), Counter[str]()
    while not interrupted():
        left = seen.look()
        if not left:
            return
        if not left & slurm.in_flight(planned.store):
            hopeless = [name for name in left if submissions[name] >= MOST_SUBMISSIONS]
            if hopeless:
                words = f"{len(hopeless)} packs do not get done, {min(hopeless)} among them"
                print(f"{words}; phasegrok status {planned.store.path} says why", file=sys.stderr)
                return
        for made in slurm.submit(planned, left):
            submissions.update(name for job in made.packs for name in job)
        time.sleep(LOOK_S)


class _Seen:
    """What was known of the packs at the last look, told to the progress as it grows."""

    def __init__(self, planned: Plan, progress: Progress):
        self._planned, self._progress = planned, progress
        self._asked = Asked.of(planned.config)
        self._packs = {pack.pack_id: {run.run_id for run in pack.runs} for pack in planned.packs}
        self._phases: Counter[str] = Counter()
        self._run_steps = 0

    def look(self) -> set[str]:
        """The packs of which something is left."""
        store = self._planned.store
        wanted = {run_id for runs in self._packs.values() for run_id in runs}
        rows = store.rows((*ANSWER_COLUMNS, "phase"), of=wanted)
        answered = self._asked.answering(rows)
        known = set(answered["run_id"].to_pylist()) | store.given_up(self._planned.config)
        phases = Counter(answered["phase"].to_pylist())
        steps = sum(each.run_steps for of in claims.attempts(store).values() for each in of)
        self._progress.take({"event": "progress", "phases": phases - self._phases,
                             "run_steps": max(steps - self._run_steps, 0)})  # fmt: skip
        self._phases, self._run_steps = phases, max(steps, self._run_steps)
        return {name for name, runs in self._packs.items() if runs - known}
