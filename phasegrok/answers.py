"""What stores already know: which rows answer what a sweep asks, here and in other stores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from phasegrok import cells, phases
from phasegrok.cells import Config
from phasegrok.errors import InputError
from phasegrok.store import Store, swept


@dataclass(frozen=True)
class Asked:
    """What a sweep wants to know of each run, against which a stored row is held."""

    budget: int
    rule: phases.Rule
    stops: bool
    stop_accuracy: float | None

    @classmethod
    def of(cls, config: Config) -> Asked:
        train = config["train"]
        rule = phases.Rule.from_config(config["phase"])
        stops = bool(train["stop_when_decided"])
        return cls(train["steps"], rule, stops, train.get("stop_accuracy") if stops else None)

    def answered_by(self, row: Mapping[str, Any]) -> bool:
        """Whether the row tells all this sweep wants to know of its run.

        A run that ended by itself (decided, diverged) within the budget did not depend on it;
        otherwise the budgets must be equal. Where early stopping is off, a stopped run is no
        answer; nor is a run that stopped before the stop accuracy asked for, or a row that cannot
        be judged by the rule.
        """
        if row["status"] == "failed":
            return False
        ended_by_itself = row["status"] in ("decided", "diverged")
        if row["budget"] != self.budget and not (ended_by_itself and row["steps"] <= self.budget):
            return False
        if row["status"] == "decided" and not self.stops and row["steps"] < self.budget:
            return False
        rules = [self.rule]
        if self.stop_accuracy is not None:
            accuracy = self.stop_accuracy
            rules.append(replace(self.rule, train_accuracy=accuracy, val_accuracy=accuracy))
        told = {**row, "budget": self.budget}
        return all(phases.phase_of(told, rule) != phases.UNDECIDED for rule in rules)

    def extends(self, row: Mapping[str, Any]) -> bool:
        """Whether the row's run was followed to the end of a smaller budget than asked now."""
        return row["status"] == "finished" and row["budget"] < self.budget


ANSWER_COLUMNS = (*phases.CLASSIFY_COLUMNS, "run_id", "kept_state", "reused_from")


def answered_ids(store: Store, asked: Asked) -> set[str]:
    """The runs whose rows in this store answer what is asked."""
    rows = store.rows(ANSWER_COLUMNS).to_pylist()
    return {row["run_id"] for row in rows if asked.answered_by(row)}


def reusable(
    config: Config, store: Store, asked: Asked, wanted: set[str]
) -> dict[str, list[dict[str, Any]]]:
    """Rows of other stores that answer missing runs: store directory -> rows to copy."""
    reused: dict[str, list[dict[str, Any]]] = {}
    for other in _other_stores(config, store):
        if not wanted:
            break
        if not wanted & set(other.rows(["run_id"])["run_id"].to_pylist()):
            continue
        found = [row for row in other.rows().to_pylist()
                 if row["run_id"] in wanted and asked.answered_by(row)]  # fmt: skip
        if found:
            reused[str(other.path.resolve())] = found
            wanted = wanted - {row["run_id"] for row in found}
    return reused


def _other_stores(config: Config, store: Store) -> Iterable[Store]:
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
    fresh = (s for s in siblings if s.path.resolve() not in here and s.exists())
    return [*named, *fresh]


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
    irrelevant |= {"train.vectorise", "optim.allow_overdecay"}
    return {k: v for k, v in flat.items() if v is not None and k not in irrelevant}
