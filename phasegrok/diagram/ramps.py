"""The colours of a scale as text, for those who draw without matplotlib."""

from __future__ import annotations

import seaborn


def ramp(name: str, count: int = 16) -> list[str]:
    """So many colours of a named scale from its low to its high end, as "#RRGGBB"."""
    return [str(color) for color in seaborn.color_palette(name, count).as_hex()]
