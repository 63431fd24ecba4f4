"""An axis as the page draws it: true borders of its cells, and ticks for narrow and wide rooms."""

from __future__ import annotations

import json
import re
from typing import Any

from phasegrok.diagram.ticks import ticks
from phasegrok.frames.grid import Axis, axis_cells
from phasegrok.frames.words import label, value_text

# How many labels of numbers fit on a phone and on a desk; names are taken up to so many.
_ROOMS, _NAMES = (4, 8), (8, 40)

_POWER = re.compile(r"\$(?:(.+?)\\times )?10\^\{(-?\d+)\}\$")
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def described(name: str, axis: Axis) -> dict[str, Any]:
    """One axis in plain values.

    `values` are texts to read, `keys` texts that links name the values by, each in full; `low` and
    `high` coordinates on the axis's scale; `broken` whether its first cell is set off from the
    rest; `ticks` two lists of [coordinate, text], a short and a long one.
    """
    table = axis_cells(axis)
    rooms = _NAMES if axis.scale == "category" else _ROOMS
    return {
        "name": name,
        "key": axis.key,
        "label": label(axis.key),
        "log": axis.log,
        "values": [value_text(value, axis.key) for value in axis.values],
        "keys": [_key(value) for value in axis.values],
        **{column: table[column].astype(float).tolist() for column in ("low", "high")},
        "broken": bool(table["broken"].iloc[0]),
        "ticks": [_ticks(axis, room) for room in rooms],
    }


def _key(value: Any) -> str:
    """A value in all the digits that values have, whichever type of number it is."""
    if isinstance(value, str):
        return value
    return f"{value:.12g}" if isinstance(value, float) else json.dumps(value)


def _ticks(axis: Axis, room: int) -> list[list[Any]]:
    found = ticks(axis, room)
    words = map(_plain, found.labels) if axis.scale != "category" else found.labels
    return [[place, text] for place, text in zip(found.places, words, strict=True)]


def _plain(text: str) -> str:
    """matplotlib's mathematics without mathematics: $3\\times 10^{-5}$ as 3×10⁻⁵."""
    found = _POWER.fullmatch(text)
    if not found:
        return text
    factor = f"{found[1]}×" if found[1] else ""
    return f"{factor}10{found[2].translate(_RAISED)}"
