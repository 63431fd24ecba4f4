"""The binary operations x o y = z that a task can ask for, and how to add one.

Built in: those of Power et al. 2022, appendix A.1.1 and code, modulo any p, and the products of
the permutation groups S5 and S3. To add one, write a function of two arrays and p:

    from phasegrok import operation

    @operation("max")
    def largest(x, y, p):
        return np.maximum(x, y)

and name it `max` after importing the module, or, from a YAML file, `my_module:largest`.
"""

from __future__ import annotations

import importlib
import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from phasegrok.errors import InputError
from phasegrok.options import suggestion
from phasegrok.tasks.tables import IntArray

Function = Callable[[IntArray, IntArray, int], Any]
_REGISTRY: dict[str, Operation] = {}


@dataclass(frozen=True)
class Operation:
    """A function of two arrays of symbols, with what must be known before it is called."""

    name: str
    function: Function
    symbols: int | None = None
    """The number of symbols where the operation fixes it (a group); None means p."""
    needs_prime: bool = False
    y_nonzero: bool = False
    """Pairs with y = 0 are left out."""

    @property
    def built_in(self) -> bool:
        return self.function.__module__ == __name__


def operation(
    name: str, *, symbols: int | None = None, needs_prime: bool = False, y_nonzero: bool = False
) -> Callable[[Function], Function]:
    """Registers `function(x, y, p) -> labels` as the operation `name`.

    x and y are int64 arrays of equal length with the symbols 0..p-1 (p is `symbols` where that
    is given); the result is as long, with whole numbers in 0..p-1. A run's id holds the name
    only, so give a changed function a new name.

    Raises:
        InputError: the name is taken by another function.
    """

    def register(function: Function) -> Function:
        taken = _REGISTRY.get(name)
        if taken is not None and _origin(taken.function) != _origin(function):
            raise InputError(f"operation {name!r} exists already: {_origin(taken.function)}")
        _REGISTRY[name] = Operation(name, function, symbols, needs_prime, y_nonzero)
        return function

    return register


def _origin(function: Function) -> str:
    return f"{function.__module__}:{getattr(function, '__qualname__', function)}"


def names() -> list[str]:
    """The registered operations, in the order they were registered."""
    return list(_REGISTRY)


def find(name: str) -> Operation:
    """The operation of that name or import path.

    Raises:
        InputError: there is none, or its module cannot be imported; the message says why, and
            is worded to follow "task.operation = NAME: ".
    """
    if name in _REGISTRY:
        return _REGISTRY[name]
    hint = suggestion(name, names())
    if not re.fullmatch(r"\w+(\.\w+)*:\w+", name):
        known = hint or f"; known are {', '.join(names())}, and your own as module:function"
        raise InputError(f"no such operation{known}")
    return _imported(name, hint)


def _imported(path: str, hint: str) -> Operation:
    module_name, _, attribute = path.partition(":")
    try:
        function = getattr(importlib.import_module(module_name), attribute)
    except Exception as error:  # a user's module may raise anything while it is imported
        reason = f"{type(error).__name__}: {error}"
        raise InputError(f"cannot be imported as module:function ({reason}){hint}") from error
    if not callable(function):
        raise InputError(f"is a {type(function).__name__}, not a function of (x, y, p)")
    # A registered function keeps what its decorator said of it.
    known = (known for known in _REGISTRY.values() if known.function is function)
    return next(known, Operation(path, function))


# --- modulo p, Power et al. 2022 A.1.1 -----------------------------------------------------------


def _inverses(p: int) -> IntArray:
    """[p]: the inverse of each number modulo a prime p; 0 stands where there is none."""
    return np.array([0] + [pow(y, -1, p) for y in range(1, p)], dtype=np.int64)


@operation("x+y")
def _sum(x: IntArray, y: IntArray, p: int) -> IntArray:
    return (x + y) % p


@operation("x-y")
def _difference(x: IntArray, y: IntArray, p: int) -> IntArray:
    return (x - y) % p


@operation("x*y")
def _product(x: IntArray, y: IntArray, p: int) -> IntArray:
    return x * y % p


@operation("x/y", needs_prime=True, y_nonzero=True)
def _quotient(x: IntArray, y: IntArray, p: int) -> IntArray:
    return x * _inverses(p)[y] % p


@operation("mixed", needs_prime=True)
def _mixed(x: IntArray, y: IntArray, p: int) -> IntArray:
    """x/y if y is odd, else x-y; y = 0 is even, so every pair is allowed."""
    return np.where(y % 2 == 1, x * _inverses(p)[y], x - y) % p


@operation("x^2+y^2")
def _squares(x: IntArray, y: IntArray, p: int) -> IntArray:
    return (x**2 + y**2) % p


@operation("x^2+xy+y^2")
def _quadratic(x: IntArray, y: IntArray, p: int) -> IntArray:
    return (x**2 + x * y + y**2) % p


@operation("x^2+xy+y^2+x")
def _quadratic_plus_x(x: IntArray, y: IntArray, p: int) -> IntArray:
    return (x**2 + x * y + y**2 + x) % p


@operation("x^3+xy")
def _cubic(x: IntArray, y: IntArray, p: int) -> IntArray:
    return (x**3 + x * y) % p


@operation("x^3+xy^2+y")
def _cubic_plus_y(x: IntArray, y: IntArray, p: int) -> IntArray:
    return (x**3 + x * y**2 + y) % p


# --- permutation groups --------------------------------------------------------------------------


class Permutations:
    """The group of all permutations of n things, as numbers in itertools.permutations order.

    The left factor is applied first, as in the code of Power et al. and in Liu et al. 2022: the
    product xy is the permutation i -> y[x[i]].
    """

    def __init__(self, n: int):
        self.images: npt.NDArray[np.int64] = np.array(list(itertools.permutations(range(n))))
        """[n!, n]: images[k, i] is where permutation k sends i."""
        self._digits = n ** np.arange(n)
        self._number = np.zeros(n**n, dtype=np.int64)
        self._number[self.images @ self._digits] = np.arange(len(self.images))
        self._inverse = self._number[np.argsort(self.images, axis=1) @ self._digits]

    def product(self, x: IntArray, y: IntArray) -> IntArray:
        """xy: x first, then y."""
        images = np.take_along_axis(self.images[y], self.images[x], axis=-1)
        return self._number[images @ self._digits]

    def inverse(self, x: IntArray) -> IntArray:
        """x^-1, with x x^-1 the identity, which is number 0."""
        return self._inverse[x]


S3 = Permutations(3)
S5 = Permutations(5)


@operation("s5:xy", symbols=120)
def _s5_product(x: IntArray, y: IntArray, p: int) -> IntArray:
    return S5.product(x, y)


@operation("s5:xyx^-1", symbols=120)
def _s5_conjugate(x: IntArray, y: IntArray, p: int) -> IntArray:
    """x first, then y, then the inverse of x: i -> x^-1[y[x[i]]]."""
    return S5.product(S5.product(x, y), S5.inverse(x))


@operation("s5:xyx", symbols=120)
def _s5_sandwich(x: IntArray, y: IntArray, p: int) -> IntArray:
    """x first, then y, then x again: i -> x[y[x[i]]]."""
    return S5.product(S5.product(x, y), x)


@operation("s3:xy", symbols=6)
def _s3_product(x: IntArray, y: IntArray, p: int) -> IntArray:
    return S3.product(x, y)
