"""The task `gaussian_clusters`: real vectors around one random mean per class.

Means are N(0, I / features), of about unit length and a distance of sqrt(2) however many features
there are; an example is its class's mean plus spread * N(0, I). With the means known, the share
of errors between two classes is that of a normal number below -1 / (sqrt(2) spread).
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from phasegrok import streams
from phasegrok.options import filled, integer, number
from phasegrok.tasks.tables import Dataset, Kind, Task, frozen

OPTIONS = {
    "classes": integer(2, default=10),
    "features": integer(1, default=784),
    "examples": integer(2, default=2000),
    "spread": number(">= 0", lambda x: 0 <= x < math.inf, default=0.2),
    "data_seed": integer(0, default=0),
}


def table(task: Task) -> Dataset:
    return _table(**filled(task, OPTIONS))


@lru_cache(maxsize=4)
def _table(classes: int, features: int, examples: int, spread: float, data_seed: int) -> Dataset:
    """The classes take turns, so they are equally large, and more examples contain fewer."""
    labels = np.arange(examples, dtype=np.int64) % classes
    means = streams.generator(data_seed, "means").standard_normal((classes, features))
    noise = streams.generator(data_seed, "inputs").standard_normal((examples, features))
    vectors = means[labels] / math.sqrt(features) + spread * noise
    return Dataset(frozen(vectors), frozen(labels), classes, {"features": features})


def faults(task: Task) -> list[str]:
    values = filled(task, OPTIONS)
    classes, examples = values["classes"], values["examples"]
    right = all(OPTIONS[key].allows(values[key]) for key in ("classes", "examples"))
    if not right or classes <= examples:
        return []
    return [f"task.examples = {examples}: must be at least task.classes = {classes}"]


KIND = Kind(
    OPTIONS,
    size=lambda task: filled(task, OPTIONS)["examples"],
    table=table,
    faults=faults,
    inputs="vectors",
)
