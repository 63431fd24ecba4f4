"""Who trains which pack: numbered attempts with a heartbeat, as small files that any machine sees.

A worker begins an attempt by making DIR/claims/PACK-ATTEMPT.json, which only one of two can, and
rewrites it every BEAT_S seconds with how far it is. A later attempt is begun only when the one
before has ended, fallen silent for STALE_S, or is known to be dead; and a worker that meets a
later attempt of its pack stops: it has lost it. Claims are advice; the parts are what was trained.

Ages are by the file system's own clock, since the clocks of two machines may differ.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phasegrok.store import Store
from phasegrok.store.files import write_text

# Seconds between two heartbeats, and of silence after which an attempt counts as dead.
BEAT_S, STALE_S = 5.0, 60.0

# How it stands with an attempt: at work; nothing of the pack is left; it stopped when asked to, or
# for an error. And what else can become of a worker's time with a pack: another worker holds it, or
# has begun a later attempt.
RUNNING, ENDED, STOPPED, FAILED = "running", "ended", "stopped", "failed"
HELD, LOST = "held", "lost"


@dataclass(frozen=True)
class Attempt:
    """An attempt at a pack as its file tells it.

    age: seconds since its last heartbeat. runs: how many ended, of how many.
    """

    pack_id: str
    number: int
    age: float
    state: str = RUNNING
    why: str = ""
    host: str = ""
    pid: int = 0
    job_id: str | None = None
    restarts: int = 0
    began: float = 0.0
    runs: int = 0
    of: int = 0
    run_steps: int = 0

    @property
    def alive(self) -> bool:
        """Whether a worker is (as far as can be told from here) at work on it."""
        return self.state == RUNNING and self.age < STALE_S and not self._died_here()

    def _died_here(self) -> bool:
        if self.host != host() or not self.pid:
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False


class Held(Exception):
    """Another worker is at work on the pack."""

    def __init__(self, attempt: Attempt):
        self.attempt = attempt
        where = f"job {attempt.job_id}" if attempt.job_id else f"process {attempt.pid}"
        super().__init__(f"{attempt.pack_id} is being trained by {where} on {attempt.host}")


class Claim:
    """This worker's attempt at a pack. Within `with`, it beats by itself.

    progress: what the heartbeat tells: runs, of, run_steps. lost: set once a later attempt at the
    pack has begun; then this one must write nothing more.
    """

    def __init__(self, folder: Path, pack_id: str, number: int):
        self.pack_id, self.number = pack_id, number
        self.path = folder / f"{pack_id}-{number:04d}.json"
        self.progress: dict[str, int] = {}
        self.lost = threading.Event()
        self._about = {**_about(pack_id), "number": number}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._go_on, daemon=True)

    def made(self) -> bool:
        """Make the file; False if another worker has."""
        try:
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            return False
        self._write(RUNNING)
        return True

    def __enter__(self) -> Claim:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self._thread.join()

    def superseded(self) -> bool:
        """Whether a later attempt at the pack has begun."""
        if not self.lost.is_set():
            later = (_number(path) > self.number for path in _files(self.path.parent, self.pack_id))
            if any(later):
                self.lost.set()
        return self.lost.is_set()

    def end(self, state: str, why: str = "") -> None:
        """The last word of the attempt."""
        self._ended.set()
        self._thread.join()
        self._write(state, why)

    def _go_on(self) -> None:
        while not self._ended.wait(BEAT_S):
            with contextlib.suppress(OSError):  # a full disk: training will say so
                if self.superseded():
                    return
                self._write(RUNNING)

    def _write(self, state: str, why: str = "") -> None:
        write_text(self.path, json.dumps({**self._about, **self.progress, "state": state,
                                          "why": why}))  # fmt: skip


def claim(store: Store, pack_id: str, least: int = 1) -> Claim:
    """Begin an attempt at a pack, with a number above all before it and at least `least`.

    Raises:
        Held: another worker is at work on it.
    """
    folder = store.claims
    folder.mkdir(parents=True, exist_ok=True)
    while True:
        last = newest(store, pack_id)
        if last is not None and last.alive and not _is_predecessor(last):
            raise Held(last)
        number = max(least, last.number + 1 if last is not None else 1)
        made = Claim(folder, pack_id, number)
        if made.made():
            return made


def newest(store: Store, pack_id: str) -> Attempt | None:
    """The last attempt at a pack, if there was one."""
    found = _files(store.claims, pack_id)
    return _read(max(found, key=_number), _now(store.claims)) if found else None


def expire(store: Store, attempt: Attempt) -> None:
    """Let an attempt that is known to be dead count as silent at once. A worker that lives
    nevertheless shows it by its next heartbeat."""
    path = store.claims / f"{attempt.pack_id}-{attempt.number:04d}.json"
    with contextlib.suppress(OSError):  # another user's: then it takes STALE_S
        silent = path.stat().st_mtime - STALE_S
        os.utime(path, (silent, silent))


def attempts(store: Store) -> dict[str, list[Attempt]]:
    """All attempts at every pack, in their order."""
    now = _now(store.claims)
    found: dict[str, list[Attempt]] = {}
    for path in sorted(_files(store.claims), key=_number):
        attempt = _read(path, now)
        if attempt is not None:
            found.setdefault(attempt.pack_id, []).append(attempt)
    return found


def _about(pack_id: str) -> dict[str, Any]:
    return {
        "pack_id": pack_id,
        "host": host(),
        "pid": os.getpid(),
        "job_id": job_id(),
        "restarts": _restarts(),
        "began": time.time(),
    }


def host() -> str:
    """This machine, as SLURM calls it within a job."""
    return os.environ.get("SLURMD_NODENAME") or socket.gethostname()


def job_id() -> str | None:
    """The SLURM job this process belongs to, as squeue names it: ID, or ID_INDEX in an array."""
    array, index = (os.environ.get(f"SLURM_ARRAY_{name}_ID") for name in ("JOB", "TASK"))
    return f"{array}_{index}" if array and index else os.environ.get("SLURM_JOB_ID")


def _is_predecessor(last: Attempt) -> bool:
    """Whether that attempt was this very job's, before SLURM stopped and started it again."""
    return last.job_id is not None and last.job_id == job_id() and last.restarts < _restarts()


def _restarts() -> int:
    return int(os.environ.get("SLURM_RESTART_COUNT", 0))


def _read(path: Path, now: float) -> Attempt | None:
    """What an attempt's file says; one that was just made says only that there is an attempt."""
    try:
        text, written = path.read_text(), path.stat().st_mtime
    except FileNotFoundError:
        return None
    try:
        said = json.loads(text) if text else {}
    except json.JSONDecodeError:
        said = {}
    pack_id, _, number = path.stem.rpartition("-")
    known = {name: said[name] for name in Attempt.__dataclass_fields__ if name in said}
    return Attempt(**known | {"pack_id": pack_id, "number": int(number), "age": now - written})


def _files(folder: Path, pack_id: str = "*") -> list[Path]:
    return [path for path in folder.glob(f"{pack_id}-*.json") if path.name[0] != "."]


def _number(path: Path) -> int:
    return int(path.stem.rpartition("-")[2])


def _now(folder: Path) -> float:
    """The time by the file system that holds the folder; where it is read only, by our own."""
    probe = folder / f".now-{uuid.uuid4().hex[:8]}"
    try:
        probe.touch()
        return probe.stat().st_mtime
    except OSError:
        return time.time()
    finally:
        with contextlib.suppress(OSError):
            probe.unlink()
