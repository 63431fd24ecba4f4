"""What stores already know: which rows answer what a sweep asks, here and in other stores."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from phasegrok import cells, phases
from phasegrok.cells import Config
from phasegrok.errors import InputError
from phasegrok.store import Store, swept, weights
from phasegrok.store.tables import column_of

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Asked:
    """What a sweep wants to know of each run, against which a stored row is held."""

    budget: int
    rule: phases.Rule
    stops: bool
    stop_accuracy: float | None
    # Where final weights must be, if they are asked for.
    weights: Path | None = None

    @classmethod
    def of(cls, config: Config, store: Store) -> Asked:
        train = config["train"]
        rule = phases.Rule.from_config(config["phase"])
        stops = bool(train["stop_when_decided"]) and rule.kind.retires
        accuracy = train.get("stop_accuracy") if stops else None
        kept = weights.folder(store) if weights.wanted(config) else None
        return cls(train["steps"], rule, stops, accuracy, kept)

    def answered_by(self, table: pa.Table) -> np.ndarray:
        """Which rows tell all this sweep wants to know of their runs: [rows] of booleans.

        A run that ended by itself (decided, diverged) within the budget did not depend on it;
        otherwise the budgets must be equal. Where early stopping is off, a stopped run is no
        answer; nor is a run that stopped before the stop accuracy asked for, a row that cannot be
        judged by the rule, or one without its weights where these are asked for.
        """
        column = column_of(table)
        status, steps, budget = column("status"), column("steps"), column("budget")
        assert status is not None and steps is not None
        by_itself = np.isin(status, ["decided", "diverged"]) & (steps <= self.budget)
        answers = (status != "failed") & ((budget == self.budget) | by_itself)
        if not self.stops:
            answers &= (status != "decided") | (steps >= self.budget)
        rules = [replace(self.rule, budget=self.budget)]
        if self.stop_accuracy is not None:
            accuracy = self.stop_accuracy
            rules.append(replace(rules[0], train_accuracy=accuracy, val_accuracy=accuracy))
        for rule in rules:
            answers &= phases.codes_of(column, rule) != phases.LABELS.index(phases.UNDECIDED)
        return answers if self.weights is None else answers & self._has_weights(table)

    def _has_weights(self, table: pa.Table) -> np.ndarray:
        assert self.weights is not None
        there = {path.stem for path in self.weights.glob("[!.]*.safetensors")}
        has = "kept_weights" in table.column_names
        names = table["kept_weights"].to_pylist() if has else [None] * len(table)
        return np.array([name in there for name in names], bool)

    def answering(self, table: pa.Table) -> pa.Table:
        """The rows that answer."""
        return _those(table, self.answered_by)

    def extended_by(self, table: pa.Table) -> np.ndarray:
        """Which rows' runs were followed to the end of a smaller budget than asked now."""
        column = column_of(table)
        status, budget = column("status"), column("budget")
        assert status is not None and budget is not None
        return (status == "finished") & (budget < self.budget)

    def extending(self, table: pa.Table) -> pa.Table:
        """The rows of those runs."""
        return _those(table, self.extended_by)


def _those(table: pa.Table, are: Callable[[pa.Table], np.ndarray]) -> pa.Table:
    # pyarrow would import pandas for nothing, before a first training or in a dry run.
    return table.filter(are(table)) if len(table) else table


ANSWER_COLUMNS = (*phases.CLASSIFY_COLUMNS, "run_id", "kept_state", "kept_weights", "reused_from")


def answered_ids(store: Store, asked: Asked, of: Iterable[str] | None = None) -> set[str]:
    """The runs (of those asked for) whose rows in this store answer what is asked."""
    return set(asked.answering(store.rows(ANSWER_COLUMNS, of))["run_id"].to_pylist())


def reusable(config: Config, store: Store, asked: Asked, wanted: set[str]) -> dict[str, pa.Table]:
    """Rows of other stores that answer missing runs: store directory -> rows to copy."""
    reused: dict[str, pa.Table] = {}
    for other in other_stores(config, store):
        if not wanted:
            break
        kept = None if asked.weights is None else weights.folder(other)
        found = replace(asked, weights=kept).answering(other.rows(of=wanted))
        if len(found):
            reused[str(other.path.resolve())] = found
            wanted = wanted - set(found["run_id"].to_pylist())
    return reused


def other_stores(config: Config, store: Store) -> Iterable[Store]:
    """The stores named by `reuse`, then the siblings of `out`."""
    named = [Store(path, own=False) for path in config["reuse"]]
    absent = [str(other.path) for other in named if not other.exists()]
    if absent:
        raise InputError(
            f"reuse = {', '.join(absent)}: no sweep's directory (it has no sweep.yaml); "
            "name directories that a sweep wrote"
        )
    folder = store.path.parent
    beside = sorted(folder.iterdir()) if folder.is_dir() else []
    siblings = [Store(path, own=False) for path in beside]
    here = {store.path.resolve(), *(other.path.resolve() for other in named)}
    fresh = (s for s in siblings if s.path.resolve() not in here)
    readable = [s for s in fresh if os.access(s.sweep_file, os.R_OK)]
    return [*named, *readable]


def refuse_another_sweep(store: Store, config: Config) -> None:
    """A store goes on only with the sweep it began: equal in every key that is not swept.

    The judging (phase), the doing (launch, lanes, compile, ...) and the size (seeds, axes, a
    larger budget) may change.
    """
    there = store.config()
    old, new = _fixed_keys(there), _fixed_keys(config)
    differing = sorted(
        key
        for key in old.keys() | new.keys()
        if old.get(key) != new.get(key)
        and not (key == "train.steps" and (old.get(key) or 0) <= (new.get(key) or 0))
    )
    if differing:
        shown = "; ".join(f"{k}: {old.get(k)} there, {new.get(k)} asked" for k in differing)
        raise InputError(
            f"{store.path} holds another sweep ({there['sweep']['name']}): {shown}. "
            "Choose another directory with out=DIR, or ask for the same settings"
        )


def _fixed_keys(config: Config) -> dict[str, Any]:
    axes = cells.axes(config["sweep"])
    flat = dict(cells.leaves(cells.run_config(config)))
    flat["split_seed"] = config.get("split_seed")
    flat |= {f"sweep.{name}.param": axis["param"] for name, axis in axes.items()}
    varied = set(swept(config))
    irrelevant = varied | {key.rpartition(".")[0] for key in varied if key[-1].isdigit()}
    irrelevant |= set(cells.NOT_IN_ID) - {"train.steps"}
    return {k: v for k, v in flat.items() if not cells.unset(k, v) and k not in irrelevant}
