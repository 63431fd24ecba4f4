"""What final weights say of single neurons: how periodic each is, and what goes with it.

Doshi et al. 2023 (arXiv 2310.13061, sections 3 and 4), of `quadratic_mlp` on x+y or x-y modulo p:
periodic neurons generalise, the others memorise. Weights are as from `phasegrok.load_weights`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from phasegrok import streams, tasks
from phasegrok.cells import Config, shared_part
from phasegrok.errors import InputError
from phasegrok.frames.places import require
from phasegrok.observables import OBSERVABLES

Weights = Mapping[str, Mapping[str, np.ndarray]]

ORDERS = ("lowest", "highest", "random")
"""In which neurons are removed: lowest IPR first, highest first, or drawn per seed (a control).

A neuron without an IPR counts as lower than all others.
"""

SHARES = tuple(round(0.05 * i, 2) for i in range(21))

SIDES = ("train_acc", "val_acc", "corrupted_acc", "clean_acc")


def neuron_table(frame: pd.DataFrame, weights: Weights) -> pd.DataFrame:
    """The IPR of every neuron: `run_id`, `seed`, `neuron`, `ipr` and, if that is NaN, `why`.

    Args:
        frame: one row per run, with `run_id`, `seed` and `config`.

    Returns:
        `why` is "faded" of a neuron with a weight vector (of left, right or readout) that is zero,
        "diverged" of one with weights that are not finite, "" of all others.

    Raises:
        InputError: a run is of another network or task.
    """
    parts = []
    for row in _checked(frame):
        params = weights[row["run_id"]]
        found = _ipr(params)
        why = np.where(np.isnan(found), np.where(_finite(params), "faded", "diverged"), "")
        about = {"run_id": row["run_id"], "seed": row["seed"], "neuron": range(len(found))}
        parts.append(pd.DataFrame(about | {"ipr": found, "why": why}))
    return pd.concat(parts, ignore_index=True)


def ipr_histogram(table: pd.DataFrame, bins: int = 20) -> pd.DataFrame:
    """Bins of equal width from 0 to 1: `low`, `high`, `neurons` in it and their `share` of all.

    Args:
        table: as from `neuron_table`; neurons without an IPR are left out.
    """
    # A single wave has 1 but for rounding.
    known = table["ipr"].dropna().clip(upper=1)
    counts, edges = np.histogram(known, bins=bins, range=(0, 1))
    shares = counts / max(counts.sum(), 1)
    return pd.DataFrame({"low": edges[:-1], "high": edges[1:], "neurons": counts, "share": shares})


def pruning(
    frame: pd.DataFrame, weights: Weights, shares: Sequence[float] = SHARES
) -> pd.DataFrame:
    """Accuracies of the trained network without some of its neurons, which are not trained again.

    Args:
        frame: one row per run, with `run_id`, `seed` and `config`.
        shares: of all neurons, removed one after the other in each of ORDERS.

    Returns:
        Row by run, order and share: `run_id`, `seed`, `order`, `removed` (the share), `neurons`
        (so many), `train_acc`, `val_acc`, and with label noise `corrupted_acc`, `clean_acc`, else
        NaN. A run that diverged gives no answers: all of its accuracies are NaN.

    Raises:
        InputError: a run is of another network or task, or its network has a norm.
    """
    rows = []
    for row in _checked(frame, whole=True):
        config, params = json.loads(row["config"]), weights[row["run_id"]]
        sets, labels, inputs = _examples(config)
        answers_at_all = _finite(params).all()
        for order, neurons in _orders(params, config["seed"]).items():
            for share, answers in zip(
                shares, _answers(params, inputs, neurons, shares), strict=True
            ):
                right = np.where(answers_at_all, answers == labels, np.nan)
                found = {name: right[at].mean() if len(at) else np.nan for name, at in sets.items()}
                about = {"run_id": row["run_id"], "seed": row["seed"], "order": order}
                rows.append(about | {"removed": share, "neurons": _count(share, neurons)} | found)
    return pd.DataFrame(rows)


def _checked(frame: pd.DataFrame, whole: bool = False) -> list[dict[str, Any]]:
    """The rows; `whole`: the three kept weights have to be all that gives an answer."""
    require(frame, ["run_id", "seed", "config"])
    rows = frame.loc[:, ["run_id", "seed", "config"]].to_dict("records")
    about = OBSERVABLES["ipr"]
    for row in rows:
        config = json.loads(row["config"])
        if not about.applies(shared_part(config)):
            raise InputError(f"run {row['run_id']}: single neurons are told of {about.needs} alone")
        if whole and (norm := config["model"].get("norm")):
            raise InputError(
                f"run {row['run_id']}: has model.norm = {norm}, whose statistics are not kept; "
                "neurons are removed from networks of model.norm=null alone"
            )
    return rows


def _ipr(params: Mapping[str, np.ndarray]) -> np.ndarray:
    import torch

    from phasegrok.circuits import neuron_ipr

    return neuron_ipr({name: torch.tensor(array) for name, array in params.items()}).numpy()


def _finite(params: Mapping[str, np.ndarray]) -> np.ndarray:
    """Whether all weights of a neuron are finite numbers, [width] of booleans."""
    columns = params["left"].T, params["right"].T, params["readout"]
    return np.isfinite(np.concatenate(columns, axis=1).sum(axis=1))


def _examples(config: Config) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Which examples each accuracy is of, the label of each in training, and the pairs."""
    task = config["task"]
    data, train = tasks.dataset(task, config["seed"]), tasks.split(task, config["split_seed"])
    noisy = tasks.corrupted(task, train)
    clean = train[len(noisy) :] if task.get("label_noise") else noisy
    val = np.setdiff1d(np.arange(len(data.labels)), train)
    sets: dict[str, np.ndarray] = dict(zip(SIDES, (train, val, noisy, clean), strict=True))
    return sets, tasks.noisy_labels(task, data, train, config["seed"]), data.inputs


def _orders(params: Mapping[str, np.ndarray], seed: int) -> dict[str, np.ndarray]:
    lowest = np.argsort(np.nan_to_num(_ipr(params), nan=-1), kind="stable")
    drawn = streams.generator(seed, "pruning").permutation(len(lowest))
    return dict(zip(ORDERS, (lowest, lowest[::-1], drawn), strict=True))


def _count(share: float, neurons: np.ndarray) -> int:
    return round(share * len(neurons))


def _answers(
    params: Mapping[str, np.ndarray],
    pairs: np.ndarray,
    neurons: np.ndarray,
    shares: Sequence[float],
) -> list[np.ndarray]:
    """The answers without the first share of these neurons, for each share, [examples] each."""
    left, right, readout = (params[name].astype(float) for name in ("left", "right", "readout"))
    hidden = np.square(left[pairs[:, 0]] + right[pairs[:, 1]])
    kept = (neurons[_count(share, neurons) :] for share in shares)
    return [(hidden[:, those] @ readout[those]).argmax(axis=1) for those in kept]
