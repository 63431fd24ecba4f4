"""The two toy tasks of Liu et al. 2022 (arXiv 2205.10343, section 3 and appendix H).

Addition: the plain sum of two symbols 0..p-1, unordered pairs; p = 10 gives 55 examples and 19
classes. S3: the product of two of the 6 permutations, ordered pairs; 36 examples. Each class has
a random target vector to regress on, or (`targets: classes`) its one-hot vector.

`draws: published` draws targets and split as the authors' code did, one after the other from one
legacy NumPy generator with the plain seed, so that their figures can be trained again: addition in
figure 6b has seed 58, S3 in figure 6d has seed 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from phasegrok.options import Option, choice, filled, integer
from phasegrok.tasks.operations import S3
from phasegrok.tasks.tables import (
    Dataset,
    FloatArray,
    IntArray,
    Kind,
    Task,
    frozen,
    ordered_pairs,
    unordered_pairs,
)

TARGETS: dict[str, Option] = {
    "targets": choice("vectors", "classes", default="vectors"),
    "target_dim": integer(1, default=30),
    "target_seed": integer(default=None),  # None is the run's own seed
    "draws": choice("published", default=None),  # None: phasegrok's own streams
}
ADDITION_OPTIONS = {"p": integer(2, default=10), **TARGETS}


def _p(task: Task) -> int:
    return filled(task, ADDITION_OPTIONS)["p"]


@lru_cache(maxsize=16)
def _addition(p: int) -> Dataset:
    pairs = unordered_pairs(p)
    return Dataset(
        frozen(pairs), frozen(pairs.sum(axis=1)), classes=2 * p - 1, reads={"symbols": p}
    )


@lru_cache(maxsize=1)
def _s3() -> Dataset:
    """c = b[a] for permutations a, b in itertools.permutations order."""
    pairs = ordered_pairs(6)
    labels = S3.product(pairs[:, 0], pairs[:, 1])
    return Dataset(frozen(pairs), frozen(np.asarray(labels)), classes=6, reads={"symbols": 6})


def _published_addition(task: Task, seed: int) -> tuple[FloatArray | None, IntArray]:
    return _published(_addition(_p(task)), filled(task, TARGETS), seed, templates=_p(task))


def _published_s3(task: Task, seed: int) -> tuple[FloatArray | None, IntArray]:
    return _published(_s3(), filled(task, TARGETS), seed, templates=0)


def _published(
    data: Dataset, values: Mapping[str, Any], seed: int, templates: int
) -> tuple[FloatArray | None, IntArray]:
    """The authors' target vectors and order of the examples.

    For addition they first drew a template per symbol, for an encoder that nothing reads.
    """
    draw = np.random.RandomState(seed)
    vectors = values["targets"] == "vectors"
    draw.normal(size=(templates, values["target_dim"] if vectors else data.classes))
    codebook = draw.normal(size=(data.classes, values["target_dim"])) if vectors else None
    # What choice(examples, n, replace=False) gives is the first n of this.
    return codebook, draw.permutation(len(data.labels))


ADDITION = Kind(
    ADDITION_OPTIONS,
    size=lambda task: _p(task) * (_p(task) + 1) // 2,
    table=lambda task: _addition(_p(task)),
    faults=lambda task: [],
    published=_published_addition,
)
S3_PRODUCT = Kind(
    TARGETS,
    size=lambda task: 36,
    table=lambda task: _s3(),
    faults=lambda task: [],
    published=_published_s3,
)
