"""Trains packs of a store: as a process that a launcher feeds, or in this process.

`python -m phasegrok.worker STORE` reads pack ids from standard input, one a line, and reports
events as JSON lines on standard output. When its input closes, because the driver asked for it
or died, it finishes the step, writes what it has, keeps a checkpoint and ends.
Needs torch and pyarrow only.
"""

from __future__ import annotations

import functools
import json
import os
import queue
import signal
import socket
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from phasegrok import phases
from phasegrok.cells import Config, Run, lookup
from phasegrok.engine import Given, Mode, Outcome, Pack, Watch, cpu_numerics, outcomes
from phasegrok.errors import InputError
from phasegrok.plan import Asked, answered_ids, device_of, pack_key
from phasegrok.states import Checkpoints
from phasegrok.store import Store, swept
from phasegrok.store.files import write_text
from phasegrok.store.provenance import versions
from phasegrok.store.schema import HYPERPARAMETERS

if TYPE_CHECKING:
    import pandas as pd

Event = dict[str, Any]
Emit = Callable[[Event], None]

# Seconds between two progress events, so that a bar moves and the pipe stays quiet.
PROGRESS_S = 0.5


def watch(config: Mapping[str, Any]) -> Watch:
    """What training watches for under a composed config's rule and stop settings."""
    train, phase = config["train"], config["phase"]
    stop = train.get("stop_accuracy")
    stops = train["stop_when_decided"]
    return Watch(
        train_accuracy=phase["train_accuracy"],
        val_accuracy=phase["val_accuracy"],
        stop_train=(stop or phase["train_accuracy"]) if stops else None,
        stop_val=(stop or phase["val_accuracy"]) if stops else None,
        points_per_decade=train["curve_points_per_decade"],
    )


@dataclass
class PackJob:
    """One pack of a store from its checkpoint to its end, or to a request to stop."""

    store: Store
    pack_id: str
    emit: Emit
    stopping: Callable[[], bool] = lambda: False
    rows: list[dict[str, Any]] = field(default_factory=list)
    news: Counter[str] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)
    parts_written: int = 0
    told: int = 0

    def run(self) -> bool:
        """Train; True if the pack ended, False if it was asked to stop before."""
        self.config = self.store.planned_config()
        planned = [row for row in self.store.plan() if row["pack_id"] == self.pack_id]
        planned.sort(key=lambda row: row["lane_order"])
        self.checkpoints = Checkpoints(self.store, self.pack_id)
        self.attempt = self.checkpoints.next_attempt()
        runs = [_run_of(row) for row in planned if row["run_id"] not in self._answered()]
        if not runs:
            return True
        self.mode = _mode(planned[0], self.config)
        states = self.checkpoints.load(watch(self.config), [run.run_id for run in runs])
        try:
            return self._train(runs, states)
        except InputError:
            raise
        except OSError:
            raise
        except Exception:  # the program itself failed: its unfinished runs are recorded as failed
            self._record_failure(traceback.format_exc())
            return True

    def _answered(self) -> set[str]:
        return answered_ids(self.store, Asked.of(self.config))

    def _train(self, runs: Sequence[Run], states: dict[str, Any]) -> bool:
        self.emit({"event": "progress", "phases": {}, "run_steps": 0})
        self.pack = Pack(runs, self.mode, watch(self.config), states=states)
        flushed = saved = reported = time.monotonic()
        launch = self.config["launch"]
        while not self.pack.finished and not self.stopping():
            self._tick()
            now = time.monotonic()
            if now - reported >= PROGRESS_S:
                reported = now
                self._report()
            if now - saved >= launch["checkpoint_s"]:
                self._checkpoint()
                saved = flushed = time.monotonic()
            elif now - flushed >= launch["flush_s"]:
                self._flush()
                flushed = time.monotonic()
        self._report()
        if self.pack.finished:
            self._flush()
            self.checkpoints.clear()
            return True
        self._checkpoint()
        return False

    def _tick(self) -> None:
        began, lanes = time.monotonic(), self.pack.active
        names = [run.run_id for run in self.pack.unfinished()[: len(lanes)]]
        ended = self.pack.tick()
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

    def _row(self, outcome: Outcome) -> dict[str, Any]:
        row = result_row(outcome, self.config, self.mode)
        row |= {
            "pack_id": self.pack_id,
            "attempt": self.attempt,
            "job_id": os.environ.get("SLURM_JOB_ID"),
            "seconds": self.seconds[outcome.run.run_id],
        }
        if outcome.status == "finished" and self.config["train"].get("keep_state"):
            row["kept_state"] = self.checkpoints.keep(
                outcome.run.run_id, outcome.state or {}, self.attempt, self.parts_written
            )
        return row

    # ---------------------------------------------------------------------------------- writing

    def _flush(self) -> None:
        """Write the rows that ended since the last flush, as one part."""
        if not self.rows:
            return
        self.checkpoints.write_kept()
        name = f"part-{self.pack_id}-{self.attempt:04d}-{self.parts_written:05d}"
        self.store.write_part(name, self.rows, self.config)
        self.parts_written += 1
        self.rows = []

    def _checkpoint(self) -> None:
        """Rows first: a run is either in a part or in the checkpoint, never in neither."""
        self._flush()
        self.checkpoints.save(self.pack.state(), self.attempt)

    def _report(self) -> None:
        """Tell the driver what ended and how many run-steps were done since the last report."""
        done = self.pack.run_steps if hasattr(self, "pack") else 0
        phases_ended, self.news = dict(self.news), Counter()
        self.emit({"event": "progress", "phases": phases_ended, "run_steps": done - self.told})
        self.told = done

    def _record_failure(self, error: str) -> None:
        unfinished = self.pack.unfinished() if hasattr(self, "pack") else []
        self._take([Outcome(run, "failed", error=error) for run in unfinished])
        self._report()
        self._flush()

    def _write_error(self, outcome: Outcome) -> None:
        report = {"run_id": outcome.run.run_id, "traceback": outcome.error,
                  "pack_id": self.pack_id, "attempt": self.attempt,
                  "config": outcome.run.config}  # fmt: skip
        path = self.store.errors / f"{outcome.run.run_id}.json"
        write_text(path, json.dumps(report, indent=2))


def _run_of(row: Mapping[str, Any]) -> Run:
    return Run(row["run_id"], json.loads(row["config"]), {}, {})


def _mode(row: Mapping[str, Any], config: Config) -> Mode:
    return Mode(row["width"], row["compiled"], device_of(config))


def result_row(outcome: Outcome, config: Mapping[str, Any], mode: Mode) -> dict[str, Any]:
    """A result row from how a run ended: its settings, what training saw, and its phase."""
    run, phase = outcome.run, config["phase"]
    row: dict[str, Any] = {"run_id": run.run_id, "seed": run.seed}
    row["sweep"] = (config.get("sweep") or {}).get("name")
    for key in {**HYPERPARAMETERS, **swept(config)}:
        row[key] = _value(run.config, key)
    row |= {f"phase.{key}": phase[key] for key in ("train_accuracy", "val_accuracy", "gap")}
    row |= {"status": outcome.status, "stop_reason": outcome.stop_reason}
    row |= {"steps": 0, "budget": run.config["train"]["steps"], "train_step": None}
    row |= {"val_step": None, "config": json.dumps(run.config, sort_keys=True), **outcome.row}
    row["phase"] = phases.phase_of(row, phases.Rule.from_config(phase))
    known = versions()
    row |= {key: known[key] for key in ("phasegrok", "torch", "commit")}
    row |= {"width": mode.width, "compiled": mode.compiled, "device": mode.device}
    return row | {"host": socket.gethostname(), "written": time.time()}


def _value(config: Config, key: str) -> Any:
    try:
        return lookup(config, key)
    except KeyError:
        return None


# ------------------------------------------------------------------------- training in a process


def train(
    runs: Sequence[Run],
    *,
    lanes: int = 8,
    compiled: bool = False,
    device: str = "cpu",
    rule: phases.Rule | None = None,
    stop_when_decided: bool = True,
    given: Mapping[str, Given] | None = None,
    curve_points_per_decade: int = 16,
) -> pd.DataFrame:
    """Train runs in this process and return one row per run, in the order of `runs`.

    Args:
        runs: of `phasegrok.runs`; runs of unequal shapes train one group after another.
        lanes: how many train side by side in one program.
        compiled: torch.compile instead of eager vmap; pays from about 1e5 run-steps.
        rule: thresholds, gap and phase; default Liu et al. 2022 with the gap as 0.01 of the budget.
        stop_when_decided: stop a run once it has crossed both thresholds of the rule.
        given: explicit initial parameters, splits, labels or batches, by run_id.
        curve_points_per_decade: density of the stored curves; 0 keeps every evaluation.

    Returns:
        A DataFrame with the columns of a store's results, curves included.
    """
    import pandas as pd

    rule = rule or phases.Rule()
    config = {
        "phase": {"train_accuracy": rule.train_accuracy, "val_accuracy": rule.val_accuracy,
                  "gap": rule.gap},
        "train": {"stop_when_decided": stop_when_decided,
                  "curve_points_per_decade": curve_points_per_decade},
    }  # fmt: skip
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(pack_key(run), []).append(run)
    rows: dict[str, dict[str, Any]] = {}
    with cpu_numerics():
        for group in groups.values():
            mode = Mode(min(lanes, len(group)), compiled, device)
            pack = Pack(group, mode, watch(config), given=given)
            for outcome in outcomes(pack):
                if outcome.error is not None:
                    raise RuntimeError(f"run {outcome.run.run_id} failed:\n{outcome.error}")
                rows[outcome.run.run_id] = result_row(outcome, config, mode)
    return pd.DataFrame([rows[run.run_id] | dict(run.cell) for run in runs])


# ------------------------------------------------------------------------------- as a process


def run_packs(store: Store, pack_ids: Callable[[], str | None], emit: Emit,
              stopping: Callable[[], bool]) -> None:  # fmt: skip
    """Train packs until there is no next one or a stop is asked for."""
    with cpu_numerics():
        while not stopping():
            pack_id = pack_ids()
            if pack_id is None:
                return
            ended = PackJob(store, pack_id, emit, stopping).run()
            emit({"event": "pack", "pack_id": pack_id, "ended": ended})


def main(arguments: Sequence[str] | None = None) -> int:
    """The process: see the module's docstring."""
    (path,) = sys.argv[1:] if arguments is None else arguments
    # Ctrl-C reaches the whole foreground group; the driver alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    closed = threading.Event()
    packs: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=_read_packs, args=(packs, closed), daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: (closed.set(), packs.put(None)))
    # Events own the real standard output; what a user's module prints goes to the log instead.
    events, sys.stdout = sys.stdout, sys.stderr
    emit = functools.partial(_write_event, events)
    sys.path.insert(0, str(Path.cwd()))
    try:
        run_packs(Store(path), packs.get, emit, closed.is_set)
    except BrokenPipeError:
        return 1
    except (InputError, OSError) as error:
        emit({"event": "error", "message": _message(error)})
        return 1
    return 0


def _read_packs(packs: queue.Queue[str | None], closed: threading.Event) -> None:
    for line in sys.stdin:
        packs.put(line.strip() or None)
    closed.set()
    packs.put(None)


def _write_event(stream: TextIO, event: Event) -> None:
    print(json.dumps(event), file=stream, flush=True)


def _message(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename or 'while writing'}"
    return str(error)


if __name__ == "__main__":
    sys.exit(main())
