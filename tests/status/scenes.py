"""Sweeps in every state, made by hand, and what became of their packs and jobs."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from phasegrok import submitted
from phasegrok.cells import SEMANTICS
from phasegrok.status import Status
from phasegrok.store import Store
from phasegrok.store.provenance import versions

RUNS_PER_PACK = 8
PACKS = ("p0000", "p0001", "p0002", "p0003")
Says = Callable[..., None]


def asked(tmp_path: Path) -> list[str]:
    return (tmp_path / "bin" / "calls").read_text().split()


def submit(store: Store, array_id: str = "12", packs: Any = PACKS, **more: Any) -> None:
    told = {"commit": versions()["commit"], "semantics": SEMANTICS, "time": time.time() - 600}
    made = submitted.Submission(array_id=array_id, packs=[[pack] for pack in packs],
                                **told | more)  # fmt: skip
    submitted.record(store, made)


def attempt(store: Store, pack: str, number: int = 1, age: float = 1.0, **more: Any) -> None:
    """An attempt's file, last written so many seconds ago."""
    said = {"state": "running", "host": "n1", "pid": 1, "began": time.time() - 300,
            "runs": 2, "of": RUNS_PER_PACK, "run_steps": 30_000, "restarts": 0}  # fmt: skip
    store.claims.mkdir(exist_ok=True)
    path = store.claims / f"{pack}-{number:04d}.json"
    path.write_text(json.dumps(said | more))
    os.utime(path, (time.time() - age, time.time() - age))


def ended(store: Store, *packs: str, runs: int = RUNS_PER_PACK, **changes: Any) -> None:
    """Rows of the first runs of these packs, as their workers write them."""
    rows = []
    for pack in packs:
        for planned in store.planned(pack)[:runs]:
            rows.append({
                "run_id": planned["run_id"], "sweep": "quick", "seed": planned["seed"],
                "status": "finished", "steps": 400, "budget": 400, "train_step": 20,
                "val_step": None, "train_steps": [5, 5, 10, 20, None, None, None],
                "val_steps": [None] * 7, "config": planned["config"], "written": time.time() - 5,
                "pack_id": pack, **changes})  # fmt: skip
    store.write_part(f"part-{'-'.join(packs)}", rows, store.config())


def log(store: Store, job_id: str, text: str) -> None:
    folder = store.logs / "slurm"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{job_id}_0_log.err").write_text(text)


def ago(seconds: float) -> str:
    """That time, as SLURM writes it to a log."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(time.time() - seconds))


def pack_of(status: Status, name: str = "p0000") -> tuple[str, str]:
    (pack,) = [pack for pack in status.packs if pack.pack_id == name]
    return pack.state, pack.why


def job_of(status: Status, job_id: str = "12_0") -> tuple[str, str]:
    (job,) = [job for job in status.jobs if job.id == job_id]
    return job.state, job.why
