"""Files that are whole or not there: written beside the target, synced, then renamed."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq


def write_whole(path: Path, write: Callable[[IO[bytes]], Any]) -> None:
    """Call `write` with a file that becomes `path` only once it is complete and on disk.

    The temporary name starts with a dot, so readers of the folder never see it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable, where the platform can."""
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    write_whole(path, lambda file: file.write(text.encode()))


def write_table(path: Path, table: pa.Table) -> None:
    """Parquet with page checksums, so that damage is noticed instead of being read as numbers."""
    write_whole(
        path,
        lambda file: pq.write_table(table, file, compression="zstd", write_page_checksum=True),
    )


def read_table(path: Path, columns: list[str] | None = None) -> pa.Table:
    """The whole of a Parquet file, checksums verified."""
    # ParquetFile, not read_table: the latter guesses partitions from the folder names.
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        present = set(file.schema_arrow.names)
        wanted = None if columns is None else [c for c in columns if c in present]
        return file.read(columns=wanted)
