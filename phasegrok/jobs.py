"""One pack of a store, trained from where it was left: rows to parts, states to checkpoints."""

from __future__ import annotations

import json
import logging
import time
import traceback
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from phasegrok import claims, tasks, work
from phasegrok.answers import Asked, answered_ids
from phasegrok.cells import Config, Run
from phasegrok.engine import Mode, Outcome, Pack, fitted
from phasegrok.errors import InputError
from phasegrok.rows import result_row, watch
from phasegrok.sizing import device_of, has_compiler
from phasegrok.states import Checkpoints
from phasegrok.store import Store, weights
from phasegrok.store.files import write_text

log = logging.getLogger("phasegrok")

Event = dict[str, Any]
Emit = Callable[[Event], None]

# Seconds between two progress events, so that a bar moves and the pipe stays quiet.
PROGRESS_S = 0.5


def progress_event(phases_ended: Mapping[str, int] | None = None, **counts: float) -> Event:
    """What a worker reports: runs that ended, by phase, and counts that the driver adds up."""
    return {"event": "progress", "phases": phases_ended or {}, "run_steps": 0, **counts}


class _Lost(Exception):
    """A later attempt at the pack has begun."""


@dataclass
class PackJob:
    """One pack of a store from its checkpoint to its end, or to a request to stop."""

    store: Store
    pack_id: str
    emit: Emit
    stopping: Callable[[], bool] = lambda: False
    rows: list[dict[str, Any]] = field(default_factory=list)
    # Final weights of these rows, where they are kept.
    weights: dict[str, Any] = field(default_factory=dict)
    news: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    parts_written: int = 0
    told: Counter[str] = field(default_factory=Counter)
    left: Sequence[Run] = ()
    token: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    pack: Pack | None = None
    # States of runs that wait outside the pack.
    aside: dict[str, Any] = field(default_factory=dict)

    def run(self) -> str:
        """Train; how it ended: ended, stopped, held or lost (`phasegrok.claims`)."""
        self.config = self.store.planned_config()
        self.checkpoints = Checkpoints(self.store, self.pack_id)
        try:
            self.claim = claims.claim(self.store, self.pack_id, self.checkpoints.next_attempt())
        except claims.Held as held:
            log.warning("%s", held)
            return claims.HELD
        with self.claim:
            try:
                done = self._run()
            except _Lost:
                log.warning("%s: a later attempt has begun; attempt %d stops",
                            self.pack_id, self.claim.number)  # fmt: skip
                return claims.LOST
            except BaseException as error:
                self.claim.end(claims.FAILED, type(error).__name__)
                raise
            how = claims.ENDED if done else claims.STOPPED
            self.claim.end(how)
            return how

    def _run(self) -> bool:
        """Train; True if the pack ended, False if it was asked to stop before."""
        planned = self.store.planned(self.pack_id)
        self.attempt = self.claim.number
        ids = [row["run_id"] for row in planned]
        answered = answered_ids(self.store, Asked.of(self.config, self.store), of=ids)
        answered |= self.store.given_up(self.config)
        runs = [_run_of(row) for row in planned if row["run_id"] not in answered]
        self.claim.progress |= {"runs": len(ids) - len(runs), "of": len(ids), "run_steps": 0}
        if not runs:
            return True
        # First of all: if their data are not here, that is no run's own fault.
        tasks.table(runs[0].config["task"])
        self.mode = _mode(planned[0], self.config)
        self.work = work.of_run(runs[0].config)
        self.left = runs
        states = self.checkpoints.load(watch(self.config), {run.run_id for run in runs})
        try:
            self.mode = fitted(self.mode, runs[0])
            return self._train_in_memory(states)
        except (InputError, OSError, _Lost):
            raise
        except Exception:
            log.exception("%s: its program failed; its runs train on one at a time", self.pack_id)
            return self._train_apart()

    def _train_in_memory(self, states: dict[str, Any]) -> bool:
        """Train; when memory runs out, go on from the last evaluation with half the lanes."""
        while True:
            try:
                return self._train(self.left, states)
            except torch.OutOfMemoryError:
                if self.mode.width == 1:
                    raise
                if self.pack is not None:
                    self._take(self.pack.ended())
                    self.left, states = self.pack.unfinished(), states | self.pack.state()
                    self._report()
                    self.pack, self.told = None, Counter()
                self.mode = replace(self.mode, width=self.mode.width // 2)
                log.warning("%s: out of memory; going on with %d lanes",
                            self.pack_id, self.mode.width)  # fmt: skip

    def _train(self, runs: Sequence[Run], states: dict[str, Any]) -> bool:
        self.emit(progress_event())
        pack = self.pack = Pack(runs, self.mode, watch(self.config), states=states)
        flushed = saved = reported = time.monotonic()
        launch = self.config["launch"]
        while not pack.finished and not self.stopping():
            if self.claim.lost.is_set():
                raise _Lost
            self._tick(pack)
            now = time.monotonic()
            if now - reported >= PROGRESS_S:
                reported = now
                self._report()
            if now - saved >= launch["checkpoint_s"]:
                self._checkpoint(pack)
                saved = flushed = time.monotonic()
            elif now - flushed >= launch["flush_s"]:
                self._flush()
                flushed = time.monotonic()
        if pack.finished:
            self._flush()
            if not self.aside:
                self.checkpoints.clear()
        else:
            self._checkpoint(pack)
        self._report()  # last, since nobody may be listening any more
        return pack.finished

    def _train_apart(self) -> bool:
        """Train what is left one run at a time: only a run whose own fault it was fails."""
        if self.pack is not None:
            self._take(self.pack.ended())
            self.left = self.pack.unfinished()
            self._report()
        # Not of the program that failed, which may have stopped in the middle of an update.
        left = {run.run_id for run in self.left}
        self.aside = self.checkpoints.load(watch(self.config), left)
        for run in self.left:
            self.pack, self.told = None, Counter()
            state = {run.run_id: self.aside.pop(run.run_id)} if run.run_id in self.aside else {}
            try:
                if not self._train([run], state):
                    return False
            except (InputError, OSError, _Lost):
                raise
            except Exception:
                if not _answers(self.mode.device):
                    raise  # the machine's fault, by which nothing would train here any more
                self._take([Outcome(run, "failed", error=traceback.format_exc())])
                self._flush()
        self._report()
        return True

    def _tick(self, pack: Pack) -> None:
        """Train to the next evaluation; its wall time is shared by the lanes that held a run."""
        began = time.monotonic()
        names = [run.run_id for run in pack.running()]
        ended = pack.tick()
        share = (time.monotonic() - began) / max(len(names), 1)
        for name in names:
            self.seconds[name] += share
        self._take(ended)

    def _take(self, ended: Sequence[Outcome]) -> None:
        for outcome in ended:
            row = self._row(outcome)
            self.rows.append(row)
            self.news["failed" if outcome.status == "failed" else row["phase"]] += 1
            if outcome.error is not None:
                self._write_error(outcome)
        self.claim.progress["runs"] += len(ended)

    def _row(self, outcome: Outcome) -> dict[str, Any]:
        row = result_row(outcome, self.config, self.mode)
        row |= {
            "pack_id": self.pack_id,
            "attempt": self.attempt,
            "job_id": claims.job_id(),
            "seconds": self.seconds[outcome.run.run_id],
        }
        if outcome.status == "finished" and self.config["train"].get("keep_state"):
            row["kept_state"] = self.checkpoints.keep(
                outcome.run.run_id, outcome.state or {}, self.attempt, self.parts_written
            )
        if weights.wanted(self.config) and outcome.state is not None:
            self.weights[outcome.run.run_id] = outcome.state["params"]
            row["kept_weights"] = self._part_name()
        return row

    # ---------------------------------------------------------------------------------- writing

    def _flush(self) -> None:
        """Write the rows that ended since the last flush, as one part."""
        if not self.rows:
            return
        self._refuse_if_lost()
        self.checkpoints.write_kept()
        if self.weights:
            weights.write(self.store, self._part_name(), self.weights)
        self.store.write_part(self._part_name(), self.rows, self.config)
        self.parts_written += 1
        self.rows, self.weights = [], {}

    def _part_name(self) -> str:
        """Of the next part; its last word keeps two drivers at work on one store from writing over
        each other."""
        return f"part-{self.pack_id}-{self.attempt:04d}-{self.parts_written:05d}-{self.token}"

    def _checkpoint(self, pack: Pack) -> None:
        """Rows first: a run is either in a part or in the checkpoint, never in neither."""
        self._flush()
        self._refuse_if_lost()
        self.checkpoints.save(self.aside | pack.state(), self.attempt)

    def _refuse_if_lost(self) -> None:
        """Nothing is written beside a later attempt, which would go on from it only to lose it."""
        if self.claim.superseded():
            raise _Lost

    def _report(self) -> None:
        """Tell the driver what ended and what was done since the last report."""
        done = Counter(self.pack.counts) if self.pack is not None else self.told
        phases_ended, self.news = dict(self.news), Counter()
        new, self.told = done - self.told, done
        self.claim.progress["run_steps"] = (
            self.claim.progress.get("run_steps", 0) + new["run_steps"]
        )
        if self.work is None:
            new["uncounted_steps"] = new["run_steps"]
        else:
            new["flop"] = self.work.of(new["run_steps"], new["evaluations"])
        self.emit(progress_event(phases_ended, **new))

    def _write_error(self, outcome: Outcome) -> None:
        run_id = outcome.run.run_id
        report = {"run_id": run_id, "traceback": outcome.error,
                  "pack_id": self.pack_id, "attempt": self.attempt,
                  "failures": self.store.failures(run_id) + 1,
                  "config": outcome.run.config}  # fmt: skip
        write_text(self.store.errors / f"{run_id}.json", json.dumps(report, indent=2))


def _answers(device: str) -> bool:
    """Whether a device still computes: after some errors, a process can use its GPU no more."""
    try:
        return torch.ones(1, device=device).add_(1).item() == 2
    except (RuntimeError, AssertionError):  # AssertionError: of a torch without CUDA
        return False


def _run_of(row: Mapping[str, Any]) -> Run:
    return Run(row["run_id"], json.loads(row["config"]), {}, {})


def _mode(row: Mapping[str, Any], config: Config) -> Mode:
    device = device_of(config)
    compiled = row["compiled"] and has_compiler(device)
    if compiled != row["compiled"]:
        log.warning("there is no C++ compiler here: training eagerly, several times slower")
    return Mode(row["width"], compiled, device)
