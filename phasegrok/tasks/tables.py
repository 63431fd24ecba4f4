"""A finite task as arrays: every example, its label, and the target vectors if there are any."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

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

    inputs: npt.NDArray[Any]
    """int64 [examples, 2]: the pairs (a, b), with 0 <= a, b < symbols; or real vectors, float64
    [examples, features]."""
    labels: IntArray
    """[examples]: the true class of each example, 0 <= label < classes."""
    classes: int
    symbols: int | None = None
    """None where the inputs are vectors."""
    codebook: FloatArray | None = None
    """[classes, d]: the vector to regress on for each class; None means the one-hot vectors."""

    @property
    def outputs(self) -> int:
        """The number of outputs a model needs: d, or `classes` for one-hot targets."""
        return self.classes if self.codebook is None else self.codebook.shape[1]

    @property
    def sizes(self) -> dict[str, int]:
        """What a network is built with, by keyword: symbols or features, and outputs."""
        if self.symbols is None:
            return {"features": self.inputs.shape[1], "outputs": self.outputs}
        return {"symbols": self.symbols, "outputs": self.outputs}


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
    features: Callable[[Task], int] | None = None
    """The length of an input vector, without building any; None where inputs are pairs."""
    published: Callable[[Task, int], tuple[FloatArray | None, IntArray]] | None = None
    """With `draws: published`, the authors' codebook and their order of the examples, by seed."""

    @property
    def inputs(self) -> Literal["pairs", "vectors"]:
        """What an example is to a network: two symbols, or a real vector."""
        return "pairs" if self.features is None else "vectors"


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
