"""Numbers with the word for what they count, in all that a reader is told."""

from __future__ import annotations


def counted(number: float | str, what: str) -> str:
    """ "1 run", "2 runs", "0.5 steps"; a number may be written already, as "1,000"."""
    text = f"{number:g}" if isinstance(number, float) else str(number)
    return f"{text} {what}{'s' * (text != '1')}"


def counted_range(low: int, high: int, what: str) -> str:
    """ "3 to 5 runs", or "3 runs" where both ends are alike."""
    return (f"{low} to " if low < high else "") + counted(high, what)
