"""Options of tasks and models: their defaults, what they allow, and one sentence per fault.

Standard library only, so that a configuration is checked without loading NumPy or torch.
A value of None counts as absent.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

REQUIRED: Any = object()
"""The default of an option that has none."""


@dataclass(frozen=True)
class Option:
    """What one key may hold: `allows(value)` decides, `allowed` says the same in words."""

    allowed: str
    allows: Callable[[Any], bool]
    default: Any = None


def choice(*values: str, default: Any = REQUIRED) -> Option:
    """One of a few words; null is one too where it is the default."""
    named = ("null", *values) if default is None else values
    return Option(f"one of {', '.join(named)}", lambda value: value in values, default)


def integer(low: int | None = None, *, default: Any = REQUIRED) -> Option:
    """A whole number, at least `low`; 3.0 and true are not whole numbers here."""

    def allows(value: Any) -> bool:
        whole = isinstance(value, int) and not isinstance(value, bool)
        return whole and (low is None or value >= low)

    return Option("a whole number" + ("" if low is None else f" >= {low}"), allows, default)


def number(allowed: str, allows: Callable[[float], bool], *, default: Any = REQUIRED) -> Option:
    """A real number; `allows` is asked for numbers only, and must be false for NaN."""

    def check(value: Any) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool) and allows(value)

    return Option(f"a number {allowed}", check, default)


def flag(*, default: Any = REQUIRED) -> Option:
    """true or false."""
    return Option("true or false", lambda value: isinstance(value, bool), default)


def text(allowed: str = "text", *, default: Any = REQUIRED) -> Option:
    """Any words that are not empty; `allowed` says which."""
    return Option(allowed, lambda value: isinstance(value, str) and value != "", default)


def suggestion(word: Any, words: Iterable[str]) -> str:
    """ "; did you mean WORD?" for the closest of the known words, or nothing."""
    close = difflib.get_close_matches(str(word), list(words), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def given(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values without those that are None."""
    return {key: value for key, value in values.items() if value is not None}


def filled(values: Mapping[str, Any], options: Mapping[str, Option]) -> dict[str, Any]:
    """A value for every option: the one given, else its default. Other keys are dropped."""
    present = given(values)
    return {key: present.get(key, option.default) for key, option in options.items()}


def faults(
    section: str, values: Mapping[str, Any], options: Mapping[str, Option], owner: str
) -> list[str]:
    """Every fault of a section of the configuration, by its keys alone.

    Args:
        section: "task" or "model", the first part of the dotted key.
        values: the section as given.
        options: all options it may hold.
        owner: the name of the task or model, for the message.
    """
    present, found = given(values), []
    for key, value in present.items():
        if key not in options:
            takes = f"; it takes {', '.join(options)} ({section}.{key}=null takes the key away)"
            hint = suggestion(key, options) or takes
            found.append(f"{section}.{key} = {value}: {owner} takes no such key{hint}")
        elif not options[key].allows(value):
            found.append(f"{section}.{key} = {value}: must be {options[key].allowed}")
    for key, option in options.items():
        if key not in present and option.default is REQUIRED:
            found.append(f"{section}.{key} is missing: {owner} needs {option.allowed}")
    return found
