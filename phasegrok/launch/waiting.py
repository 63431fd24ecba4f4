"""Following jobs from the command that submitted them, and submitting what had no room yet."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable

from phasegrok import claims
from phasegrok.answers import ANSWER_COLUMNS, Asked
from phasegrok.errors import InputError
from phasegrok.launch import slurm
from phasegrok.launch.in_flight import cancelled, in_flight
from phasegrok.plan import Plan
from phasegrok.progress import Progress
from phasegrok.words import counted

# Seconds between two looks at the store, and at the queue where no pack has ended meanwhile:
# controllers are shared, and do not like to be asked often.
LOOK_S, QUEUE_S = 5.0, 30.0
# How often a pack is submitted in one wait, if jobs end without finishing it.
MOST_SUBMISSIONS = 5


def follow(planned: Plan, progress: Progress, interrupted: Callable[[], bool]) -> None:
    """Until every pack has ended: show how far they are, and submit what is not in flight.

    Ends early if asked to, if the jobs are cancelled, or when those of a pack end again and again
    without finishing it. Jobs in the queue stay there.

    Raises:
        InputError: the first packs cannot be submitted. Later ones are tried again.
    """
    seen, queue = _Seen(planned, progress), _Queue(planned)
    left, asked_at = seen.look(), -QUEUE_S
    while left and not interrupted():
        before, left = left, seen.look()
        if left != before or time.monotonic() - asked_at >= QUEUE_S:
            asked_at = time.monotonic()
            if not queue.go_on(seen.look):
                return
        time.sleep(LOOK_S)


class _Queue:
    """What was submitted in this wait."""

    def __init__(self, planned: Plan):
        self._planned, self._submissions = planned, Counter[str]()
        self._said = ""

    def go_on(self, look: Callable[[], set[str]]) -> bool:
        """Submit what may be of the packs that are left; False if nothing is in flight then."""
        try:
            busy = in_flight(self._planned.store)
            left = look()  # after the queue: a pack whose job has just ended is done
            again = left - busy - self._ended()
            for made in slurm.submit(self._planned, again) if again else ():
                self._submissions.update(name for job in made.packs for name in job)
        except InputError as error:
            if not self._submissions:
                raise
            self._say(f"{error}; trying again")
            return True
        if left and not again and not left & busy:
            self._say(
                f"not getting done: {counted(len(left), 'pack')}, {min(left)} among them; "
                f"phasegrok status {self._planned.store.path} says why"
            )
        return bool(again or left & busy)

    def _ended(self) -> set[str]:
        """Packs that were cancelled since, or that their jobs do not finish."""
        hopeless = {n for n, times in self._submissions.items() if times >= MOST_SUBMISSIONS}
        return hopeless | (cancelled(self._planned.store) & self._submissions.keys())

    def _say(self, words: str) -> None:
        if words != self._said:
            print(words, file=sys.stderr)
        self._said = words


class _Seen:
    """What was known of the packs at the last look, told to the progress as it grows."""

    def __init__(self, planned: Plan, progress: Progress):
        self._planned, self._progress = planned, progress
        self._asked = Asked.of(planned.config, planned.store)
        self._packs = {pack.pack_id: {run.run_id for run in pack.runs} for pack in planned.packs}
        self._phases: Counter[str] = Counter()
        self._run_steps = self._trained()

    def look(self) -> set[str]:
        """The packs of which something is left."""
        store = self._planned.store
        wanted = {run_id for runs in self._packs.values() for run_id in runs}
        rows = store.rows((*ANSWER_COLUMNS, "phase"), of=wanted)
        answered = self._asked.answering(rows)
        known = set(answered["run_id"].to_pylist()) | store.given_up(self._planned.config)
        phases, steps = Counter(answered["phase"].to_pylist()), self._trained()
        self._progress.take({"event": "progress", "phases": phases - self._phases,
                             "run_steps": max(steps - self._run_steps, 0)})  # fmt: skip
        self._phases, self._run_steps = phases, max(steps, self._run_steps)
        return {name for name, runs in self._packs.items() if runs - known}

    def _trained(self) -> int:
        attempts = claims.attempts(self._planned.store).values()
        return sum(each.run_steps for of in attempts for each in of)
