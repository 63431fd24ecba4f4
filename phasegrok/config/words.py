"""How faults name keys and values, and which known key a misspelt one is nearest to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any


def shown(value: Any) -> str:
    """A value as one would write it in YAML; words that look like a number keep their quotes."""
    if isinstance(value, str):
        return json.dumps(value) if _reads_as_other(value) else value
    if isinstance(value, list | tuple):
        return f"[{', '.join(shown(item) for item in value)}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {shown(item)}" for key, item in value.items()) + "}"
    if isinstance(value, bool):
        return str(value).lower()
    return "null" if value is None else str(value)


def _reads_as_other(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return text.strip() != text or text.lower() in ("", "null", "true", "false")
    return True


def leaves(config: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Every dotted key that holds a single value; list items are counted from 0."""
    found = []
    for key, value in config.items():
        dotted = f"{prefix}{key}"
        if isinstance(value, list | tuple):
            value = {str(position): item for position, item in enumerate(value)}
        found += leaves(value, f"{dotted}.") if isinstance(value, Mapping) else [dotted]
    return found


def meant(key: str, known: Iterable[str]) -> str:
    """ "; did you mean KEY?" for the known dotted key nearest to a misspelt one, or nothing.

    The last part decides: it may stand in another section (`train.lr`), or be close to one of
    its own section (`optim.weigth_decay`).
    """
    known = [candidate for candidate in known if candidate != key]
    section, _, last = key.rpartition(".")
    moved = [candidate for candidate in known if candidate.rpartition(".")[2] == last]
    beside = [candidate for candidate in known if candidate.rpartition(".")[0] == section]
    close = get_close_matches(last, [candidate.rpartition(".")[2] for candidate in beside], n=1)
    named = [f"{section}.{name}" if section else name for name in close]
    near = moved or named or get_close_matches(key, known, n=1, cutoff=0.8)
    return f"; did you mean {' or '.join(near[:2])}?" if near else ""
