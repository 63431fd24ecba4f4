"""Where the shipped conf/ is: inside the installed package, or beside it in a checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def _find(*folders: Path) -> Path:
    """The first folder that holds config.yaml; the last one if none does, for its error message."""
    return next((folder for folder in folders if (folder / "config.yaml").is_file()), folders[-1])


# Computed rather than given to Hydra as a module, because an editable install has no conf module.
CONF_DIR = _find(_PACKAGE / "conf", _PACKAGE.parent / "conf")
