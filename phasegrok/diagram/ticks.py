"""Where the ticks of an axis stand and what they say: true values, few enough to read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.ticker import MaxNLocator

from phasegrok.frames import Axis, axis_cells
from phasegrok.frames.words import value_text

# A value of at most so many characters is a better label than a power of ten beside it.
_SHORT = 5

# A decimal of at most so many characters is not rounded.
_EXACT = 6


@dataclass(frozen=True)
class Ticks:
    """Positions in data coordinates, the label of each, and the positions of unlabelled ones."""

    places: tuple[float, ...]
    labels: tuple[str, ...]
    minor: tuple[float, ...] = ()


def ticks(axis: Axis, room: int = 6) -> Ticks:
    """The ticks of one axis: at its values if they are few, else at round numbers among them.

    Args:
        room: how many labels there is room for.
    """
    table = axis_cells(axis)
    centres = [float(centre) for centre in table["centre"]]
    if axis.scale == "category":
        shown = range(0, len(centres), math.ceil(len(centres) / room))
        labels = tuple(value_text(axis.values[i], axis.key) for i in shown)
        return Ticks(tuple(centres[i] for i in shown), labels)
    first = int(table["broken"].iloc[0])
    major, minor = _numbers(centres[first:], axis, room)
    labels = number_texts(major)
    if first:
        major, labels = [centres[0], *major], ["0", *labels]
    return Ticks(tuple(major), tuple(labels), minor)


def _numbers(points: list[float], axis: Axis, room: int) -> tuple[list[float], tuple[float, ...]]:
    """Labelled and unlabelled ticks among numbers, zero on a log axis left aside."""
    low, high = points[0], points[-1]
    if len(points) <= room:
        return _apart(points, axis, room), ()
    if axis.log:
        short = all(len(f"{point:.6g}") <= _SHORT for point in points)
        major = [] if short else _decades(low, high, room)
        if major:
            return major, _minor(low, high)
        return points[:: math.ceil(len(points) / room)], tuple(points)
    return _round_numbers(low, high, room), ()


def number_texts(numbers: Sequence[float]) -> list[str]:
    """Plain decimals as long as all are short, else all as mantissa and power of ten.

    A long number is rounded to three digits, or to as many as tell it from the others.
    """
    plain = all(number == 0 or 1e-3 <= abs(number) < 1e5 for number in numbers)
    write = _decimal if plain else _scientific
    exact = [write(number, 12) for number in numbers]
    tries = ([write(number, digits) for number in numbers] for digits in range(3, 7))
    return next((texts for texts in tries if len(set(texts)) == len(set(numbers))), exact)


def _decimal(number: float, digits: int) -> str:
    exact = f"{number:.{max(digits, 6)}g}"
    if len(exact) <= _EXACT:
        return exact
    # Digits before the point stay: 1234.56 is 1235.
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(number))))
    return f"{round(number, decimals):.12g}"


def _scientific(number: float, digits: int) -> str:
    if number == 0:
        return "0"
    mantissa, exponent = f"{number:.{digits - 1}e}".split("e")
    factor, power = f"{float(mantissa):.12g}", f"10^{{{int(exponent)}}}"
    return f"${power}$" if factor == "1" else f"${factor}\\times {power}$"


def _decades(low: float, high: float, room: int) -> list[float]:
    """Powers of ten among the values; empty if fewer than two, for one label makes no scale."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    step = max(1, math.ceil((last - first + 1) / room))
    powers = [float(f"1e{exponent}") for exponent in range(first, last + 1, step)]
    return powers if len(powers) > 1 else []


def _minor(low: float, high: float) -> tuple[float, ...]:
    """2, 3, ... 9 of each power of ten; none over so many decades that they would run together."""
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    places = [float(f"{digit}e{exponent}") for exponent in exponents for digit in range(2, 10)]
    return tuple(place for place in places if low <= place <= high) if len(exponents) < 9 else ()


def _round_numbers(low: float, high: float, room: int) -> list[float]:
    found = MaxNLocator(nbins=room, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    reach = (high - low) * 1e-9
    return [float(f"{x:.10g}") for x in found if low - reach <= x <= high + reach]


def _apart(points: Sequence[float], axis: Axis, room: int) -> list[float]:
    """The points whose labels do not touch, kept from the lowest."""
    measured = np.log(points) if axis.log else np.asarray(points, dtype=float)
    nearest, kept = float(measured[-1] - measured[0]) * 0.75 / room, [0]
    for i in range(1, len(points)):
        if measured[i] - measured[kept[-1]] >= nearest:
            kept.append(i)
    return [points[i] for i in kept]


def bar_ticks(low: float, high: float, *, log: bool, room: int = 6) -> Ticks:
    """The ticks of a colour bar: the most round numbers there is room for, at least two."""
    places = []
    if not log:
        places = _round_numbers(low, high, room)
    else:
        exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        for digits in ((1, 2, 5), (1, 3), (1,)):
            every = [float(f"{digit}e{exponent}") for exponent in exponents for digit in digits]
            inside = [place for place in every if low <= place <= high]
            if 2 <= len(inside) <= room:
                places = inside
                break
        else:
            places = _decades(low, high, room) or _round_numbers(low, high, room)
    places = places if len(places) > 1 else [low, high]
    return Ticks(tuple(places), tuple(number_texts(places)))
