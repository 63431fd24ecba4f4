"""What became of the planned runs: done, failed, in which phase."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np

from phasegrok import phases
from phasegrok.answers import ANSWER_COLUMNS, Asked
from phasegrok.store import Store
from phasegrok.store.tables import column_of


@dataclass(frozen=True)
class Ran:
    """Planned runs that have ended.

    given_up: those of the failed ones that are not tried again. written: when the rows of those
    done that were trained here were, in seconds since the epoch.
    """

    done: set[str]
    failed: set[str]
    given_up: set[str]
    phases: Counter[str]
    written: np.ndarray

    def left(self, run_id: str) -> bool:
        return run_id not in self.done and run_id not in self.failed

    def again(self, run_id: str) -> bool:
        return run_id in self.failed and run_id not in self.given_up


@dataclass(frozen=True)
class Failure:
    """A run that failed by its own fault.

    times: how often. line: the last of its traceback. file: the report, None where there is none.
    """

    run_id: str
    times: int
    line: str
    file: Path | None


def ran(store: Store, config: Mapping[str, Any], planned: set[str]) -> Ran:
    """What the rows of a store tell of the planned runs."""
    asked = Asked.of(dict(config), store)
    rows = store.rows([*ANSWER_COLUMNS, "written", "reused_from"])
    if not len(rows):
        return Ran(set(), set(), set(), Counter(), np.zeros(0))
    ids = rows["run_id"].to_pylist()
    ours = np.array([run_id in planned for run_id in ids])
    done = ours & asked.answered_by(rows)
    failed = ours & np.array([status == "failed" for status in rows["status"].to_pylist()])
    here = np.array([origin is None for origin in rows["reused_from"].to_pylist()])
    codes = phases.codes_of(column_of(rows), replace(asked.rule, budget=asked.budget))
    names = set(compress(ids, failed))
    return Ran(
        done=set(compress(ids, done)),
        failed=names,
        given_up=store.given_up(config) & names if names else set(),
        phases=Counter(phases.LABELS[code] for code in codes[done]),
        written=np.array(rows["written"].to_pylist(), dtype=float)[done & here],
    )


def failure(store: Store, run_id: str) -> Failure:
    path = store.errors / f"{run_id}.json"
    try:
        report = json.loads(path.read_text())
    except (OSError, json.JSONDecodeError):
        return Failure(run_id, 1, "it left no report", None)
    lines = (report.get("traceback") or "").strip().splitlines()
    return Failure(run_id, report.get("failures", 1), lines[-1] if lines else "", path)
