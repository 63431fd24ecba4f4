"""The workloads of the engine's benchmark: what is trained, and from what.

A run is an ordinary phasegrok run, built from plain dictionaries so that a machine with torch
alone can make it. Every column of the benchmark trains the same runs and evaluates each of them
before its first step and after every EVAL_EVERY steps, over the whole dataset: train and
validation loss and accuracy, and the weight norm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from phasegrok.cells import Config, Run, replaced, run_id

EVAL_EVERY = 10
MEASURED = ("train_loss", "val_loss", "train_acc", "val_acc", "weight_norm")
# One row of MEASURED for each evaluation of a run.
Curve = list[list[float]]


@dataclass(frozen=True)
class Case:
    """One line of the table.

    `small` holds the dotted keys that make it a matter of seconds, for tests.
    """

    key: str
    title: str
    task: Mapping[str, Any]
    model: Mapping[str, Any]
    loss: str
    optim: Mapping[str, Any]
    batch_size: int | None = None
    small: Mapping[str, Any] = field(default_factory=dict)

    def config(self, *, quick: bool = False, dtype: str = "float32") -> Config:
        """The configuration of a run, still without a seed."""
        config: Config = {
            "task": {"label_noise": 0.0, "train_fraction": 0.5, **self.task},
            "model": {"init_scale": 1.0, **self.model},
            "optim": {"name": "adamw", "betas": [0.9, 0.98], "eps": 1e-8, "groups": {},
                      **self.optim},
            "train": {"steps": EVAL_EVERY, "batch_size": self.batch_size,
                      "eval_every": EVAL_EVERY, "dtype": dtype, "loss": self.loss,
                      "vectorise": True},
        }  # fmt: skip
        return replaced(config, self.small) if quick else config

    def runs(self, count: int, *, first: int = 0, quick: bool = False,
             dtype: str = "float32") -> list[Run]:  # fmt: skip
        """Runs that differ as those of a sweep do: in seed, split and weight decay."""
        config = self.config(quick=quick, dtype=dtype)
        return [_run(config, number) for number in range(first, first + count)]


def _run(config: Config, number: int) -> Run:
    decay = config["optim"]["weight_decay"] * 10 ** (number % 8 / 8)
    of_run = replaced(config, {"optim.weight_decay": decay})
    of_run |= {"seed": number, "split_seed": number}
    return Run(run_id(of_run), of_run, {}, {})


def with_steps(runs: Sequence[Run], steps: int) -> list[Run]:
    """The same runs with a budget; their ids do not depend on it."""
    return [Run(run.run_id, replaced(run.config, {"train.steps": steps}), run.cell, run.index)
            for run in runs]  # fmt: skip


# ------------------------------------------------------------------------------ what is trained

ADDITION = {"name": "binary_operation", "operation": "x+y", "pairs": "ordered"}
NANDA = {"tokens": "nanda", "blocks": 1, "heads": 4, "norm": "none", "positions": "learned",
         "bias": True, "init": "nanda"}  # fmt: skip

CASES = (
    Case(
        "quadratic23",
        "quadratic MLP, p=23, H=128",
        {**ADDITION, "p": 23},
        {"name": "quadratic_mlp", "width": 128},
        "mse",
        {"lr": 0.01, "weight_decay": 0.3},
        small={"task.p": 5, "model.width": 8},
    ),
    Case(
        "quadratic97",
        "quadratic MLP, p=97, H=500",
        {**ADDITION, "p": 97},
        {"name": "quadratic_mlp", "width": 500},
        "mse",
        {"lr": 0.01, "weight_decay": 0.3},
        small={"task.p": 7, "model.width": 12},
    ),
    Case(
        "relu53",
        "ReLU MLP, learned embeddings, p=53, H=128",
        {**ADDITION, "p": 53},
        {"name": "mlp", "width": 128, "depth": 1, "activation": "relu", "embedding": "learned",
         "embedding_dim": 128, "shared": True, "combine": "concat", "bias": True},
        "cross_entropy",
        {"lr": 1e-3, "weight_decay": 0.3},
        small={"task.p": 5, "model.width": 8, "model.embedding_dim": 6},
    ),
    Case(
        "liu_toy",
        "toy of Liu et al. 2022, 45 of 55 examples",
        {"name": "liu2022_addition", "p": 10, "targets": "vectors", "target_dim": 30,
         "target_seed": None, "train_fraction": 0.8181818182},
        {"name": "liu2022_toy", "embedding": "vector", "embedding_dim": 1,
         "embedding_scale": 1.0, "width": 200},
        "mse",
        {"lr": 1e-3, "weight_decay": 0.3, "betas": [0.9, 0.999],
         "groups": {"embedding": {"lr": 1e-3, "weight_decay": 0.0}}},
        small={"model.width": 8, "task.target_dim": 5},
    ),
    Case(
        "transformer113",
        "transformer, 1 block, d=128, p=113",
        {**ADDITION, "p": 113, "train_fraction": 0.3},
        {"name": "transformer", "width": 128, "mlp_width": 512, **NANDA},
        "cross_entropy",
        {"lr": 1e-3, "weight_decay": 0.3},
        small={"task.p": 5, "model.width": 8, "model.mlp_width": 16},
    ),
    Case(
        "vectors784",
        "MNIST-shaped MLP 784-200-200-10, minibatch 200",
        {"name": "gaussian_clusters", "classes": 10, "features": 784, "examples": 2000,
         "spread": 0.2, "data_seed": 0},
        {"name": "vector_mlp", "width": 200, "depth": 2, "activation": "relu", "bias": True},
        "cross_entropy",
        {"lr": 1e-3, "weight_decay": 0.01, "betas": [0.9, 0.999]},
        batch_size=200,
        small={"task.features": 20, "task.examples": 60, "model.width": 8,
               "train.batch_size": 10},
    ),
)  # fmt: skip


def named(keys: Sequence[str] | None) -> list[Case]:
    """The cases of these keys, all of them for None."""
    return [case for case in CASES if keys is None or case.key in keys]
