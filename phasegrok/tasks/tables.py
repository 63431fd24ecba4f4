"""A finite task as arrays: every example, its label, and the target vectors if there are any."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from phasegrok import streams
from phasegrok.options import Option

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
Task = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Dataset:
    """All examples of a task. The arrays are shared between runs and therefore read-only."""

    inputs: IntArray
    """[examples, 2]: the pairs (a, b), with 0 <= a, b < symbols."""
    labels: IntArray
    """[examples]: the true class of each pair, 0 <= label < classes."""
    symbols: int
    classes: int
    codebook: FloatArray | None = None
    """[classes, d]: the vector to regress on for each class; None means the one-hot vectors."""

    @property
    def outputs(self) -> int:
        """The number of outputs a model needs: d, or `classes` for one-hot targets."""
        return self.classes if self.codebook is None else self.codebook.shape[1]


@dataclass(frozen=True)
class Kind:
    """What one `task.name` stands for. `task` is the task section without faults in its keys."""

    options: Mapping[str, Option]
    size: Callable[[Task], int]
    """The number of examples, without building them."""
    table: Callable[[Task], Dataset]
    """The examples, without a codebook; cached."""
    faults: Callable[[Task], list[str]]
    """What the keys alone cannot show."""


def frozen(array: np.ndarray) -> np.ndarray:
    """The same array, no longer writeable, for it is about to be shared."""
    array.setflags(write=False)
    return array


def ordered_pairs(symbols: int) -> IntArray:
    """[symbols^2, 2], a-major: (0, 0), (0, 1), ... as itertools.product gives them."""
    return np.indices((symbols, symbols), dtype=np.int64).reshape(2, -1).T.copy()


def unordered_pairs(symbols: int) -> IntArray:
    """[symbols (symbols + 1) / 2, 2]: a <= b, as itertools.combinations_with_replacement."""
    return np.stack(np.triu_indices(symbols), axis=1).astype(np.int64)


@lru_cache(maxsize=4096)
def codebook(classes: int, dim: int, seed: int) -> FloatArray:
    """[classes, dim] independent N(0, 1) numbers of the stream (seed, "targets")."""
    return frozen(streams.generator(seed, "targets").standard_normal((classes, dim)))
