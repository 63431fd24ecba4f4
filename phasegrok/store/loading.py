"""Results as a frame, from directories and files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from phasegrok.errors import InputError
from phasegrok.store import tables
from phasegrok.store.directory import Store, reading
from phasegrok.store.files import read_table
from phasegrok.store.schema import completed

if TYPE_CHECKING:
    import pandas as pd


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
    found = [_load_one(Path(item), curves) for item in sources]
    table = tables.winners(tables.joined(found)).replace_schema_metadata(None)
    del found
    return table.to_pandas()


def _load_one(path: Path, curves: bool) -> pa.Table:
    if path.is_dir():
        store = Store(path)
        store.config()  # says so if it is no sweep's directory
        table = store.current(curves)
        if len(table) == 0:
            raise InputError(f"{path} holds no finished run yet")
        return table
    if not path.exists():
        raise InputError(f"{path} does not exist: give a sweep's directory or a results.parquet")
    try:
        table = read_table(path, **reading(curves))
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
    return completed(table)
