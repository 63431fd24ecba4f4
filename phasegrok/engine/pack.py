"""A pack: runs of equal shapes, trained through a fixed number of lanes until none is left.

A lane whose run is decided, out of budget or diverged takes the next waiting run. On the CPU,
in one mode, a run's numbers depend neither on its lane nor on its neighbours, nor on when its
lane was refilled or the pack resumed.
"""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from phasegrok.cells import Run
from phasegrok.engine.lanes import Lanes, Mode
from phasegrok.engine.prepare import Given, Prepared, prepare
from phasegrok.engine.queue import Queue
from phasegrok.engine.record import Record, Watch, on_curve
from phasegrok.errors import InputError

STOP_REASONS = {
    "decided": "both stop thresholds were crossed",
    "finished": "the budget ended",
    "diverged": "the loss or the weights became infinite or NaN",
    "failed": "an error was raised",
}


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    `row` holds the columns from training, `state` the last state; `error` is the traceback and
    `exception` the error of a run that failed.
    """

    run: Run
    status: str
    row: dict[str, Any] = field(default_factory=dict)
    state: dict[str, Any] | None = None
    error: str | None = None
    exception: Exception | None = None

    @property
    def stop_reason(self) -> str:
        return STOP_REASONS[self.status]


class Pack:
    """Trains runs that share a program; `tick` goes from one evaluation to the next.

    Attributes:
        counts: the `run_steps` and `evaluations` of all runs so far, and the `lane_steps`, those
            of empty lanes included; `waited.*` are those of them while runs waited for a lane.

    Args:
        runs: in the order in which they enter lanes as long as nothing is known of their length.
        given: explicit beginnings by run_id.
        states: where runs were left, by run_id (`Outcome.state` or `state()["lanes"]`).
    """

    def __init__(
        self,
        runs: Sequence[Run],
        mode: Mode,
        watch: Watch,
        *,
        given: Mapping[str, Given] | None = None,
        states: Mapping[str, dict[str, Any]] | None = None,
    ):
        self.mode = mode
        self.watch = watch
        self.eval_every: int = runs[0].config["train"]["eval_every"]
        self.counts: Counter[str] = Counter()
        self._given = given or {}
        self._states = states or {}
        self._waiting = Queue(runs, begun=self._states)
        self._lanes: Lanes | None = None
        self._in_lane: list[Prepared | None] = [None] * mode.width
        self._records: dict[int, Record] = {}
        self._steps: dict[int, int] = {}
        self._fresh: set[int] = set()
        # Runs that ended and were not handed out yet; an error in a later run must not lose them.
        self._ended: list[Outcome] = []
        self._fill()

    @property
    def active(self) -> list[int]:
        """Lanes that hold a run."""
        return [lane for lane, prepared in enumerate(self._in_lane) if prepared is not None]

    @property
    def finished(self) -> bool:
        return not self.active and not self._ended

    def running(self) -> list[Run]:
        """Runs in lanes."""
        return [self._run_in(lane) for lane in self.active]

    def unfinished(self) -> list[Run]:
        """Runs in lanes and runs waiting."""
        return self.running() + list(self._waiting)

    def tick(self) -> list[Outcome]:
        """Train to the next evaluation; return the runs that ended. New runs take their lanes."""
        if self._lanes is not None:
            self._look_at_fresh()
        if self._lanes is not None and self.active:
            values = self._lanes.advance(self.eval_every)
            self._count(self.eval_every)
            self._look(values, set(self.active))
            self._look_at_fresh()
        return self.ended()

    def ended(self) -> list[Outcome]:
        """The runs that ended and were not handed out yet."""
        ended, self._ended = self._ended, []
        return ended

    def state(self) -> dict[str, dict[str, Any]]:
        """Where every run under way is, in a lane or waiting for one again, by run_id: all that a
        resumed pack needs."""
        begun = {run.run_id for run in self._waiting} & self._states.keys()
        in_lanes = {self._run_in(lane).run_id: self._state_of(lane) for lane in self.active}
        return {name: self._states[name] for name in begun} | in_lanes

    def _count(self, steps: int) -> None:
        held = len(self.active)
        done = {"run_steps": steps * held, "lane_steps": steps * self.mode.width}
        self.counts.update(done, evaluations=held)
        if self._waiting:
            self.counts.update({f"waited.{name}": count for name, count in done.items()})

    # ------------------------------------------------------------------------------- evaluation

    def _look_at_fresh(self) -> None:
        """A run is evaluated before its first update; it may even end there."""
        while self._fresh:
            assert self._lanes is not None
            self._look(self._lanes.observe(), self._fresh)

    def _look(self, values: Tensor, lanes: set[int]) -> None:
        """Record an evaluation of these lanes, retire what has ended and refill."""
        rows = values.tolist()
        self._fresh = self._fresh - lanes
        for lane in sorted(lanes):
            self._take_in(lane, rows[lane])
        self._fill()

    def _take_in(self, lane: int, values: list[float]) -> None:
        record = self._records[lane]
        step = self._steps[lane] = self._steps[lane] + self.eval_every
        keep = on_curve(step, self.eval_every, self.watch.points_per_decade)
        record.add(step, values, keep)
        self._retire_if_ended(lane)

    def _retire_if_ended(self, lane: int) -> None:
        prepared, record = self._prepared_in(lane), self._records[lane]
        status = self._status(record, self._steps[lane], prepared.budget)
        if status is not None:
            self._waiting.learn(prepared.run, self._steps[lane])
            row = record.outcome() | {"budget": prepared.budget}
            self._ended.append(Outcome(prepared.run, status, row, self._state_of(lane)))
            self._in_lane[lane] = None

    @staticmethod
    def _status(record: Record, step: int, budget: int) -> str | None:
        if record.diverged:
            return "diverged"
        if record.decided():
            return "decided"
        return "finished" if step >= budget else None

    # ------------------------------------------------------------------------------------ lanes

    def _fill(self) -> None:
        """Give every free lane the next waiting run that can be prepared."""
        for lane in range(self.mode.width):
            while self._in_lane[lane] is None and self._waiting:
                self._enter(lane, self._waiting.next())

    def _enter(self, lane: int, run: Run) -> None:
        state = self._states.get(run.run_id)
        try:
            prepared = prepare(run, self._given.get(run.run_id))
        except Exception as error:  # a run that cannot start must not take others with it
            self._fail(run, error)
            return
        if self._lanes is None:
            self._lanes = Lanes(prepared, self.mode)
        try:
            self._lanes.fill(lane, prepared, state)
        except InputError as error:
            self._fail(run, error)
            return
        self._in_lane[lane] = prepared
        measured = prepared.totals, prepared.observables
        if state is None or not state["record"]["last"]:
            self._records[lane] = Record(self.watch, *measured)
            self._steps[lane] = -self.eval_every
            self._fresh.add(lane)
        else:
            self._records[lane] = Record.restored(state["record"], self.watch, *measured)
            self._steps[lane] = state["done"]
            self._retire_if_ended(lane)  # its end was reached, only its row was lost

    def _fail(self, run: Run, error: Exception) -> None:
        report = "".join(traceback.format_exception(error))
        self._ended.append(Outcome(run, "failed", error=report, exception=error))

    def _state_of(self, lane: int) -> dict[str, Any]:
        assert self._lanes is not None
        return self._lanes.state_of(lane) | {"record": self._records[lane].state()}

    def _prepared_in(self, lane: int) -> Prepared:
        prepared = self._in_lane[lane]
        assert prepared is not None
        return prepared

    def _run_in(self, lane: int) -> Run:
        return self._prepared_in(lane).run


def outcomes(pack: Pack) -> Iterator[Outcome]:
    """Train a pack to its end."""
    while not pack.finished:
        yield from pack.tick()
