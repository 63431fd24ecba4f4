"""The task `binary_operation`: all pairs of symbols, labelled by an operation."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from phasegrok.errors import InputError
from phasegrok.options import choice, filled, integer, text
from phasegrok.tasks.operations import Operation, find
from phasegrok.tasks.tables import (
    Dataset,
    IntArray,
    Kind,
    Task,
    frozen,
    ordered_pairs,
    unordered_pairs,
)

OPTIONS = {
    "operation": text(),
    "p": integer(2, default=None),
    "pairs": choice("ordered", "unordered", default="ordered"),
}
STAND_IN = 7  # a prime at which no asymmetric built-in operation happens to be symmetric


def _parts(task: Task) -> tuple[Operation, int, bool]:
    """The operation, the number of symbols, and whether pairs are ordered."""
    values = filled(task, OPTIONS)
    found = find(values["operation"])
    return found, found.symbols or values["p"], values["pairs"] == "ordered"


def size(task: Task) -> int:
    found, symbols, ordered = _parts(task)
    if ordered:
        return symbols * (symbols - found.y_nonzero)
    # Of the pairs x <= y only (0, 0) has y = 0.
    return symbols * (symbols + 1) // 2 - found.y_nonzero


def table(task: Task) -> Dataset:
    return _table(*_parts(task))


@lru_cache(maxsize=64)
def _table(found: Operation, symbols: int, ordered: bool) -> Dataset:
    pairs = ordered_pairs(symbols) if ordered else unordered_pairs(symbols)
    if found.y_nonzero:
        pairs = pairs[pairs[:, 1] != 0]
    labels = _labels(found, pairs, symbols)
    return Dataset(frozen(pairs), frozen(labels), classes=symbols, reads={"symbols": symbols})


def _labels(found: Operation, pairs: IntArray, symbols: int) -> IntArray:
    """The labels of the pairs, [examples].

    Raises:
        InputError: the function raises, or gives anything but one symbol per pair.
    """
    try:
        labels = np.asarray(found.function(pairs[:, 0].copy(), pairs[:, 1].copy(), symbols))
    except Exception as error:  # the function may be the user's
        reason = f"{type(error).__name__}: {error}"
        raise InputError(f"raised {reason} for p = {symbols}") from error
    if labels.shape != (len(pairs),) or not np.issubdtype(labels.dtype, np.integer):
        got = f"{labels.dtype} of shape {list(labels.shape)}"
        raise InputError(f"must give {len(pairs)} whole numbers for {len(pairs)} pairs, gave {got}")
    wrong = np.flatnonzero((labels < 0) | (labels >= symbols))
    if len(wrong):
        x, y = pairs[wrong[0]]
        raise InputError(
            f"gives {labels[wrong[0]]} for x = {x}, y = {y}; labels must be 0 to {symbols - 1}"
        )
    return labels.astype(np.int64)


def faults(task: Task) -> list[str]:
    values = filled(task, OPTIONS)
    name, p, pairs = values["operation"], values["p"], values["pairs"]
    if not OPTIONS["operation"].allows(name):
        return []
    try:
        found = find(name)
        wrong = _faults_of_p(found, p)
        # Symmetry can be judged at another p than the one at fault, and is, to report both.
        symbols = found.symbols or (STAND_IN if wrong or not OPTIONS["p"].allows(p) else p)
        if not found.built_in:
            _table(found, symbols, True)
        return wrong + (_faults_of_symmetry(found, symbols) if pairs == "unordered" else [])
    except InputError as error:
        return [f"task.operation = {name}: {fault}" for fault in error.faults]


def _faults_of_p(found: Operation, p: Any) -> list[str]:
    if found.symbols is not None and p is not None:
        own = f"{found.name} has {found.symbols} symbols of its own"
        return [f"task.p = {p}: {own}; set task.p=null"]
    if found.symbols is None and p is None:
        return [f"task.p is missing: {found.name} needs {OPTIONS['p'].allowed}"]
    if found.needs_prime and isinstance(p, int) and p >= 2 and not _is_prime(p):
        near = " or ".join(str(prime) for prime in _nearest_primes(p))
        return [f"task.p = {p}: {found.name} divides, so p must be prime; nearest: {near}"]
    return []


def _faults_of_symmetry(found: Operation, symbols: int) -> list[str]:
    whole = _table(found, symbols, True)
    grid = np.full((symbols, symbols), -1)
    grid[whole.inputs[:, 0], whole.inputs[:, 1]] = whole.labels
    differ = np.argwhere((grid != grid.T) & (grid >= 0) & (grid.T >= 0))
    if not len(differ):
        return []
    x, y = differ[0]
    modulo = "" if found.symbols else f" for p = {symbols}"
    return [
        f"task.pairs = unordered: {found.name} is not symmetric ({x} o {y} = {grid[x, y]} but "
        f"{y} o {x} = {grid[y, x]}{modulo}); use ordered"
    ]


def _is_prime(n: int) -> bool:
    return n >= 2 and all(n % divisor for divisor in range(2, int(n**0.5) + 1))


def _nearest_primes(n: int) -> list[int]:
    below = next((m for m in range(n - 1, 1, -1) if _is_prime(m)), None)
    above = next(m for m in range(n + 1, 2 * n + 2) if _is_prime(m))
    return [above] if below is None else [below, above]


KIND = Kind(OPTIONS, size, table, faults)
