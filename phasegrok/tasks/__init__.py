"""What is learned: finite tasks, their splits and their corrupted labels.

`task` is everywhere the task section of a run's configuration, a plain mapping. Only `faults`
expects it to be wrong; the other functions take one that `faults` has nothing to say about.
NumPy only, and within the tasks that need them scikit-learn, pandas and RDKit.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np

from phasegrok import options, streams
from phasegrok.cells import rounded
from phasegrok.errors import InputError
from phasegrok.options import number, suggestion
from phasegrok.tasks import binary, clusters, files, graphs, images, liu2022, qm9, teacher, text
from phasegrok.tasks.operations import operation
from phasegrok.tasks.tables import Dataset, IntArray, Kind, Task, codebook, frozen

__all__ = [
    "COMMON", "KINDS", "Dataset", "corrupted", "dataset", "differs_per_seed", "faults",
    "has_codebook", "inputs", "located", "noisy_labels", "operation", "size", "sizes", "split",
    "table", "train_size",
]  # fmt: skip

Indices = TypeVar("Indices", bound=Any)  # an array or a tensor of them

KINDS: dict[str, Kind] = {
    "binary_operation": binary.KIND,
    "liu2022_addition": liu2022.ADDITION,
    "liu2022_s3": liu2022.S3_PRODUCT,
    "gaussian_clusters": clusters.KIND,
    "teacher_student": teacher.KIND,
    "digits": images.DIGITS,
    "mnist": images.MNIST,
    "planted_sentiment": text.PLANTED,
    "imdb": text.IMDB,
    "random_graphs": graphs.RANDOM_GRAPHS,
    "qm9": qm9.KIND,
}
"""What `task.name` may be."""

COMMON = {
    "name": options.text(),
    "train_fraction": number("between 0 and 1, both excluded", lambda x: 0 < x < 1),
    "label_noise": number("from 0 up to but not including 1", lambda x: 0 <= x < 1, default=0.0),
}
"""The keys that every task has."""


def dataset(task: Task, seed: int) -> Dataset:
    """All examples of a task; `seed` is the run's, and matters only if `differs_per_seed`."""
    kind, shared = KINDS[task["name"]], table(task)
    values = options.filled(task, kind.options)
    if kind.regression:
        within = values["error_threshold"]
        return shared if within is None else replace(shared, within=within)
    if not has_codebook(task):
        return shared
    own = seed if values["target_seed"] is None else values["target_seed"]
    published = _published(task)
    if published is not None:
        return replace(shared, codebook=published(task, own)[0])
    return replace(shared, codebook=codebook(shared.classes, values["target_dim"], own))


def table(task: Task) -> Dataset:
    """The examples without what `dataset` adds for one run: one object for all runs of a task.

    Raises:
        InputError: files cannot be read, or are not those by which the run is named.
    """
    if task.get("path") is not None and task.get("data") is not None:
        _refuse_other_data(task["name"], task["path"], task["data"])
    return KINDS[task["name"]].table(task)


@lru_cache(maxsize=16)
def _refuse_other_data(name: str, path: str, data: str) -> None:
    """Once for all runs: what a process has read stays as it was."""
    if found := KINDS[name].files:
        files.refuse_others(found(path), data)


def located(task: Task) -> dict[str, Any]:
    """The section with an absolute `path`, and with the fingerprint of the files there as `data`.

    Where the files cannot be read it is left open; `faults` says why they cannot.
    """
    kind, path = KINDS.get(str(task.get("name"))), task.get("path")
    if kind is None or kind.files is None or not isinstance(path, str) or not path:
        return dict(task)
    placed = {**task, "path": str(files.absolute(path))}
    if placed.get("data") is None:
        with suppress(InputError):
            placed["data"] = files.fingerprint(kind.files(placed["path"]))
    return placed


def _published(task: Task) -> Callable[[Task, int], tuple[Any, IntArray]] | None:
    """How the authors of a task drew, where that is asked for."""
    return KINDS[task["name"]].published if task.get("draws") == "published" else None


def size(task: Task) -> int:
    """The number of examples, training and validation together, without building them."""
    return KINDS[task["name"]].size(task)


def sizes(task: Task, seed: int) -> dict[str, int]:
    """What a network is built with (`Dataset.sizes`), without reading examples from files."""
    known = KINDS[task["name"]].sizes
    return known(task) if known else dataset(task, seed).sizes


def inputs(task: Task) -> str | None:
    """What a network has to read, as "pairs"; None where there is no such task."""
    kind = KINDS.get(str(task.get("name")))
    return kind.inputs if kind else None


def train_size(task: Task) -> int:
    """The number of training examples: the train fraction of all, rounded."""
    return round(rounded(task["train_fraction"]) * size(task))


def has_codebook(task: Task) -> bool:
    """Whether targets are real vectors, so that the loss can only be mse."""
    kind = KINDS[task["name"]]
    return kind.regression or options.filled(task, kind.options).get("targets") == "vectors"


def differs_per_seed(task: Task) -> bool:
    """Whether runs of different seeds have different datasets (a codebook drawn per seed)."""
    per_seed = has_codebook(task) and not KINDS[task["name"]].regression
    return per_seed and task.get("target_seed") is None


def split(task: Task, split_seed: int) -> IntArray:
    """The examples to train on, [train_size], as indices; all others are for validation.

    They are the first of one permutation per split seed, so the training set of a smaller
    fraction is contained in that of a larger one.
    """
    published = _published(task)
    if published is not None:
        return published(task, split_seed)[1][: train_size(task)]
    return _permutation(size(task), split_seed)[: train_size(task)]


@lru_cache(maxsize=256)
def _permutation(examples: int, split_seed: int) -> IntArray:
    order = streams.generator(split_seed, "split").permutation(examples)
    return frozen(order.astype(np.int64))


def corrupted(task: Task, train_indices: Indices) -> Indices:
    """The training examples whose label is drawn anew: the first int(label_noise * n_train)."""
    # Exact, so that 0.29 of 100 is 29; and as in the run's id, so that 0.7 - 0.4 is 0.3.
    share = Fraction(str(rounded(task.get("label_noise") or 0.0)))
    return train_indices[: int(share * len(train_indices))]


def noisy_labels(task: Task, data: Dataset, train_indices: IntArray, seed: int) -> IntArray:
    """Labels with a share `label_noise` of the training ones replaced, [examples].

    The `corrupted` ones get a class drawn uniformly, which may be the true one (Doshi et al. 2023).
    Positions and classes are nested: more noise keeps what less noise changed. Validation labels
    stay true.
    """
    labels = data.labels.copy()
    noisy = corrupted(task, train_indices)
    # One class is drawn per training example, used or not, so that the draws are nested.
    drawn = streams.generator(seed, "labels").integers(data.classes, size=len(train_indices))
    labels[noisy] = drawn[: len(noisy)]
    return labels


def faults(task: Task) -> list[str]:
    """Everything wrong with the task section, one sentence each with the dotted key."""
    name = task.get("name")
    if not isinstance(name, str) or name not in KINDS:
        return [_unknown(name), *_common_faults(task)]
    kind = KINDS[name]
    semantic = kind.faults(task) or _data_faults(task, kind)
    found = options.faults("task", task, {**COMMON, **kind.options}, name) + semantic
    # The sizes of the split can be judged if only the keys they follow from are right.
    keys = {"train_fraction": COMMON["train_fraction"], **kind.options}
    sized = not options.faults("task", {key: task.get(key) for key in keys}, keys, name)
    return found + (_size_faults(task) if sized and not semantic else [])


def _data_faults(task: Task, kind: Kind) -> list[str]:
    """Files that are not those of `task.data`, or of which nobody can tell."""
    path, data = task.get("path"), task.get("data")
    if kind.files is None or not isinstance(path, str) or not path:
        return []
    try:
        found = kind.files(path)
        there = files.fingerprint(found)
        files.refuse_others(found, data if data and files.DATA.allows(data) else there)
    except InputError as error:
        return [
            fault if fault.startswith("task.") else f"task.path = {path}: {fault}"
            for fault in error.faults
        ]
    return []


def _unknown(name: Any) -> str:
    if name is None:
        return f"task.name is missing: it must be one of {', '.join(KINDS)}"
    hint = suggestion(name, KINDS)
    return f"task.name = {name}: must be one of {', '.join(KINDS)}{hint}"


def _common_faults(task: Task) -> list[str]:
    common = {key: task.get(key) for key in COMMON if key != "name"}
    return options.faults("task", {"name": "?", **common}, COMMON, "every task")


def _size_faults(task: Task) -> list[str]:
    train, examples = train_size(task), size(task)
    if 0 < train < examples:
        return []
    which = "training" if train == 0 else "validation"
    return [
        f"task.train_fraction = {task['train_fraction']}: leaves no {which} example of "
        f"{examples}; it must leave 1 to {examples - 1} for training"
    ]
