"""Files that are whole or not there: written beside the target, synced, then renamed."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Container, Iterable, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

# Its functions are made when it is imported, and no type checker knows them.
pc: Any = pyarrow.compute

# Rows that are compressed together: few enough that a reader of some rows reads little else.
GROUP_ROWS = 16_384

# Files of which this process has verified every checksum, each by what tells it from any other.
_WHOLE: set[tuple[int, ...]] = set()


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
    options: dict[str, Any] = {"compression": "zstd", "write_page_checksum": True}
    write_whole(path, lambda file: pq.write_table(table, file, GROUP_ROWS, **options))


def read_table(
    path: Path,
    columns: Sequence[str] | None = None,
    where: tuple[str, pa.Array] | None = None,
    *,
    skip: Container[str] = (),
    whole: bool = True,
) -> pa.Table:
    """Columns of a Parquet file (those it has), their checksums verified.

    Args:
        skip: columns to leave out.
        where: a column and the values it must have in the rows that are read.
        whole: verify all columns, whatever is read; done once for a file and a process.
    """
    # ParquetFile, not read_table: the latter guesses partitions from the folder names.
    with (
        pa.OSFile(str(path)) as opened,
        pq.ParquetFile(opened, page_checksum_verification=True) as file,
    ):
        this = identity(os.fstat(opened.fileno()))
        schema = file.schema_arrow
        wanted = schema.names if columns is None else [c for c in columns if c in schema.names]
        wanted = [c for c in wanted if c not in skip]
        verify = whole and this not in _WHOLE
        pieces = [empty(schema).select(wanted)]
        for group in range(file.num_row_groups):
            inside = None
            if where is not None:
                inside = pc.is_in(file.read_row_group(group, [where[0]])[where[0]], where[1])
            if verify or inside is None or pc.any(inside).as_py():
                piece = file.read_row_group(group, None if verify else wanted).select(wanted)
                every = inside is None or pc.all(inside).as_py()
                pieces.append(piece if every else piece.filter(inside))
        if whole:
            _WHOLE.add(this)
        return pa.concat_tables(pieces)


# A worker should train before pandas is imported, which `pa.array` and `empty_table` do.


def empty(schema: pa.Schema) -> pa.Table:
    return pa.Table.from_batches([], schema)


def texts(values: Iterable[str]) -> pa.Array:
    """Words as an Arrow array."""
    encoded = [value.encode() for value in values]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(encoded), buffers)


def metadata(path: Path) -> dict[bytes, bytes]:
    """A Parquet file's own key-value metadata."""
    return pq.read_schema(path).metadata or {}


def identity(status: os.stat_result) -> tuple[int, ...]:
    """What tells a file from any other that takes its place."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
