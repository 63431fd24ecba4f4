"""The task `teacher_student`: regress on what a fixed random network says (Omnigrok).

Liu, Michaud, Tegmark 2023 (arXiv 2210.01117), section 3: x is N(0, I) of 5 numbers, the teacher a
tanh network 5-100-100-5 with PyTorch's default initial weights, 100 examples to train on and 100 to
test. An answer is right if its mean squared error is below `error_threshold`; their text has 0.01,
the notebook of one of their figures 0.001. Their own draws are not repeated here.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import pairwise

import numpy as np

from phasegrok import streams
from phasegrok.options import filled, integer
from phasegrok.tasks.tables import Dataset, FloatArray, Kind, Task, error_threshold, frozen

OPTIONS = {
    "features": integer(1, default=5),
    "outputs": integer(1, default=5),
    "width": integer(1, default=100),
    "depth": integer(1, default=2),
    "examples": integer(2, default=200),
    "error_threshold": error_threshold(0.01),
    "data_seed": integer(0, default=0),
}


def table(task: Task) -> Dataset:
    values = filled(task, OPTIONS)
    return _table(**{key: value for key, value in values.items() if key != "error_threshold"})


@lru_cache(maxsize=4)
def _table(
    features: int, outputs: int, width: int, depth: int, examples: int, data_seed: int
) -> Dataset:
    """More examples contain fewer, targets to rounding: they and the teacher have own streams."""
    drawn = streams.generator(data_seed, "inputs").standard_normal((examples, features))
    answers = _teacher(drawn, [features] + [width] * depth + [outputs], data_seed)
    labels = np.arange(examples, dtype=np.int64)
    reads = {"features": features}
    return Dataset(frozen(drawn), frozen(labels), examples, reads, frozen(answers))


def _teacher(values: FloatArray, widths: list[int], seed: int) -> FloatArray:
    """torch.nn.Linear's default: weights and biases uniform within 1 / sqrt(inputs)."""
    draw = streams.generator(seed, "teacher")
    for layer, (inputs, outputs) in enumerate(pairwise(widths)):
        bound = 1 / math.sqrt(inputs)
        weights = draw.uniform(-bound, bound, (inputs, outputs))
        values = values @ weights + draw.uniform(-bound, bound, outputs)
        if layer < len(widths) - 2:
            values = np.tanh(values)
    return values


KIND = Kind(
    OPTIONS,
    size=lambda task: filled(task, OPTIONS)["examples"],
    table=table,
    faults=lambda task: [],
    inputs="vectors",
    regression=True,
)
