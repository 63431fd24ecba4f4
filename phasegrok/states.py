"""Training states on disk: the pack's checkpoint, and the kept states of censored runs.

Both are torch files of tensors and plain values, loaded with `weights_only=True`. The checkpoint
is replaced whole; kept states are written beside the part that names them, so that a larger
budget can go on from there.
"""

from __future__ import annotations

import logging
import re
import uuid
from pathlib import Path
from typing import Any

import torch

from phasegrok.cells import SEMANTICS
from phasegrok.engine.record import Record, Watch
from phasegrok.store import Store, kept_path, write_whole

log = logging.getLogger("phasegrok")

State = dict[str, Any]


class Checkpoints:
    """The states of one pack."""

    def __init__(self, store: Store, pack_id: str):
        self.store = store
        self.pack_id = pack_id
        self.path = store.checkpoints / f"{pack_id}.pt"
        self._kept: dict[str, State] = {}
        self._token = uuid.uuid4().hex[:8]

    def next_attempt(self) -> int:
        """One more than any attempt at this pack that left a trace."""
        names = [*self.store.part_names(), *(p.stem for p in self.store.checkpoints.glob("*.pt"))]
        matches = [re.search(rf"-{self.pack_id}-(\d+)-\d+", name) for name in names]
        attempts = [int(match.group(1)) for match in matches if match]
        saved = _load(self.path)
        return 1 + max([0, *attempts, (saved or {}).get("attempt", 0)])

    def save(self, states: dict[str, State], attempt: int) -> None:
        _save(self.path, {"states": states, "attempt": attempt, "semantics": SEMANTICS})

    def load(self, watch: Watch, wanted: set[str]) -> dict[str, State]:
        """Where these runs were left: by the checkpoint, else by a kept state; {} if nowhere.

        A state that did not watch the thresholds asked for now is no use: crossings before it
        would be missed.
        """
        found = self._kept_states(wanted)
        saved = _load(self.path) or {}
        if saved.get("semantics") == SEMANTICS:
            found |= {name: state for name, state in saved["states"].items() if name in wanted}
        return {name: state for name, state in found.items()
                if Record.answers(state["record"], watch)}  # fmt: skip

    def clear(self) -> None:
        """The pack has ended; its checkpoint says nothing that the parts do not."""
        self.path.unlink(missing_ok=True)

    # -------------------------------------------------------------------- states of censored runs

    def keep(self, run_id: str, state: State, attempt: int, number: int) -> str:
        """Keep a state for the next `write_kept`; returns the name of the file it will be in."""
        self._kept[run_id] = state
        self._kept_name = f"kept-{self.pack_id}-{attempt:04d}-{number:05d}-{self._token}"
        return self._kept_name

    def write_kept(self) -> None:
        if self._kept:
            path = self.store.checkpoints / f"{self._kept_name}.pt"
            _save(path, {"states": self._kept, "semantics": SEMANTICS})
            self._kept = {}

    def _kept_states(self, wanted: set[str]) -> dict[str, State]:
        """The states that the rows of these runs name, wherever their rows came from."""
        files: dict[Path, list[str]] = {}
        for row in self.store.rows(["kept_state", "reused_from"], of=wanted).to_pylist():
            path = kept_path(self.store, row)
            if path is not None:
                files.setdefault(path, []).append(row["run_id"])
        found: dict[str, State] = {}
        for path, names in files.items():
            saved = _load(path) or {}
            if saved.get("semantics") == SEMANTICS:
                found |= {name: saved["states"][name] for name in names if name in saved["states"]}
        return found


def _save(path: Path, content: dict[str, Any]) -> None:
    write_whole(path, lambda file: torch.save(content, file))


def _load(path: Path) -> dict[str, Any] | None:
    """The file's content; None if it is absent or damaged (then with a warning)."""
    if not path.exists():
        return None
    try:
        return torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:  # torch.load raises many kinds on damaged bytes
        log.warning("%s is damaged (%s); its runs start anew", path, type(error).__name__)
        return None
