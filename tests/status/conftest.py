"""A planned sweep, and commands of SLURM that say what a real one (22.05) has said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from phasegrok import cells
from phasegrok.config import compose
from phasegrok.store import Store
from tests.status.scenes import PACKS, RUNS_PER_PACK, Says


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A planned sweep of 32 runs in 4 packs, nothing of it trained."""
    store = Store(tmp_path / "quick", own=False)
    config = compose(["+sweep=quick", "seeds=2", f"out={store.path}"])
    store.path.mkdir()
    store.write_config(config)
    rows = [
        {"run_id": run.run_id, "seed": run.seed, **run.cell, "config": json.dumps(run.config),
         **{f"index.{name}": at for name, at in run.index.items()},
         "pack_id": PACKS[number // RUNS_PER_PACK], "width": 8, "compiled": False,
         "device": "cpu", "lane_order": number % RUNS_PER_PACK}
        for number, run in enumerate(cells.runs(config))
    ]  # fmt: skip
    store.write_plan(rows, config)
    return store


@pytest.fixture
def says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Says:
    """Puts a command on PATH that says this; at first there is no SLURM."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def put(name: str, text: str = "", code: int = 0) -> None:
        (folder / f"{name}.txt").write_text(text)
        (folder / name).write_text(
            f"#!/bin/sh\necho {name} >> {folder}/calls\n/bin/cat {folder}/{name}.txt\nexit {code}\n"
        )
        (folder / name).chmod(0o755)

    return put


@pytest.fixture
def slurm(says: Says) -> Says:
    """A SLURM that knows of no job and keeps no accounts."""
    says("squeue")
    says("sacct", "", 1)
    says("scontrol")
    return says
