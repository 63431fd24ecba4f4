"""What was submitted: jobs.jsonl of a store, a line for each array, only ever appended to."""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from typing import Any

from phasegrok.store import Store


@dataclass(frozen=True)
class Submission:
    """One array, or a plain job where it has a single element.

    time: in seconds since the epoch. packs: of each element, the ids of the packs it trains.
    commit, semantics: of the code that submitted it. cluster: SLURM's name for it.
    """

    time: float
    array_id: str
    packs: Sequence[Sequence[str]]
    partition: str | None = None
    timeout_min: int | None = None
    commit: str | None = None
    semantics: int | None = None
    host: str = ""
    user: str = ""
    cluster: str | None = None

    def jobs(self) -> Iterator[tuple[str, Sequence[str]]]:
        """Each job as squeue names it, with the packs it trains."""
        if len(self.packs) == 1:
            yield self.array_id, self.packs[0]
            return
        for index, packs in enumerate(self.packs):
            yield f"{self.array_id}_{index}", packs


def record(store: Store, submission: Submission) -> None:
    """Append a submission: whole and on disk once this returns."""
    _append(store, asdict(submission))


def record_cancelled(store: Store, job_ids: Sequence[str]) -> None:
    """Append that these jobs were cancelled by the sweep's own command."""
    _append(store, {"time": time.time(), "cancelled": list(job_ids)})


def cancelled(store: Store) -> set[str]:
    """The jobs that were cancelled by the sweep's own command."""
    return {name for said in _said(store) for name in said.get("cancelled", ())}


def _append(store: Store, said: Mapping[str, Any]) -> None:
    descriptor = os.open(store.jobs_file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
    try:
        # After a line that a full disk cut off, the next one starts on its own.
        size = os.fstat(descriptor).st_size
        gap = b"\n" if size and os.pread(descriptor, 1, size - 1) != b"\n" else b""
        line = gap + json.dumps(said).encode() + b"\n"
        if os.write(descriptor, line) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(store.jobs_file))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def submissions(store: Store) -> list[Submission]:
    """All that was submitted, in its order; lines that are not whole are passed over."""
    names = {field.name for field in fields(Submission)}
    found = []
    for said in _said(store):
        with suppress(TypeError):
            found.append(Submission(**{key: said[key] for key in names & said.keys()}))
    return found


def _said(store: Store) -> list[dict[str, Any]]:
    """The lines that are whole."""
    try:
        lines = store.jobs_file.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return []
    found = []
    for line in lines:
        with suppress(json.JSONDecodeError):
            found.append(json.loads(line))
    return [said for said in found if isinstance(said, dict)]
