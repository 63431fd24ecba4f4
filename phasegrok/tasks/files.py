"""Files that examples are read from: a run knows them by what they hold, not by where they lie.

`task.data` is a fingerprint of them. It is found when a sweep is composed and part of a run's id,
as `task.path` is not, and whoever trains the run refuses files that hold anything else.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from collections.abc import Sequence
from functools import lru_cache
from io import BufferedReader
from pathlib import Path

from phasegrok.errors import InputError
from phasegrok.options import Option

DATA = Option(
    "null (found by reading the files), or the 16 characters, 0 to 9 and a to f, that were found",
    lambda value: isinstance(value, str) and re.fullmatch("[0-9a-f]{16}", value) is not None,
)
"""The option `data` of every task that has a path."""

UNREADABLE = (OSError, EOFError, zlib.error)


def absolute(path: str) -> Path:
    """The same place for whoever looks from another folder."""
    return Path(path).expanduser().absolute()


def opened(file: Path) -> BufferedReader | gzip.GzipFile:
    """The file, unpacked if its name says that it is packed by gzip."""
    return gzip.open(file) if file.suffix == ".gz" else file.open("rb")


def damaged(file: Path, error: BaseException) -> InputError:
    if isinstance(error, FileNotFoundError):
        return InputError(f"{file} is not there; task.path must say where the data lie")
    return InputError(f"{file} cannot be read, it may be damaged or cut off: {error}")


def fingerprint(files: Sequence[Path]) -> str:
    """16 hexadecimal characters of the SHA-256 of what the files hold, unpacked.

    Raises:
        InputError: a file cannot be read.
    """
    return hashlib.sha256("".join(map(_digest, files)).encode()).hexdigest()[:16]


def _digest(file: Path) -> str:
    try:
        now = file.stat()
        return _digest_of(file, now.st_size, now.st_mtime_ns)
    except UNREADABLE as error:
        raise damaged(file, error) from error


@lru_cache(maxsize=64)
def _digest_of(file: Path, size: int, changed: int) -> str:
    with opened(file) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def refuse_others(files: Sequence[Path], data: str) -> None:
    """Raises InputError if the files hold other data than those with this fingerprint."""
    found = fingerprint(files)
    if found != data:
        raise InputError(
            f"task.data = {data}: the files in task.path hold other data, {found}; give the path "
            "of those that were asked for, or task.data=null for these"
        )
