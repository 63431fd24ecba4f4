"""Training curves as counts of correct answers at a few steps: exact, and small when packed."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np

from phasegrok import tasks
from phasegrok.errors import InputError

# A curve's points on the page, at most. Its ends and crossings are 18 of them, at most.
MOST_POINTS = 32

# No task is larger; a float64 tells any two fractions of so many answers apart.
_LARGEST_TASK = 2**24


def thinned(lengths: np.ndarray, steps: np.ndarray, crossings: np.ndarray) -> np.ndarray:
    """Which points of curves to keep: both ends, those at crossings, and evenly of the others.

    Args:
        lengths: points of each curve, [runs].
        steps: the steps of all points, one curve after another.
        crossings: steps that each run crosses something at, [runs, any]; infinite where never.
            A crossing between two points is kept as the later one.

    Returns:
        A boolean for each point; no curve keeps more than MOST_POINTS.
    """
    if not len(steps):
        return np.zeros(0, bool)
    ends = np.cumsum(lengths)
    starts = ends - lengths
    run = np.repeat(np.arange(len(lengths)), lengths)
    kept = np.zeros(len(steps), bool)
    kept[starts[lengths > 0]] = kept[ends[lengths > 0] - 1] = True
    of, which = np.nonzero(np.isfinite(crossings) & (lengths > 0)[:, None])
    # Steps rise along a curve, so that run and step together rise along all of them.
    span = float(steps.max()) + 1.0
    wanted = of * span + np.minimum(crossings[of, which], span - 1)
    kept[np.minimum(np.searchsorted(run * span + steps, wanted), ends[of] - 1)] = True
    free = MOST_POINTS - np.add.reduceat(np.append(kept, 0), starts)[: len(lengths)]
    others = np.flatnonzero(~kept)
    many = np.bincount(run[others], minlength=len(lengths))
    first = np.cumsum(many) - many
    rank = np.arange(len(others)) - first[run[others]]
    free, many = free[run[others]], many[run[others]]
    kept[others[(rank + 1) * free // many > rank * free // many]] = True
    kept[(lengths <= MOST_POINTS)[run]] = True
    return kept


def totals(configs: Sequence[str]) -> np.ndarray:
    """Training and validation examples of each run by its config's JSON, [runs, 2].

    Zero where the task cannot be had here: a user's own operation, away from their machine.
    """
    return np.array([_totals(_task_text(config)) for config in configs], int).reshape(-1, 2)


def _task_text(config: str) -> str:
    return json.dumps((json.loads(config) or {}).get("task") if config else None, sort_keys=True)


@lru_cache(maxsize=65_536)
def _totals(task_text: str) -> tuple[int, int]:
    try:
        task: Any = json.loads(task_text)
        train = tasks.train_size(task)
        return train, tasks.size(task) - train
    except (InputError, LookupError, TypeError, ImportError):
        return 0, 0


def counted(accuracies: np.ndarray, total: int) -> tuple[np.ndarray, int] | None:
    """Accuracies as the counts they were made of, and of how many answers.

    Args:
        total: of how many; 0 finds the least that explains all of them.

    Returns:
        Counts and total, for which `counts / total` are the accuracies to the last bit; None
        where there are none.
    """
    if not np.isfinite(accuracies).all():
        return None
    total = total or _least_total(accuracies)
    counts = np.rint(accuracies * total).astype(int)
    return (counts, total) if np.array_equal(counts / total, accuracies) else None


def _least_total(accuracies: np.ndarray) -> int:
    shares = (Fraction(value).limit_denominator(_LARGEST_TASK) for value in set(accuracies))
    return math.lcm(*(share.denominator for share in shares)) or 1
