"""Columns of numbers as one compressed block of bytes, as the page's JavaScript unpacks it."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

# The types that JavaScript has arrays of, the smallest first; little-endian, as all browsers are.
_WHOLE = ("u1", "i1", "<u2", "<i2", "<u4", "<i4")
_NAMES = {"u1": "Uint8", "i1": "Int8", "u2": "Uint16", "i2": "Int16", "u4": "Uint32",
          "i4": "Int32", "f4": "Float32", "f8": "Float64"}  # fmt: skip

# Every array begins at a multiple of the longest type's size.
_ALIGNED = 8


def packed(arrays: Mapping[str, np.ndarray], level: int = 9) -> dict[str, Any]:
    """Arrays of numbers as `{"arrays": {name: {type, offset, length}}, "block": text}`.

    Whole numbers take the smallest type that holds them; float32 and float64 stay as they are.

    Args:
        level: of the compression, from 1, the fastest, to 9, the smallest.
    """
    where, pieces, offset = {}, [], 0
    for name, array in arrays.items():
        array = _smallest(array)
        kind = _NAMES[array.dtype.str.lstrip("<|")]
        where[name] = {"type": kind, "offset": offset, "length": len(array)}
        content = array.tobytes()
        content += bytes(-len(content) % _ALIGNED)
        pieces.append(content)
        offset += len(content)
    return {"arrays": where, "block": deflated(b"".join(pieces), level)}


def _smallest(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind == "f":
        return array.astype(array.dtype.newbyteorder("<"))
    low, high = (int(array.min()), int(array.max())) if len(array) else (0, 0)
    for kind in _WHOLE:
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return array.astype(kind)
    return array.astype("<f8")  # exact up to 2**53


def deflated(content: bytes, level: int = 9) -> str:
    """Bytes compressed by zlib, in base64; the same bytes give the same text."""
    return base64.b64encode(zlib.compress(content, level)).decode()
