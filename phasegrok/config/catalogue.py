"""Which sweeps there are and what each asks, read from the first lines of their files.

Reads text only, so that the list of sweeps appears without hydra, pydantic or torch.
"""

from __future__ import annotations

from pathlib import Path

from phasegrok._paths import CONF_DIR
from phasegrok.errors import InputError

GROUPS = ("task", "model", "optim", "train", "phase", "launch", "sweep")


def sweeps(config_dir: str | Path | None = None) -> list[tuple[str, str]]:
    """Every sweep as (name, question), the shipped ones first, then those of config_dir.

    Raises:
        InputError: config_dir is no folder, or repeats a shipped file.
    """
    own = [] if config_dir is None else _files(checked_dir(config_dir), "sweep")
    return [(path.stem, question(path)) for path in [*_files(CONF_DIR, "sweep"), *own]]


def question(path: Path) -> str:
    """The comment that opens a YAML file, on one line and without Hydra's `@package`."""
    lines = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.strip() and not line.startswith("#"):
            break
        text = line.lstrip("#").strip()
        if text and not text.startswith("@"):
            lines.append(text)
    return " ".join(lines) or "(no question: its file does not open with a comment)"


def checked_dir(config_dir: str | Path) -> Path:
    """The absolute path of a user's config directory.

    Raises:
        InputError: it is no folder, or a file in it has the place and name of a shipped one;
            Hydra would silently take the shipped one.
    """
    folder = Path(config_dir).expanduser().resolve()
    if not folder.is_dir():
        raise InputError(f"--config-dir {config_dir}: no such folder")
    if folder == CONF_DIR.resolve():
        return folder
    shipped = {str(path.relative_to(CONF_DIR)) for g in GROUPS for path in _files(CONF_DIR, g)}
    own = {str(path.relative_to(folder)) for g in GROUPS for path in _files(folder, g)}
    if shipped & own:
        raise InputError(
            f"--config-dir {config_dir}: {', '.join(sorted(shipped & own))} would be hidden by "
            "the shipped file(s) of that name; choose other names"
        )
    return folder


def _files(folder: Path, group: str) -> list[Path]:
    return sorted((folder / group).glob("*.yaml"))
