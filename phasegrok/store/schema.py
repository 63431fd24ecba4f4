"""The columns of a result row, once: names, types, and which of them are results.

Writing and reading both go through these schemas: a dataset whose schema is guessed from its
first file loses columns that appear later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from phasegrok import cells, observables, representation

# 2: observables that only some runs have: corrupted_acc, clean_acc, ipr, and their curves;
# kept_weights.
SCHEMA_VERSION = 2

_TEXT, _INT, _REAL, _FLAG = pa.string(), pa.int64(), pa.float64(), pa.bool_()

IDENTITY: dict[str, pa.DataType] = {"run_id": _TEXT, "sweep": _TEXT, "seed": _INT}

# The keys that users' scripts rely on; null where they do not apply to a task, model or optimiser.
HYPERPARAMETERS: dict[str, pa.DataType] = {
    "task.name": _TEXT,
    "task.operation": _TEXT,
    "task.p": _INT,
    "task.train_fraction": _REAL,
    "task.label_noise": _REAL,
    "model.name": _TEXT,
    "model.width": _INT,
    "model.init_scale": _REAL,
    "optim.name": _TEXT,
    "optim.lr": _REAL,
    "optim.weight_decay": _REAL,
    "train.batch_size": _INT,
    "train.eval_every": _INT,
    "train.dtype": _TEXT,
    "split_seed": _INT,
}

# Thresholds that train_step and val_step of this row refer to, and the rest of the rule behind its
# phase; null is what that rule does not read, and no name is first crossing.
RULE: dict[str, pa.DataType] = {
    "phase.name": _TEXT,
    "phase.train_accuracy": _REAL,
    "phase.val_accuracy": _REAL,
    "phase.gap": _REAL,
    "phase.slack": _REAL,
}

OUTCOME: dict[str, pa.DataType] = {
    "status": _TEXT,
    "stop_reason": _TEXT,
    "steps": _INT,
    "budget": _INT,
    "train_step": _INT,
    "val_step": _INT,
    "train_steps": pa.list_(_INT),
    "val_steps": pa.list_(_INT),
    **dict.fromkeys([*observables.OBSERVABLES, *observables.BEST], _REAL),
    "phase": _TEXT,
}

# Of the addition toy of Liu et al. 2022; null for every other run.
REPRESENTATION: dict[str, pa.DataType] = dict.fromkeys(representation.COLUMNS, _REAL)

CURVES: dict[str, pa.DataType] = {
    f"curve.{name}": pa.list_(_INT if name == "step" else _REAL) for name in observables.CURVE
}

# Where and how a row came about; two trainings of one run may differ here and nowhere else.
PROVENANCE: dict[str, pa.DataType] = {
    "pack_id": _TEXT,
    "width": _INT,
    "compiled": _FLAG,
    "device": _TEXT,
    "seconds": _REAL,
    "attempt": _INT,
    "job_id": _TEXT,
    "host": _TEXT,
    "written": _REAL,
    "reused_from": _TEXT,
    "kept_state": _TEXT,
    "kept_weights": _TEXT,
    "phasegrok": _TEXT,
    "torch": _TEXT,
    "commit": _TEXT,
}


def swept(config: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Swept key -> the values of its axis."""
    found = cells.axes(config.get("sweep") or {}).values()
    return {axis["param"]: cells.axis_values(axis) for axis in found}


def result_schema(swept: Mapping[str, Sequence[Any]]) -> pa.Schema:
    """The schema of parts and results of a sweep over these keys (key -> its axis values)."""
    fields = {**IDENTITY, **HYPERPARAMETERS, **RULE}
    for key, values in swept.items():
        fields.setdefault(key, column_type(values))
    fields |= {"config": _TEXT} | OUTCOME | REPRESENTATION | CURVES | PROVENANCE
    return pa.schema(list(fields.items()))


def completed(table: pa.Table) -> pa.Table:
    """Results with a column for every observable, null where they are older than it."""
    wanted: dict[str, pa.DataType] = {name: OUTCOME[name] for name in observables.OBSERVABLES}
    if CURVES.keys() & set(table.column_names):
        wanted |= CURVES
    for name, kind in wanted.items():
        if name not in table.column_names:
            table = table.append_column(name, pa.nulls(len(table), kind))
    return table


def plan_schema(swept: Mapping[str, Sequence[Any]], axes: Sequence[str]) -> pa.Schema:
    """The schema of plan.parquet: one row per planned run."""
    fields: dict[str, pa.DataType] = {"run_id": _TEXT, "seed": _INT}
    fields |= {key: column_type(values) for key, values in swept.items()}
    fields |= {f"index.{name}": _INT for name in axes}
    fields |= {"pack_id": _TEXT, "width": _INT, "compiled": _FLAG, "device": _TEXT}
    fields |= {"lane_order": _INT, "round": _INT}
    return pa.schema([*fields.items(), ("config", _TEXT)])


def column_type(values: Sequence[Any]) -> pa.DataType:
    """Numbers (and nulls) are float64, whole or not, so that an axis may grow; the rest is text."""
    given = [v for v in values if v is not None]
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in given)
    return _REAL if given and numbers else _TEXT


def as_column(value: Any, kind: pa.DataType) -> Any:
    """A config value as its column holds it: text columns hold the JSON of what is not text."""
    if value is None:
        return None
    if kind == _TEXT:
        import json

        return value if isinstance(value, str) else json.dumps(value)
    return float(value) if kind == _REAL else value
