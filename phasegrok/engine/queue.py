"""Which waiting run takes a free lane: the one that is expected to train longest.

Long runs at the end would leave the other lanes empty. How long a run trains, its other seeds
tell: those of its cell that have ended. So runs that were under way go first, for they were
chosen before, then one run of each cell, then the others, longest first. The order changes no
result: a run's numbers do not depend on its neighbours.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterator, Sequence

from phasegrok.cells import Run


class Queue:
    """Runs that wait for a lane.

    Args:
        begun: the ids of those that were under way.
    """

    def __init__(self, runs: Sequence[Run], begun: Container[str] = ()):
        self._begun = begun
        self._waiting = [(run, _cell(run)) for run in runs]
        # The steps that the longest run of a cell took; of those begun and not ended, infinite.
        self._known: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[Run]:
        return (run for run, _ in self._waiting)

    def next(self) -> Run:
        """Take out the next run: one under way, else of a cell not yet begun, else the longest; of
        equals the first."""
        place = max(range(len(self._waiting)), key=self._urgency)
        run, cell = self._waiting.pop(place)
        self._known.setdefault(cell, float("inf"))
        return run

    def _urgency(self, place: int) -> tuple[bool, bool, float]:
        run, cell = self._waiting[place]
        return run.run_id in self._begun, cell not in self._known, self._known.get(cell, 0.0)

    def learn(self, run: Run, steps: int) -> None:
        """A run has ended after so many steps."""
        cell = _cell(run)
        known = self._known.get(cell, float("inf"))
        self._known[cell] = steps if known == float("inf") else max(known, steps)


def _cell(run: Run) -> str:
    """What the seeds of a cell have in common."""
    return json.dumps({k: v for k, v in run.config.items() if k not in ("seed", "split_seed")},
                      sort_keys=True)  # fmt: skip
