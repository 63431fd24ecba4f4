"""A finite task as arrays: every example, its label, and the target vectors if there are any."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from phasegrok import streams
from phasegrok.options import Option, number

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
Task = Mapping[str, Any]
Inputs = Literal["pairs", "vectors", "tokens", "graphs"]
"""What an example is to a network."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """All examples of a task. The arrays are shared between runs and therefore read-only."""

    inputs: npt.NDArray[Any]
    """One row per example. Pairs (a, b): int64 [examples, 2], 0 <= a, b < symbols. Tokens: int64
    [examples, length], 0 <= token < symbols. Vectors: float64 [examples, features]. Graphs:
    float64, each padded to `nodes` and laid out in one row as `phasegrok.tasks.graphs` says."""
    labels: IntArray
    """[examples]: the true class of each example, 0 <= label < classes."""
    classes: int
    reads: Mapping[str, int]
    """The sizes of an input, by name: `symbols` of pairs; `symbols` and `length` of tokens;
    `features` of vectors; `nodes`, `node_features` and `edge_features` of graphs."""
    codebook: FloatArray | None = None
    """[classes, d]: the vector to regress on for each class; None means the one-hot vectors. A task
    of regression has a class for each example, with its own target."""
    within: float | None = None
    """An answer is right if its mean squared error is below this; None: if no other vector of the
    codebook is nearer."""

    @property
    def outputs(self) -> int:
        """The number of outputs a model needs: d, or `classes` for one-hot targets."""
        return self.classes if self.codebook is None else self.codebook.shape[1]

    @property
    def sizes(self) -> dict[str, int]:
        """What a network is built with, by keyword: the sizes of an input, and `outputs`."""
        return {**self.reads, "outputs": self.outputs}


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
    inputs: Inputs = "pairs"
    regression: bool = False
    """Whether the targets are real vectors, an own one for each example; then the options hold
    `error_threshold`, below which an answer is right; where that is null, `table` says `within`."""
    sizes: Callable[[Task], dict[str, int]] | None = None
    """`Dataset.sizes` without reading the examples; None: there is nothing to read."""
    files: Callable[[str], Sequence[Path]] | None = None
    """The files that `task.path` names, of a task that reads any; they are known by `task.data`.
    Raises InputError where there are none."""
    published: Callable[[Task, int], tuple[FloatArray | None, IntArray]] | None = None
    """With `draws: published`, the authors' codebook and their order of the examples, by seed."""


def error_threshold(default: float | None) -> Option:
    """The option of a regression below whose value the error of a right answer is."""
    return number("> 0", lambda x: 0 < x < math.inf, default=default)


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
