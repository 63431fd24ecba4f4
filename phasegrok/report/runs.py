"""The runs that the page shows, those of the sweep's plan: as table, as frame and as files."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from phasegrok.frames.grid import planned_runs
from phasegrok.store import Store
from phasegrok.store.files import write_table
from phasegrok.store.schema import CURVES
from phasegrok.store.tables import metadata

# Left out of files, beside the curves: each run's settings as JSON, most of a row. What differs
# between runs has a column, the rest is in the sweep's config.
_LEFT_OUT = ["config"]


@dataclass(frozen=True)
class Runs:
    """Finished runs of a plan, row by row the same in both.

    table: all columns, of Arrow, whose lists are quick to read. frame: without curves.
    """

    config: Mapping[str, Any]
    table: Any
    frame: pd.DataFrame

    @classmethod
    def of(cls, store: Store) -> Runs:
        """InputError if it is no sweep's directory."""
        config, table = store.config(), store.collected()
        frame = planned_runs(table.drop_columns(list(CURVES)).to_pandas(), config)
        return cls(config, table.take(frame.index.to_numpy()), frame.reset_index(drop=True))

    def parquet(self) -> bytes:
        """As results.parquet, without curves and `config`; the sweep's config in its metadata.

        Which code wrote the file is left out, so that equal runs give equal bytes.
        """
        about = metadata({"config": dict(self.config), "rule": self.config["phase"]})
        told = self.table.drop_columns([*CURVES, *_LEFT_OUT]).replace_schema_metadata(about)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "runs.parquet"
            write_table(path, told)
            return path.read_bytes()

    def csv(self) -> bytes:
        """The same as text: whole numbers without a point, the steps of a ladder between blanks."""
        table = self.table.drop_columns([*CURVES, *_LEFT_OUT])
        kinds, frame = {field.name: str(field.type) for field in table.schema}, table.to_pandas()
        whole = {name: "Int64" for name, kind in kinds.items() if kind == "int64"}
        lists = {
            name: frame[name].map(_listed)
            for name, kind in kinds.items()
            if kind.startswith("list")
        }
        return frame.astype(whole).assign(**lists).to_csv(index=False).encode()


def _listed(values: Any) -> str | None:
    """Steps between blanks, "never" where there is none; nothing for a null."""
    if values is None:
        return None
    return " ".join("never" if math.isnan(value) else f"{value:.0f}" for value in values)
