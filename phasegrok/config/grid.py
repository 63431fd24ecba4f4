"""The faults of a sweep as a grid: its axes, the values on them, and the cells they span."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from phasegrok import cells, words
from phasegrok.cells import Config
from phasegrok.config import counted, refinement, single
from phasegrok.config.composing import NO_HEADER
from phasegrok.config.words import leaves, meant, shown

# Axes whose values can only be judged together: same section, or one that reads the other.
JUDGED_TOGETHER = ({"task"}, {"model"}, {"train"}, {"task", "train"}, {"model", "optim"},
                   {"model", "train"})  # fmt: skip
NAMES = {"task.name", "model.name"}  # what a network reads is all it shares with a task
MOST_PAIRS = 10_000
MOST_VALUES_NAMED = 3
MOST_RUNS = 1_000_000

Changes = dict[str, Any]


def faults(config: Config) -> list[str]:
    """Every fault of a composed configuration, its axes and all their values included."""
    sweep = config.get("sweep")
    if not isinstance(sweep, Mapping):
        return single.faults(config)
    if isinstance(sweep.get("sweep"), Mapping):
        return [NO_HEADER]
    named = [fault for fault in single.typed(config) if _is_of_sweep(fault)]
    mistyped = {single.key_of(fault) for fault in named}
    axes = cells.axes(sweep)
    typed = {
        name: axis
        for name, axis in axes.items()
        if not any(single.is_below(key, f"sweep.{name}") for key in mistyped)
    }
    of_axes = _axis_faults(config, typed)
    named += itertools.chain(*of_axes.values())
    sound: dict[str, Any] = {name: axis for name, axis in typed.items() if not of_axes[name]}
    named += refinement.faults(config)
    if len(sound) == len(axes) and "sweep.zip" not in mistyped:
        of_zip = _zip_faults(sweep)
        named += of_zip
        sound["zip"] = None if of_zip else sweep.get("zip")
    # The sound axes still span a grid, and the values on it are judged all the same.
    found = _cell_faults({**config, "sweep": sound})
    if not named and not any("optim." in fault or "seeds" in fault for fault in found):
        found += _size_faults(config) or _counted_faults(config, batches=not found)
    return [*found, *named]


def _counted_faults(config: Config, batches: bool) -> list[str]:
    of_batches = counted.batch_faults(config) if batches else []
    return [*counted.overdecay(config), *(_on_axis(config, fault, {}) for fault in of_batches)]


def _is_of_sweep(fault: str) -> bool:
    return single.is_below(single.key_of(fault), "sweep")


# ----------------------------------------------------------------------------------------- axes


def _axis_faults(config: Config, axes: Mapping[str, Any]) -> dict[str, list[str]]:
    """What is wrong with each axis by itself: unknown, empty, ambiguous or doubled."""
    found = {
        name: [*_param_faults(config, name, axis["param"]), *_value_faults(name, axis)]
        or _broken_numbers(config, name, axis)
        for name, axis in axes.items()
    }
    for one, other in itertools.combinations(axes, 2):
        if axes[one]["param"] == axes[other]["param"]:
            found[other].append(
                f"sweep.{other}.param = {axes[other]['param']}: is axis {one} already; "
                "a key can be swept once"
            )
    return found


def _param_faults(config: Config, name: str, param: str) -> list[str]:
    what = f"sweep.{name}.param = {param}:"
    sweepable = leaves(cells.run_config(_sections(config)))
    if param == "train.steps":
        return [
            f"{what} the number of steps cannot be an axis, because a longer run contains the "
            "shorter; sweep with the largest train.steps and judge by other budgets afterwards"
        ]
    if param in ("seed", "seeds"):
        return [f"{what} seeds are no axis but the replicates of every cell; set seeds=..."]
    if param == "task.data" and "task.path" in sweepable:
        return [
            f"{what} only names the files in task.path, which are the same for all of a sweep; ask "
            "a sweep for each, with its own task.path"
        ]
    if param in sweepable and param not in cells.NOT_IN_ID:
        return []
    if param == "split_seed":
        return [
            f"{what} splits are no axis: a map compares settings, not draws; every seed has a "
            "split of its own (split_seed=null), or all have the same (split_seed=0)"
        ]
    below = [key for key in sweepable if key.startswith(f"{param}.")]
    if below:
        return [f"{what} holds several values; sweep one of {', '.join(below)}"]
    if param in leaves(config):
        return [
            f"{what} does not change how a run trains; axes are keys of task, model, optim, train"
        ]
    known = [key for key in sweepable if key not in cells.NOT_IN_ID]
    return [f"{what} no such key{meant(param, known) or '; known are ' + ', '.join(known)}"]


def _sections(config: Config) -> Config:
    """The sections a run is made of, empty where one is absent or no mapping."""
    found = {key: config.get(key) for key in ("task", "model", "optim", "train")}
    return {key: value if isinstance(value, dict) else {} for key, value in found.items()}


def _value_faults(name: str, axis: Mapping[str, Any]) -> list[str]:
    where = f"sweep.{name}"
    spaced = [key for key in ("low", "high", "num") if axis.get(key) is not None]
    if axis.get("values") is not None:
        return _list_faults(where, axis, spaced)
    if len(spaced) < 3:
        lacking = ", ".join(key for key in ("low", "high", "num") if key not in spaced)
        return [f"{where} has no {lacking}: an axis needs values, or low, high and num"]
    low, high, log = axis["low"], axis["high"], axis.get("scale") == "log"
    found = []
    if log and low <= 0:
        found.append(f"{where}.low = {shown(low)}: must be > 0 on a log axis (zero: true adds 0)")
    if low > high:
        found.append(f"{where}.low = {shown(low)}: must not be above high = {shown(high)}")
    if axis.get("zero") and not log:
        found.append(f"{where}.zero = true: adds 0 to a log axis, and this one is linear")
    return found or _double_faults(where, cells.axis_values(axis))


def _list_faults(where: str, axis: Mapping[str, Any], spaced: Sequence[str]) -> list[str]:
    values = axis["values"]
    if spaced:
        return [f"{where} has values and {', '.join(spaced)}: keep one of the two"]
    if axis.get("zero"):
        return [f"{where}.zero = true: adds 0 to a log axis; put 0 into values instead"]
    if not values:
        return [f"{where}.values = []: is empty; an axis needs at least one value"]
    if None in values and where in ("sweep.x", "sweep.y"):
        return [f"{where}.values = {shown(values)}: null has no place on an axis drawn in numbers"]
    if axis.get("scale") == "log" and not all(_has_logarithm(value) for value in values):
        return [f"{where}.values = {shown(values)}: a log axis holds numbers >= 0 only"]
    if axis.get("scale") == "log" and not any(values):
        return [
            f"{where}.values = {shown(values)}: a log axis cannot hold 0 alone; add a number > 0, "
            f"or set {where}.scale=linear"
        ]
    values = cells.axis_values(axis)
    alike = [value for value in values if cells.unset(axis["param"], value)]
    if len(set(alike)) > 1:
        named = " and ".join(map(shown, alike))
        return [f"{where}.values: {named} mean the same for {axis['param']}; keep one of them"]
    return _double_faults(where, values)


def _has_logarithm(value: Any) -> bool:
    """Zero has none, but is drawn in a column of its own."""
    return isinstance(value, int | float) and value >= 0


def _double_faults(where: str, values: Sequence[Any]) -> list[str]:
    doubled = [value for value, times in Counter(values).items() if times > 1]
    if not doubled:
        return []
    named = ", ".join(shown(value) for value in doubled)
    return [f"{where} has the value {named} more than once; every value of an axis must differ"]


def _broken_numbers(config: Config, name: str, axis: Mapping[str, Any]) -> list[str]:
    """A range that misses whole numbers where only they are allowed, with the nearest ones."""
    param, values = axis["param"], cells.axis_values(axis)
    broken = next((v for v in values if isinstance(v, float)), None)
    if axis.get("values") is not None or broken is None:
        return []
    of_param = (
        fault
        for fault in single.faults(cells.replaced(config, {param: broken}))
        if single.key_of(fault) == param and "a whole number" in fault
    )
    if not any(of_param):
        return []
    near = ",".join(str(value) for value in dict.fromkeys(round(value) for value in values))
    return [
        f"sweep.{name}: {param} takes whole numbers, and not all of these {len(values)} are; "
        f"use sweep.{name}.values=[{near}]"
    ]


def _zip_faults(sweep: Mapping[str, Any]) -> list[str]:
    axes, together = cells.axes(sweep), sweep.get("zip") or []
    absent = [name for name in together if name not in axes]
    if absent:
        return [f"sweep.zip = {shown(together)}: this sweep has no axis {', '.join(absent)}"]
    lengths = {name: len(cells.axis_values(axes[name])) for name in together}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        return [f"sweep.zip = {shown(together)}: zipped axes need equally many values, but {told}"]
    return []


def _size_faults(config: Config) -> list[str]:
    """A slip of the keyboard should not fill the memory."""
    sweep, axes = config["sweep"], cells.axes(config["sweep"])
    lengths = [len(cells.axis_values(axes[group[0]])) for group in cells.zipped(sweep)]
    seeds = config["seeds"] if isinstance(config["seeds"], int) else len(config["seeds"])
    runs = seeds * math.prod(lengths)
    if runs <= MOST_RUNS:
        return []
    told = " x ".join(str(length) for length in lengths)
    size = f"{runs:,} runs ({told} cells, {words.counted(seeds, 'seed')})"
    return [f"the sweep has {size}; at most {MOST_RUNS:,}"]


# ---------------------------------------------------------------------------------------- cells


def _cell_faults(config: Config) -> list[str]:
    """Faults of values: each axis is walked from the first cell, so only real cells are judged.

    The whole product is not: it may be large, and most axes have nothing to do with each other.
    """
    units = [_moves(config["sweep"], group) for group in cells.zipped(config["sweep"])]
    first = cells.replaced(config, {k: v for unit in units for k, v in unit[0].items()})
    at_first = _faults_of_cell(first)
    found = [_on_axis(config, fault, {}) for fault in at_first]
    for unit in units:
        found += _walk(config, first, unit, at_first)
    if not found:
        for one, other in itertools.combinations(units, 2):
            if _judged_together(one[0], other[0]) and len(one) * len(other) <= MOST_PAIRS:
                both = [a | b for a, b in itertools.product(one[1:], other[1:])]
                found += _walk(config, first, [{}, *both], at_first)
    return found


def _faults_of_cell(config: Config) -> list[str]:
    return [fault for fault in single.faults(config) if not _is_of_sweep(fault)]


def _moves(sweep: Mapping[str, Any], group: Sequence[str]) -> list[Changes]:
    """The settings that a group of axes moving together goes through."""
    axes = cells.axes(sweep)
    columns = [(axes[name]["param"], cells.axis_values(axes[name])) for name in group]
    return [{param: values[i] for param, values in columns} for i in range(len(columns[0][1]))]


def _judged_together(one: Changes, other: Changes) -> bool:
    keys = {*one, *other}
    return keys >= NAMES or {key.partition(".")[0] for key in keys} in JUDGED_TOGETHER


def _walk(config: Config, first: Config, unit: Sequence[Changes], known: list[str]) -> list[str]:
    """The new faults along an axis; of many values with a fault, the first few are named."""
    found: dict[str, None] = {}
    for changes in unit[1:]:
        for fault in _faults_of_cell(cells.replaced(first, changes)):
            if fault not in known:
                found[_on_axis(config, fault, changes)] = None
    named, rest = list(found)[:MOST_VALUES_NAMED], len(found) - MOST_VALUES_NAMED
    if rest > 0:
        named.append(f"{named[0].split(' ')[0]} and so on, for {rest} more of its values")
    return named


def _on_axis(config: Config, fault: str, changes: Changes) -> str:
    """The fault with the axis it comes from."""
    axes = {axis["param"]: name for name, axis in cells.axes(config["sweep"]).items()}
    key = single.key_of(fault)
    if key in axes:
        return f"sweep.{axes[key]}: {fault}"
    where = ", ".join(f"sweep.{axes[param]}: {param} = {shown(v)}" for param, v in changes.items())
    return f"{where}: {fault}" if where else fault
