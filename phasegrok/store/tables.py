"""Arrow tables of rows: made, joined, put in order and told under a plan. No files here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from phasegrok import phases
from phasegrok.store.provenance import versions
from phasegrok.store.schema import SCHEMA_VERSION, as_column

# The key of a file's metadata under which all that it says about itself stands, as JSON.
META = b"phasegrok"


def of_rows(
    rows: Sequence[Mapping[str, Any]], schema: pa.Schema, about: Mapping[str, Any]
) -> pa.Table:
    """Rows as a table of this schema; keys that a row lacks are null, further ones left out."""

    def column(field: pa.Field) -> pa.Array:
        values = [row.get(field.name) for row in rows]
        if not pa.types.is_list(field.type):
            values = [as_column(value, field.type) for value in values]
        return pa.array(values, type=field.type)

    described = schema.with_metadata(metadata(about))
    return pa.Table.from_arrays([column(field) for field in schema], schema=described)


def metadata(content: Mapping[str, Any]) -> dict[bytes, bytes]:
    """A file's key-value metadata that holds this content."""
    return {META: json.dumps({"schema": SCHEMA_VERSION, **content}, sort_keys=True).encode()}


def provenance(config: Mapping[str, Any]) -> dict[str, Any]:
    """What a file says about itself besides its rows."""
    return {"config": dict(config), "rule": config["phase"], **versions()}


def joined(tables: Sequence[pa.Table]) -> pa.Table:
    """All rows; a column that is a number here and text there becomes text."""
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowTypeError:
        kinds: dict[str, set[Any]] = {}
        for field in (field for table in tables for field in table.schema):
            kinds.setdefault(field.name, set()).add(field.type)
        mixed = {name for name, found in kinds.items() if len(found) > 1 and pa.string() in found}
        tables = [
            conformed(t, pa.schema([pa.field(f.name, pa.string()) if f.name in mixed else f
                                   for f in t.schema])) for t in tables
        ]  # fmt: skip
        return pa.concat_tables(tables, promote_options="permissive")


def winners(table: pa.Table) -> pa.Table:
    """The last valid row of every run: any result beats a failure, then the latest written."""
    ids = table["run_id"].to_pylist()
    valid = [status != "failed" for status in table["status"].to_pylist()]
    written = table["written"].to_pylist()
    best: dict[str, int] = {}
    for row, run_id in enumerate(ids):
        other = best.get(run_id)
        if other is None or (valid[row], written[row] or 0.0) >= (
            valid[other],
            written[other] or 0.0,
        ):
            best[run_id] = row
    return table.take(pa.array(sorted(best.values()), pa.int64()))


def conformed(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table with exactly the schema's columns; what it lacks is null."""
    columns = [
        table[field.name].cast(field.type)
        if field.name in table.schema.names
        else pa.nulls(len(table), field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def under_plan(table: pa.Table, planned: Mapping[str, str], budget: int) -> pa.Table:
    """Rows of planned runs that ended by themselves, told under the budget planned now.

    Such a run did not depend on its budget, and a gap that is a share of the budget must mean
    the same for all runs of a sweep.
    """
    ids, statuses, configs = (table[c].to_pylist() for c in ("run_id", "status", "config"))
    budgets = table["budget"].to_pylist()
    told = [
        i in planned and s in ("decided", "diverged") for i, s in zip(ids, statuses, strict=True)
    ]
    new = {
        "budget": [budget if now else old for now, old in zip(told, budgets, strict=True)],
        "config": [
            planned[run_id] if now else old
            for now, run_id, old in zip(told, ids, configs, strict=True)
        ],
    }
    for name, values in new.items():
        position = table.schema.get_field_index(name)
        field = table.schema.field(name)
        table = table.set_column(position, field, pa.array(values, field.type))
    return table


def reclassified(
    table: pa.Table, rule: phases.Rule, planned: Mapping[str, str], budget: int
) -> pa.Table:
    """The table with `phase` under this rule, for planned runs under the planned budget.

    A censored run of a smaller budget is thereby undecided. Row thresholds stay: they say what
    was recorded.
    """
    names = ["run_id", *(c for c in phases.CLASSIFY_COLUMNS if c in table.schema.names)]
    now = replace(rule, budget=budget)
    labels = [
        phases.phase_of(row, now if row["run_id"] in planned else rule)
        for row in table.select(names).to_pylist()
    ]
    position = table.schema.get_field_index("phase")
    return table.set_column(position, "phase", pa.array(labels, pa.string()))
