"""Arrow tables of rows: made, joined, put in order and told under a plan. No files here."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from phasegrok import phases
from phasegrok.store.files import pc
from phasegrok.store.provenance import versions
from phasegrok.store.schema import SCHEMA_VERSION, as_column

# The key of a file's metadata under which all that it says about itself stands, as JSON.
META = b"phasegrok"


# What tells which of a run's rows is the last valid one.
KEYS = {"run_id": pa.string(), "status": pa.string(), "written": pa.float64()}


def of_rows(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """Rows as a table of this schema; keys that a row lacks are null, further ones left out."""
    columns = [_array([row.get(field.name) for row in rows], field.type) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    try:
        return pa.array(values, kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([as_column(value, kind) for value in values], kind)


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
    if pc.count_distinct(table["run_id"], mode="all").as_py() == len(table):
        return table
    return table.take(pa.array(*winning([table])))


def winning(tables: Sequence[pa.Table]) -> list[np.ndarray]:
    """The positions, in each table, of the rows that `winners` takes from all of them together.

    Needs the columns run_id, status and written, of which the last may be null or missing.
    """
    if not tables:
        return []
    keys = joined([table.select([c for c in KEYS if c in table.column_names]) for table in tables])
    keys = conformed(keys, pa.schema(list(KEYS.items())))
    runs = keys["run_id"].combine_chunks().dictionary_encode().indices.to_numpy()
    valid = pc.not_equal(keys["status"], "failed").fill_null(True).to_numpy()
    order = np.lexsort((keys["written"].fill_null(0.0).to_numpy(), valid, runs))
    last = np.append(np.diff(runs[order]) != 0, True)[: len(order)]
    best, starts = np.sort(order[last]), np.cumsum([0, *map(len, tables)])
    return [best[(best >= a) & (best < b)] - a for a, b in itertools.pairwise(starts)]


def conformed(
    table: pa.Table, schema: pa.Schema, instead: Mapping[str, Sequence[Any]] | None = None
) -> pa.Table:
    """The table with exactly the schema's columns; what it lacks is null.

    Args:
        instead: columns that replace those of the table.
    """

    def column(field: pa.Field) -> pa.Array | pa.ChunkedArray:
        if instead and field.name in instead:
            return _array(instead[field.name], field.type)
        if field.name in table.schema.names:
            return table[field.name].cast(field.type)
        return pa.nulls(len(table), field.type)

    return pa.Table.from_arrays([column(field) for field in schema], schema=schema)


def told(table: pa.Table, plan: pa.Table, rule: phases.Rule, budget: int) -> pa.Table:
    """Rows in plan order, those of other runs after them by id, told under plan and rule.

    Planned runs that ended by themselves did not depend on their budget; theirs becomes the
    planned one, for a gap that is a share of the budget must mean the same for all runs of a
    sweep. A censored run of a smaller budget is undecided. Row thresholds stay: they say what
    was recorded.

    Args:
        plan: run_id and config of the planned runs.
        budget: the planned one, in steps.
    """
    place = pc.index_in(table["run_id"], plan["run_id"].combine_chunks())
    keys = pa.table({"place": place, "run_id": table["run_id"]})
    order = pc.sort_indices(keys, [("place", "ascending"), ("run_id", "ascending")])
    table, place = table.take(order), place.take(order).combine_chunks()
    planned = place.is_valid()
    ended = pc.and_(planned, pc.is_in(table["status"], pa.array(["decided", "diverged"])))
    whole = {
        "budget": pc.if_else(ended, budget, table["budget"]),
        "config": pc.if_else(ended, plan["config"].take(place), table["config"]),
    }
    for name, column in whole.items():
        table = table.set_column(table.schema.get_field_index(name), name, column)
    here = labels(table, replace(rule, budget=budget))
    phase = pc.if_else(planned, here, labels(table, rule))
    return table.set_column(table.schema.get_field_index("phase"), "phase", phase)


def with_rounds(table: pa.Table, plan: pa.Table) -> pa.Table:
    """Rows with the round of refinement in which the plan has their runs, null where it has not."""
    if "round" not in plan.column_names:  # of before there were rounds
        return table.append_column("round", pa.nulls(len(table), pa.int64()))
    place = pc.index_in(table["run_id"], plan["run_id"].combine_chunks())
    return table.append_column("round", plan["round"].take(place))


def labels(table: pa.Table, rule: phases.Rule) -> pa.Array:
    """The phase of every row under a rule."""
    return pa.array(phases.LABELS).take(pa.array(phases.codes_of(column_of(table), rule)))


def column_of(table: pa.Table) -> phases.Column:
    """The columns of a table of results as `phases.codes_of` asks for them."""

    def column(name: str, place: int | None = None) -> np.ndarray | None:
        if name not in table.column_names:
            return None
        values = table[name]
        if place is not None:
            never = values.is_null()
            step = pc.cast(pc.list_element(values, place), pa.float64()).fill_null(np.inf)
            return pc.if_else(never, np.nan, step).to_numpy()
        if name == "status":
            return values.to_numpy()
        return values.cast(pa.float64()).fill_null(np.nan).to_numpy()

    return column
