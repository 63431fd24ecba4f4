"""A composed configuration to spoil, and what the check says of it; for the tests of config."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from phasegrok import InputError
from phasegrok.cells import Config
from phasegrok.config import check, compose

BASE = compose(["+sweep=quick"])


def changed(**changes: Any) -> Config:
    """The composed `quick` with dotted keys (a__b for a.b) set to other values."""
    config = copy.deepcopy(BASE)
    for name, value in changes.items():
        *sections, last = name.split("__")
        place = config
        for section in sections:
            place = place.setdefault(section, {})
        place[last] = value
    return config


def faults(
    config: Config | None = None, overrides: Sequence[str] = (), **changes: Any
) -> list[str]:
    """What `check` says of a configuration, or of `quick` with some keys changed."""
    try:
        check(changed(**changes) if config is None else config, overrides)
    except InputError as error:
        return error.faults
    return []


def axis(param: str, **more: Any) -> Config:
    return {"param": param, **more}
