"""What the embeddings of the addition toy say: structure, and the accuracy that it allows.

Effective theory of Liu et al. 2022 (arXiv 2205.10343, section 3): the network generalises by
parallelograms, two pairs (i, j) and (m, n) of equal sum whose embeddings obey E_i + E_j = E_m +
E_n. A pair held out is answered if such a parallelogram ties it to a training pair. How many of
them the split alone enforces is known before any training.

Shapes: pairs [examples, 2], labels [examples], train_indices [n_train], embedding [symbols, d];
parallelograms are pairs of examples, [q, 2].
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from phasegrok import tasks
from phasegrok.tasks.tables import Dataset, IntArray

COLUMNS = ("rqi", "ideal_val_acc", "predicted_val_acc")
"""What a result row says of a run; null where it is not the addition toy, or diverged."""

TOLERANCE = 0.01  # mean squared defect of a parallelogram that counts as closed
_ROUNDING = 1e-9  # of directions that are sums of others


def of_run(config: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, float]:
    """RQI, ideal and predicted validation accuracy of a run with these final parameters."""
    model, task = config["model"], config["task"]
    vectors = (model.get("embedding") or "vector") == "vector"
    if model["name"] != "liu2022_toy" or task["name"] != "liu2022_addition" or not vectors:
        return {}
    data = tasks.dataset(task, config["seed"])
    train = tasks.split(task, config["split_seed"])
    found = {"ideal_val_acc": ideal_val_acc(data, train)}
    embedding = np.asarray(params["embedding"])
    if np.isfinite(embedding).all():
        found["rqi"] = rqi(data, embedding)
        found["predicted_val_acc"] = predicted_val_acc(data, train, embedding)
    return found


def parallelograms(labels: IntArray) -> IntArray:
    """All pairs of examples with equal labels, the first before the second, [q, 2]."""
    first, second = np.triu_indices(len(labels), k=1)
    equal = labels[first] == labels[second]
    return np.stack([first[equal], second[equal]], axis=1)


def equations(data: Dataset, found: IntArray) -> np.ndarray:
    """The parallelograms as linear equations of the embeddings, [q, symbols]."""
    matrix = np.zeros((len(found), data.reads["symbols"]))
    at = np.arange(len(found))
    for side, sign in ((0, 1.0), (1, -1.0)):
        for symbol in data.inputs[found[:, side]].T:
            np.add.at(matrix, (at, symbol), sign)
    return matrix


def closed(data: Dataset, embedding: np.ndarray) -> np.ndarray:
    """Which parallelograms the embeddings close, bool [q].

    Embeddings are taken at zero mean and unit standard deviation in every dimension; a
    parallelogram is closed if its mean squared defect is below TOLERANCE.
    """
    embedding = np.asarray(embedding, np.float64)
    spread = embedding.std(axis=0, ddof=1)
    normal = (embedding - embedding.mean(axis=0)) / np.where(spread > 0, spread, np.inf)
    defects = equations(data, parallelograms(data.labels)) @ normal
    return ((defects**2).mean(axis=1) < TOLERANCE) & (spread > 0).any()


def implied(data: Dataset, train_indices: IntArray) -> np.ndarray:
    """Which parallelograms hold in every embedding that closes those of the training pairs, [q]."""
    found = parallelograms(data.labels)
    wanted = equations(data, found)
    known = wanted[np.isin(found, train_indices).all(axis=1)]
    if not len(known):
        return np.zeros(len(found), bool)
    _, sizes, directions = np.linalg.svd(known, full_matrices=False)
    basis = directions[sizes > _ROUNDING * sizes[0]]
    rest = wanted - wanted @ basis.T @ basis
    return (rest**2).sum(axis=1) < _ROUNDING


def unique_structure(data: Dataset, train_indices: IntArray) -> bool:
    """Whether the training pairs leave the embeddings no choice but equal steps, E_k = a + k b."""
    found = parallelograms(data.labels)
    known = found[np.isin(found, train_indices).all(axis=1)]
    return bool(np.linalg.matrix_rank(equations(data, known)) == data.reads["symbols"] - 2)


def rqi(data: Dataset, embedding: np.ndarray) -> float:
    """Representation quality index: the share of all parallelograms that are closed."""
    return float(closed(data, embedding).mean())


def predicted_val_acc(data: Dataset, train_indices: IntArray, embedding: np.ndarray) -> float:
    """The share of validation pairs that a closed parallelogram ties to a training pair."""
    return _reached(data, train_indices, closed(data, embedding))


def ideal_val_acc(data: Dataset, train_indices: IntArray) -> float:
    """The same for the parallelograms that the split enforces: the most that can be learned."""
    return _reached(data, train_indices, implied(data, train_indices))


def _reached(data: Dataset, train_indices: IntArray, which: np.ndarray) -> float:
    in_train = np.zeros(len(data.labels), bool)
    in_train[train_indices] = True
    used = parallelograms(data.labels)[which]
    mixed = used[in_train[used].any(axis=1)]
    reached = in_train.copy()
    reached[mixed.ravel()] = True
    return float(reached[~in_train].mean())
