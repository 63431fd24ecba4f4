"""The directory of a sweep: what is asked, planned, written by workers, and made of it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from phasegrok import cells, phases
from phasegrok.errors import InputError
from phasegrok.store import tables
from phasegrok.store.files import (
    empty,
    identity,
    metadata,
    pc,
    read_table,
    texts,
    write_table,
    write_text,
)
from phasegrok.store.provenance import versions
from phasegrok.store.schema import CURVES, completed, plan_schema, result_schema, swept

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
        self.claims = self.path / "claims"
        self.logs = self.path / "logs"
        self.jobs_file = self.path / "jobs.jsonl"
        self._damaged: set[Path] = set()
        self._keys_read: dict[Path, tuple[tuple[int, ...], pa.Table]] = {}

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
        table = tables.of_rows(rows, schema)
        about = tables.metadata({"config": config, **versions()})
        write_table(self.plan_file, table.replace_schema_metadata(about))

    def plan(self, columns: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """The planned runs (all columns, or these), in plan order; empty without a plan."""
        return self._plan(columns).to_pylist()

    def planned(self, pack_id: str) -> list[dict[str, Any]]:
        """The planned runs of one pack, in the order in which they enter lanes."""
        rows = self._plan(where=("pack_id", texts([pack_id]))).to_pylist()
        return sorted(rows, key=lambda row: row["lane_order"])

    def _plan(
        self, columns: Sequence[str] | None = None, where: tuple[str, pa.Array] | None = None
    ) -> pa.Table:
        table = self._read(self.plan_file, columns, where)
        return empty(plan_schema({}, [])) if table is None else table

    def planned_config(self) -> dict[str, Any]:
        """The composed config that the plan was made from.

        Raises:
            InputError: by code that trains otherwise than this one does; rows would not be equal.
        """
        about = json.loads(metadata(self.plan_file)[tables.META])
        semantics = about.get("semantics", cells.SEMANTICS)
        if semantics != cells.SEMANTICS:
            raise InputError(
                f"{self.path} was planned by phasegrok {about.get('phasegrok')}, whose training "
                f"(semantics {semantics}) differs from this one's ({cells.SEMANTICS}); train it "
                "with that version, or ask the sweep again into another directory"
            )
        return about["config"]

    # ------------------------------------------------------------------------------ runs that fail

    def failures(self, run_id: str) -> int:
        """How many times a run failed by its own fault."""
        try:
            report = json.loads((self.errors / f"{run_id}.json").read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return 0
        return report.get("failures", 1)

    def given_up(self, config: Mapping[str, Any]) -> set[str]:
        """Runs that failed `launch.max_attempts` times and are not tried again."""
        most = config["launch"].get("max_attempts")
        names = [path.stem for path in self.errors.glob("[!.]*.json")] if most else []
        return {name for name in names if self.failures(name) >= most}

    # --------------------------------------------------------------------------------- the rows

    def write_part(
        self,
        name: str,
        rows: pa.Table | Sequence[Mapping[str, Any]],
        config: Mapping[str, Any],
        instead: Mapping[str, Sequence[Any]] | None = None,
    ) -> None:
        """Write finished rows as parts/NAME.parquet, whole or not at all.

        Args:
            instead: columns that replace those of the rows.
        """
        self.write_rows(self.parts / f"{name}.parquet", rows, config, instead)

    def write_rows(
        self,
        path: Path,
        rows: pa.Table | Sequence[Mapping[str, Any]],
        config: Mapping[str, Any],
        instead: Mapping[str, Sequence[Any]] | None = None,
    ) -> None:
        """Write rows with the columns of results.parquet."""
        schema = result_schema(swept(config))
        table = rows if isinstance(rows, pa.Table) else tables.of_rows(rows, schema)
        table = tables.conformed(table, schema, instead or {})
        about = tables.metadata(tables.provenance(config))
        write_table(path, table.replace_schema_metadata(about))

    def part_names(self) -> list[str]:
        return sorted(p.stem for p in self.parts.glob("[!.]*.parquet"))

    def rows(
        self, columns: Sequence[str] | None = None, of: Iterable[str] | None = None
    ) -> pa.Table:
        """One row per run, the last valid one; from all parts and the last compaction.

        None where there is no sweep.yaml.

        Columns of rows from an older schema come out null. Damaged files are set aside with a
        warning: renamed to NAME.damaged, so that their runs count as missing.

        Args:
            columns: the columns to read, besides those that tell which row is the last.
            of: the runs to look for; a file that holds none of them is hardly read.
        """
        if not self.exists():
            return empty(result_schema({}))
        wanted = None if columns is None else list(dict.fromkeys([*tables.KEYS, *columns]))
        asked = None if of is None else texts(of)
        while True:
            chosen = list(self._last_valid(asked))
            read = [self._read(path, wanted, ("run_id", runs)) for path, runs in chosen]
            found = [table for table in read if table is not None]
            if len(found) == len(read):  # else without the damaged file, for other rows win then
                break
        if not found:
            return empty(result_schema({}))
        return tables.winners(tables.joined(found))

    def _last_valid(self, asked: pa.Array | None) -> Iterator[tuple[Path, pa.Array]]:
        """Each file that holds last valid rows, with the runs whose rows they are."""
        files = [self.results_file, *sorted(self.parts.glob("[!.]*.parquet"))]
        keys = {path: table for path in files if (table := self._keys(path)) is not None}
        if asked is not None:
            among = {path: pc.is_in(table["run_id"], asked) for path, table in keys.items()}
            keys = {path: table.filter(among[path]) for path, table in keys.items()}
        best = tables.winning(list(keys.values()))
        for (path, table), places in zip(keys.items(), best, strict=True):
            if len(places):
                yield path, table["run_id"].take(pa.array(places)).combine_chunks()

    def _keys(self, path: Path) -> pa.Table | None:
        """What tells a file's last valid rows; read once, for parts stay as they are."""
        try:
            this = identity(path.stat())
        except FileNotFoundError:
            return None
        if path in self._damaged:
            return None
        known = self._keys_read.get(path)
        if known is None or known[0] != this:
            table = self._read(path, list(tables.KEYS), whole=False)
            if table is None or not {"run_id", "status"} <= set(table.column_names):
                return None
            known = self._keys_read[path] = (this, table)
        return known[1]

    def _read(
        self,
        path: Path,
        columns: Sequence[str] | None = None,
        where: tuple[str, pa.Array] | None = None,
        **options: Any,
    ) -> pa.Table | None:
        """The table, or None if the file is absent or damaged; what is damaged is set aside.

        It is damaged if anything in it is, whatever is read (unless `whole` is False): a row is
        trusted with all its columns or not at all.
        """
        if path in self._damaged:
            return None
        try:
            return read_table(path, columns, where, **options).replace_schema_metadata()
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
            else:
                self._damaged.add(path)
            return None

    def collected(self, curves: bool = True) -> pa.Table:
        """All rows as results.parquet has them: planned runs in plan order, the others by id.

        `phase` is decided under the rule of sweep.yaml; `round` is only in a refined sweep.
        """
        config = self.config()
        schema = result_schema(swept(config))
        if not curves:
            schema = pa.schema([field for field in schema if field.name not in CURVES])
        table = tables.conformed(self.rows(schema.names), schema)
        rule = phases.Rule.from_config(config["phase"])
        plan = self._plan(["run_id", "config", "round"])
        table = tables.told(table, plan, rule, config["train"]["steps"])
        return tables.with_rounds(table, plan) if config["sweep"].get("refine") else table

    def current(self, curves: bool = True) -> pa.Table:
        """results.parquet if it is whole and no part is newer, else what it would be now."""
        newest = max((p.stat().st_mtime for p in self.parts.glob("[!.]*.parquet")), default=0.0)
        if self.results_file.exists() and self.results_file.stat().st_mtime >= newest:
            table = self._read(self.results_file, **reading(curves))
            if table is not None:
                return completed(table)
        return self.collected(curves)

    def compact(self) -> pa.Table:
        """Write `collected` as results.parquet; nothing is written while there is no row."""
        table = self.collected()
        if len(table):
            table = table.replace_schema_metadata(tables.metadata(tables.provenance(self.config())))
            write_table(self.results_file, table)
        return table


def reading(curves: bool) -> dict[str, Any]:
    """How to read results: curves, most of a file, are neither read nor verified if not asked."""
    return {} if curves else {"skip": CURVES, "whole": False}


def kept_path(store: Store, row: Mapping[str, Any]) -> Path | None:
    """Where the state is that a row says was kept; None if it says none or it is gone."""
    if row["kept_state"] is None:
        return None
    where = store if row["reused_from"] is None else Store(row["reused_from"])
    path = where.checkpoints / f"{row['kept_state']}.pt"
    return path if path.exists() else None
