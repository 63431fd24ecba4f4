"""Which code wrote a row: versions and, from a checkout, the commit."""

from __future__ import annotations

import functools
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from phasegrok.cells import SEMANTICS


@functools.cache
def versions() -> dict[str, str | int | None]:
    """phasegrok's, torch's and the commit's names; `commit` ends in + when files differ from it."""
    return {
        "phasegrok": _version("phasegrok"),
        "torch": _version("torch"),
        "commit": _commit(Path(__file__).parents[2]),
        "semantics": SEMANTICS,
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit(checkout: Path) -> str | None:
    """The commit of the checkout this package lies in; None for an installed package."""
    if not (checkout / ".git").exists():
        return None
    try:
        commit = _git(checkout, "rev-parse", "--short=12", "HEAD")
        return commit + ("+" if _git(checkout, "status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(checkout: Path, *arguments: str) -> str:
    answer = subprocess.run(
        ["git", "-C", str(checkout), *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=10,
    )
    return answer.stdout.strip()
