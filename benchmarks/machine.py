"""What a recorded figure was measured on, and where it is kept: benchmarks/results/NAME.json.

Needs the standard library; torch is asked for the GPU where there is one.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"

# Whose versions can move a figure; one that is not installed is left out.
_LIBRARIES = ("torch", "jax", "numpy", "pandas", "pyarrow", "matplotlib")


def about() -> dict[str, Any]:
    """Date, commit, hardware and versions, as they stand in a results file.

    `commit` ends in + when tracked files differ from it, and is null outside a checkout; `cores`
    are those this process may use; `gpu` is null where torch sees none.
    """
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "hardware": {"cpu": _cpu(), "cores": cores(), "gpu": _gpu()},
        "versions": {"python": platform.python_version(), **_versions()},
    }


def record(name: str, rows: Sequence[Mapping[str, Any]], command: str) -> Path:
    """Write benchmarks/results/NAME.json, replacing what was measured before; returns its path.

    Args:
        rows: what was measured, one mapping of plain values for each line of the table.
        command: with which anyone can measure it again.
    """
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    content = {"command": command, **about(), "rows": [dict(row) for row in rows]}
    path.write_text(json.dumps(content, indent=2) + "\n")
    return path


def cores() -> int:
    """Those this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def slug(*, gpu: bool) -> str:
    """The device's name as part of a file's: the GPU's, or the processor's."""
    name = (_gpu() if gpu else None) or _cpu()
    return "-".join("".join(c if c.isalnum() else " " for c in name.lower()).split())


def _cpu() -> str:
    """The processor's name, where the system tells it."""
    known = Path("/proc/cpuinfo")
    if known.exists():
        lines = known.read_text().splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        if names:
            return names[0]
    if sys.platform == "darwin":
        return _said("sysctl", "-n", "machdep.cpu.brand_string") or platform.machine()
    return platform.processor() or platform.machine()


def _gpu() -> str | None:
    try:
        import torch
    except ImportError:
        return None
    return torch.cuda.get_device_name() if torch.cuda.is_available() else None


def _versions() -> dict[str, str]:
    found = {}
    for library in _LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found


def _commit() -> str | None:
    commit = _said("git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD")
    changed = _said("git", "-C", str(ROOT), "status", "--porcelain", "-uno")
    return commit and commit + "+" * bool(changed)


def _said(*command: str) -> str | None:
    """What a command prints; None if there is no such command or it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
