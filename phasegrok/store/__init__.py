"""A sweep's directory: the plan, the parts that workers write, and the results made of them.

Parts are the truth; results.parquet is made of them and can always be made again. Duplicates of
a run are harmless: the last valid row wins. A damaged part is set aside, never trusted.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from phasegrok import cells, phases
from phasegrok.errors import InputError
from phasegrok.store import tables
from phasegrok.store.files import read_table, write_table, write_text, write_whole
from phasegrok.store.schema import (
    CURVES,
    plan_schema,
    result_schema,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Store", "kept_path", "load", "swept", "write_whole"]

log = logging.getLogger("phasegrok")


class Store:
    """The directory of one sweep. Opening it reads and creates nothing.

    `own=False` is for directories that are only looked at (another sweep's, or in a dry run):
    damaged files there are passed over where one's own are set aside.
    """

    def __init__(self, path: str | Path, *, own: bool = True):
        self.path = Path(path)
        self.own = own
        self.sweep_file = self.path / "sweep.yaml"
        self.plan_file = self.path / "plan.parquet"
        self.results_file = self.path / "results.parquet"
        self.parts = self.path / "parts"
        self.checkpoints = self.path / "ckpt"
        self.errors = self.path / "errors"

    def exists(self) -> bool:
        return self.sweep_file.exists()

    # ------------------------------------------------------------------------------ the question

    def config(self) -> dict[str, Any]:
        """The composed config of sweep.yaml. InputError if this is no store, or it is damaged."""
        if not self.sweep_file.exists():
            raise InputError(
                f"{self.path} is not a sweep's directory: it has no sweep.yaml. "
                "Give the directory that a sweep printed as its out"
            )
        import yaml  # the driver's affair: a worker reads its config from the plan

        try:
            config = yaml.safe_load(self.sweep_file.read_text())
        except yaml.YAMLError as error:
            raise InputError(f"{self.sweep_file} cannot be read: {error}") from error
        if not isinstance(config, dict) or "task" not in config:
            raise InputError(f"{self.sweep_file} does not hold a sweep's config")
        return config

    def write_config(self, config: Mapping[str, Any]) -> None:
        import yaml

        write_text(self.sweep_file, yaml.safe_dump(dict(config), sort_keys=False))

    # ---------------------------------------------------------------------------------- the plan

    def write_plan(self, rows: Sequence[Mapping[str, Any]], config: Mapping[str, Any]) -> None:
        """Write plan.parquet; the composed config travels in its metadata, for the workers."""
        schema = plan_schema(swept(config), list(cells.axes(config["sweep"])))
        write_table(self.plan_file, tables.of_rows(rows, schema, {"config": config}))

    def plan(self) -> list[dict[str, Any]]:
        """The planned runs, in plan order; empty if there is no plan yet."""
        table = self._read(self.plan_file) if self.plan_file.exists() else None
        return [] if table is None else table.to_pylist()

    def planned_config(self) -> dict[str, Any]:
        """The composed config that the plan was made from."""
        metadata = read_table(self.plan_file, columns=["run_id"]).schema.metadata or {}
        return json.loads(metadata[tables.META])["config"]

    # --------------------------------------------------------------------------------- the rows

    def write_part(
        self, name: str, rows: Sequence[Mapping[str, Any]], config: Mapping[str, Any]
    ) -> None:
        """Write finished rows as parts/NAME.parquet, whole or not at all."""
        self.write_rows(self.parts / f"{name}.parquet", rows, config)

    def write_rows(
        self, path: Path, rows: Sequence[Mapping[str, Any]], config: Mapping[str, Any]
    ) -> None:
        """Write rows with the columns of results.parquet."""
        write_table(
            path, tables.of_rows(rows, result_schema(swept(config)), tables.provenance(config))
        )

    def part_names(self) -> list[str]:
        return sorted(p.stem for p in self.parts.glob("[!.]*.parquet"))

    def rows(self, columns: Sequence[str] | None = None) -> pa.Table:
        """One row per run, the last valid one; from all parts and the last compaction.

        Columns of rows from an older schema come out null. Damaged files are set aside with a
        warning: renamed to NAME.damaged, so that their runs count as missing.
        """
        keys = ["run_id", "status", "written"]
        wanted = None if columns is None else list(dict.fromkeys([*keys, *columns]))
        paths = [self.results_file, *sorted(self.parts.glob("[!.]*.parquet"))]
        found = [table for path in paths if (table := self._read(path, wanted)) is not None]
        found = [table for table in found if {"run_id", "status"} <= set(table.column_names)]
        if not found:
            return result_schema({}).empty_table()
        return tables.winners(tables.joined(found))

    def _read(self, path: Path, columns: list[str] | None = None) -> pa.Table | None:
        """The table, or None if the file is absent or damaged; what is damaged is set aside."""
        try:
            # All of it, whatever is wanted: a checksum is verified only where a column is read.
            table = read_table(path)
        except FileNotFoundError:
            return None
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # the disk or the rights, not the file
            aside = path.with_name(path.name + ".damaged")
            what = f"set aside as {aside.name}" if self.own else "passed over"
            log.warning("%s is damaged (%s) and %s", path, str(error).splitlines()[0], what)
            if self.own:
                path.replace(aside)
            return None
        wanted = columns or table.column_names
        return table.select(
            [c for c in wanted if c in table.column_names]
        ).replace_schema_metadata()

    def collected(self) -> pa.Table:
        """All rows as results.parquet has them: planned runs in plan order, the others by id.

        `phase` is decided under the rule of sweep.yaml, so re-classifying is collecting.
        """
        config, table = self.config(), self.rows()
        planned = {row["run_id"]: row["config"] for row in self.plan()}
        rank = {run_id: position for position, run_id in enumerate(planned)}
        ids = table["run_id"].to_pylist()
        order = sorted(range(len(ids)), key=lambda i: (rank.get(ids[i], len(rank)), ids[i]))
        table = tables.conformed(
            table.take(pa.array(order, pa.int64())), result_schema(swept(config))
        )
        budget = config["train"]["steps"]
        table = tables.under_plan(table, planned, budget)
        return tables.reclassified(table, phases.Rule.from_config(config["phase"]), planned, budget)

    def current(self) -> pa.Table:
        """results.parquet if it is whole and no part is newer, else what it would be now."""
        newest = max((p.stat().st_mtime for p in self.parts.glob("[!.]*.parquet")), default=0.0)
        if self.results_file.exists() and self.results_file.stat().st_mtime >= newest:
            table = self._read(self.results_file)
            if table is not None:
                return table
        return self.collected()

    def compact(self) -> pa.Table:
        """Write `collected` as results.parquet; nothing is written while there is no row."""
        table = self.collected()
        if len(table):
            table = table.replace_schema_metadata(tables.metadata(tables.provenance(self.config())))
            write_table(self.results_file, table)
        return table


def swept(config: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Swept key -> the values of its axis."""
    found = cells.axes(config.get("sweep") or {}).values()
    return {axis["param"]: cells.axis_values(axis) for axis in found}


def load(source: str | Path | Iterable[str | Path], curves: bool = False) -> pd.DataFrame:
    """Results as a pandas DataFrame, one row per run, columns as in docs/results.md.

    A run that several sources hold comes once, as the last of them wrote it.

    Args:
        source: a sweep's directory, a Parquet file, or several of either.
        curves: also load the list columns `curve.step`, `curve.train_acc`, ...

    Raises:
        InputError: nothing to load there, or a Parquet file that phasegrok did not write.
    """
    sources = [source] if isinstance(source, str | Path) else list(source)
    if not sources:
        raise InputError("load: nothing to load; give a sweep's directory or a results.parquet")
    table = tables.winners(tables.joined([_load_one(Path(item)) for item in sources]))
    if not curves:
        table = table.drop_columns([c for c in CURVES if c in table.column_names])
    return table.replace_schema_metadata(None).to_pandas()


def _load_one(path: Path) -> pa.Table:
    if path.is_dir():
        store = Store(path)
        store.config()  # says so if it is no sweep's directory
        table = store.current()
        if len(table) == 0:
            raise InputError(f"{path} holds no finished run yet")
        return table
    if not path.exists():
        raise InputError(f"{path} does not exist: give a sweep's directory or a results.parquet")
    try:
        table = read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{path} is not a readable Parquet file: {error}") from error
    missing = [
        c for c in ("run_id", "status", "train_step", "val_step") if c not in table.schema.names
    ]
    if missing:
        raise InputError(
            f"{path} was not written by phasegrok: it lacks {', '.join(missing)}; "
            f"it has {', '.join(table.schema.names[:12])}"
        )
    return table


def kept_path(store: Store, row: Mapping[str, Any]) -> Path | None:
    """Where the state is that a row says was kept; None if it says none or it is gone."""
    if row["kept_state"] is None:
        return None
    where = store if row["reused_from"] is None else Store(row["reused_from"])
    path = where.checkpoints / f"{row['kept_state']}.pt"
    return path if path.exists() else None
