"""`sweep.refine`: what it may be, what it means where it says nothing, and its faults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from phasegrok import cells
from phasegrok.cells import Config
from phasegrok.config import single
from phasegrok.config.words import shown
from phasegrok.lattice import REFINED, Lattice, is_start, starts
from phasegrok.words import counted

DEFAULTS: dict[str, Any] = {
    "method": "dyadic",
    "start": None,
    "levels": None,
    "first_seeds": None,
    "jump": 10.0,
    "probes": 0.05,
    "max_runs": None,
}


def settled(config: Config) -> Config:
    """The config whose refined axes have the size of the fine grid, all of `refine` written.

    Settling it again changes nothing. What is not refined, or not soundly, stays as it is.
    """
    if not _readable(config) or faults(config):
        return config
    sweep = config["sweep"]
    lattice = Lattice.of(sweep)
    axes = {name: {**sweep[name], "num": size}
            for name, size in zip(REFINED, lattice.size, strict=True)}  # fmt: skip
    refine = {**DEFAULTS, **sweep["refine"], "start": list(lattice.start), "levels": None}
    return {**config, "sweep": {**sweep, **axes, "refine": refine}}


def faults(config: Config) -> list[str]:
    """What is wrong with the refinement of a sweep, where its keys can be read at all."""
    if not _readable(config):
        return []
    sweep = config["sweep"]
    found = [*_shape_faults(sweep), *_axis_faults(sweep)]
    if not found and all(isinstance(sweep[name].get("num"), int) for name in REFINED):
        found = [*_start_faults(sweep)] or [*_seed_faults(config)]
    return found


def _readable(config: Config) -> bool:
    """Whether there is something to refine, and its keys have the right types."""
    sweep = config.get("sweep")
    if not isinstance(sweep, Mapping) or sweep.get("refine") is None:
        return False
    keys = {single.key_of(fault) for fault in single.typed(config)}
    return not any(key == "seeds" or single.is_below(key, "sweep") for key in keys)


def _shape_faults(sweep: Mapping[str, Any]) -> Iterator[str]:
    for name in ("row", "col"):
        if sweep.get(name):
            yield (
                f"sweep.{name}: a refined map has the axes x and y alone; ask a refined sweep for "
                f"each value of {sweep[name]['param']}, or leave out sweep.refine"
            )
    if sweep.get("zip"):
        yield "sweep.zip: the axes of a refined map do not move together; leave out one of the two"


def _axis_faults(sweep: Mapping[str, Any]) -> Iterator[str]:
    for name in REFINED:
        axis, where = sweep[name], f"sweep.{name}"
        if axis.get("values") is not None:
            yield (
                f"{where}.values = {shown(axis['values'])}: a listed axis cannot be refined, "
                "because nothing lies between its values; give low, high and num, or leave out "
                "sweep.refine"
            )
        elif axis.get("zero"):
            yield (
                f"{where}.zero = true: nothing lies half way between 0 and the rest of a log axis, "
                "so that it cannot be refined; leave out zero, or sweep.refine"
            )
        elif axis.get("num") is not None and axis["num"] < 2:
            yield (
                f"{where}.num = {axis['num']}: a refined map has two axes of 2 values or more; "
                "along one axis a plain sweep costs little, so leave out sweep.refine"
            )


def _start_faults(sweep: Mapping[str, Any]) -> Iterator[str]:
    refine = sweep["refine"]
    for name, start in zip(REFINED, starts(refine), strict=True):
        num = sweep[name]["num"]
        if start is None:
            continue
        if not is_start(start):
            yield (
                f"sweep.refine.start = {shown(refine['start'])}: must be 2, 3, 5, 9, 17, ... (one "
                "more than a power of two), so that distances can be halved"
            )
            return
        if start > num and refine.get("levels") is None:
            yield (
                f"sweep.refine.start = {shown(refine['start'])}: must not be above "
                f"sweep.{name}.num = {num}, the number of values on the fine axis"
            )


def _seed_faults(config: Config) -> Iterator[str]:
    sweep = config["sweep"]
    refine = DEFAULTS | sweep["refine"]
    every, first = len(cells.seeds(config)), refine["first_seeds"]
    if first is not None and first > every:
        yield (
            f"sweep.refine.first_seeds = {first}: must not be above the number of seeds, {every}"
        )
        return
    x, y = Lattice.of(sweep).start
    least = x * y * (first or every // 2 + 1)
    if refine["max_runs"] is not None and refine["max_runs"] < least:
        yield (
            f"sweep.refine.max_runs = {refine['max_runs']}: the coarse lattice alone has "
            f"{least} runs ({x} x {y} cells, {counted(first or every // 2 + 1, 'seed')} each); "
            "allow as many, or begin coarser with sweep.refine.start"
        )
