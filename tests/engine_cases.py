"""The runs that the engine's tests train: every model with losses, optimisers and options.

A case is a pack's shared settings; `lanes` gives runs that differ in every number that a lane may
have for itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from phasegrok import cells
from phasegrok.cells import Config, Run, run_id
from phasegrok.engine import Given, Mode, Outcome, Pack, Watch, cpu_numerics, outcomes
from phasegrok.phases import Rule

TASKS: dict[str, dict[str, Any]] = {
    "x+y": {"name": "binary_operation", "operation": "x+y", "p": 7, "train_fraction": 0.6},
    "x*y": {"name": "binary_operation", "operation": "x*y", "p": 9, "train_fraction": 0.4},
    "x-y": {"name": "binary_operation", "operation": "x-y", "p": 7, "train_fraction": 0.7},
    "addition": {"name": "liu2022_addition", "target_dim": 11, "train_fraction": 0.8},
    "s3": {"name": "liu2022_s3", "target_dim": 11, "train_fraction": 0.7},
    "clusters": {
        "name": "gaussian_clusters",
        "classes": 5,
        "features": 17,
        "examples": 60,
        "train_fraction": 0.6,
    },
    "teacher": {"name": "teacher_student", "examples": 40, "width": 9, "train_fraction": 0.6},
    "texts": {
        "name": "planted_sentiment",
        "examples": 40,
        "length": 6,
        "vocabulary": 13,
        "lexicon": 4,
        "sentiment_words": 3,
        "train_fraction": 0.6,
    },
    "graphs": {"name": "random_graphs", "examples": 30, "nodes": 5, "train_fraction": 0.6},
}

LEARNED: dict[str, Any] = {"name": "mlp", "embedding": "learned", "embedding_dim": 6}
TRANSFORMER: dict[str, Any] = {"name": "transformer", "width": 8, "heads": 2, "mlp_width": 19}
NANDA: dict[str, Any] = {
    "tokens": "nanda",
    "blocks": 1,
    "norm": "none",
    "positions": "learned",
    "bias": True,
    "init": "nanda",
}

MODELS: dict[str, dict[str, Any]] = {
    "quadratic_mlp": {"name": "quadratic_mlp", "width": 13},
    "relu onehot": {"name": "mlp", "activation": "relu", "width": 11},
    "relu onehot sum deep": {
        "name": "mlp",
        "activation": "relu",
        "combine": "sum",
        "depth": 2,
        "width": 11,
    },
    "tanh onehot": {"name": "mlp", "activation": "tanh", "width": 9},
    "gelu shared concat deep": {**LEARNED, "activation": "gelu", "depth": 2, "width": 9},
    "tanh slots sum": {
        **LEARNED,
        "activation": "tanh",
        "shared": False,
        "combine": "sum",
        "width": 11,
    },
    "gelu slots concat": {**LEARNED, "activation": "gelu", "shared": False, "width": 9},
    "liu2022 vector": {"name": "liu2022_toy", "width": 13},
    "liu2022 matrix": {
        "name": "liu2022_toy",
        "embedding": "matrix",
        "embedding_dim": 3,
        "width": 13,
    },
    "transformer power": TRANSFORMER,
    "transformer nanda": {**TRANSFORMER, **NANDA},
    "vector_mlp": {"name": "vector_mlp", "width": 11},
    "tanh vector_mlp": {"name": "vector_mlp", "activation": "tanh", "width": 11},
    "quadratic_mlp batch norm": {"name": "quadratic_mlp", "width": 13, "norm": "batch"},
    "mlp batch norm": {**LEARNED, "activation": "tanh", "depth": 2, "width": 9, "norm": "batch"},
    "vector_mlp layer norm": {"name": "vector_mlp", "width": 11, "norm": "layer"},
    "lstm": {"name": "lstm", "embedding_dim": 3, "width": 5},
    "message_passing": {"name": "message_passing", "width": 7, "pooled_width": 6},
}


SWITCHES = ("warmup", "clip", "noise", "sphere", "dropout")


@dataclass(frozen=True)
class Case:
    """What the lanes of one pack have in common, and which options they use.

    `lr` and `clip` are the first lane's; `group` names the part of the model with `group_keys` of
    its own.
    """

    model: str
    task: str
    loss: str
    optim: str
    lr: float
    batch_size: int | None = None
    group: str | None = None
    group_keys: tuple[str, ...] = ("lr", "weight_decay")
    warmup: bool = False
    clip: float | None = None
    noise: bool = False
    sphere: bool = False
    dropout: bool = False

    @property
    def name(self) -> str:
        used = [self.model, self.loss, self.optim]
        used += [f"batches of {self.batch_size}"] if self.batch_size else []
        used += ["group"] if self.group else []
        used += [w for w in SWITCHES if getattr(self, w)]
        return ", ".join(used)

    @property
    def options(self) -> set[str]:
        """The options of training that this case uses."""
        used = {"minibatch" if self.batch_size else "full batch"}
        return used | {w for w in ("group", *SWITCHES) if getattr(self, w)}


CASES = (
    Case("quadratic_mlp", "x+y", "mse", "adamw", 0.01),
    Case("quadratic_mlp", "x*y", "cross_entropy", "sgd", 0.05, batch_size=10, warmup=True),
    Case("relu onehot", "x+y", "cross_entropy", "adam", 0.01, group="embedding"),
    Case("relu onehot", "x*y", "mse", "sgd", 0.5, clip=0.02, noise=True),
    Case("relu onehot sum deep", "x+y", "cross_entropy", "adamw", 0.01, batch_size=8, noise=True),
    Case("relu onehot sum deep", "x*y", "mse", "adam", 0.01, clip=0.02),
    Case("tanh onehot", "x-y", "mse", "adamw", 0.01, warmup=True, clip=0.02, group="readout"),
    Case("tanh onehot", "x-y", "cross_entropy", "sgd", 0.1),
    Case("gelu shared concat deep", "x-y", "cross_entropy", "adamw", 0.01, warmup=True),
    Case("gelu shared concat deep", "x*y", "mse", "adam", 0.01, batch_size=16),
    Case("tanh slots sum", "x*y", "mse", "sgd", 0.3, group="embedding"),
    Case("tanh slots sum", "x-y", "cross_entropy", "adam", 0.01, noise=True),
    Case("gelu slots concat", "x-y", "mse", "adamw", 0.01, group="hidden", group_keys=("lr",)),
    Case("gelu slots concat", "x+y", "cross_entropy", "sgd", 0.2, clip=0.1, warmup=True),
    Case("liu2022 vector", "addition", "mse", "adamw", 0.01, group="embedding"),
    Case("liu2022 vector", "addition", "mse", "adam", 0.01, warmup=True, batch_size=9),
    Case(
        "liu2022 matrix",
        "s3",
        "mse",
        "adamw",
        0.01,
        group="embedding",
        clip=0.1,
        group_keys=("weight_decay",),
    ),
    Case("liu2022 matrix", "s3", "mse", "sgd", 0.5, noise=True),
    Case("transformer power", "x+y", "cross_entropy", "adamw", 0.01, batch_size=12, warmup=True),
    Case("transformer power", "x-y", "cross_entropy", "sgd", 0.05, clip=0.3),
    Case("transformer nanda", "x-y", "cross_entropy", "adamw", 0.01, group="blocks"),
    Case("transformer nanda", "x+y", "mse", "adam", 0.01, warmup=True, batch_size=12),
    Case("vector_mlp", "clusters", "mse", "sgd", 0.5, group="hidden", noise=True),
    Case("vector_mlp", "clusters", "cross_entropy", "adamw", 0.01, batch_size=10),
    Case("tanh vector_mlp", "teacher", "mse", "adamw", 0.01, sphere=True, clip=0.1),
    Case("tanh vector_mlp", "teacher", "mse", "sgd", 0.1, noise=True),
    Case("message_passing", "graphs", "mse", "adamw", 0.01, batch_size=10, group="readout"),
    Case("message_passing", "graphs", "mse", "sgd", 0.02, noise=True, clip=0.5),
    Case("quadratic_mlp", "x+y", "mse", "adam", 0.01, sphere=True, batch_size=10, group="left"),
    Case("lstm", "texts", "cross_entropy", "adamw", 0.01, batch_size=9, clip=0.1),
    Case("lstm", "texts", "mse", "sgd", 0.3, group="recurrent", noise=True),
    # Under a batch norm, dropout of nearly all leaves gradients that cancel, whose rounding errors
    # Adam would make steps of.
    Case("quadratic_mlp batch norm", "x+y", "mse", "adamw", 0.01, batch_size=10),
    Case("quadratic_mlp batch norm", "x*y", "mse", "sgd", 0.1, dropout=True),
    Case("mlp batch norm", "x+y", "cross_entropy", "adamw", 0.01, group="norm"),
    Case("mlp batch norm", "x-y", "mse", "sgd", 0.1, batch_size=10, dropout=True),
    Case("vector_mlp layer norm", "clusters", "mse", "sgd", 0.1),
    Case("vector_mlp layer norm", "clusters", "cross_entropy", "adam", 0.01, dropout=True),
    Case("transformer power", "x+y", "cross_entropy", "adam", 0.01, dropout=True),
)

every_case = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])

# Trains to the budget, whatever happens.
NEVER_STOP = Watch(stop_train=None, stop_val=None)


def lanes(case: Case, count: int = 3, *, steps: int = 50, **train: Any) -> list[Run]:
    """Runs for one pack; `train` sets keys of the train section (eval_every, dtype, ...)."""
    return [run(_config(case, lane, {"steps": steps, **train})) for lane in range(count)]


def run(config: Config) -> Run:
    return Run(run_id(config), config, {}, {})


def with_config(old: Run, **sections: Any) -> Run:
    """The run with sections of its configuration replaced."""
    return run({**old.config, **sections})


def spread(lane: int) -> float:
    """From 0 towards 1, different for every lane, so that any number of lanes trains sensibly."""
    return lane / (lane + 3)


def dropout_of(lane: int) -> float:
    """From none to nearly all."""
    return (0.0, 0.3, 0.9)[lane] if lane < 3 else spread(lane)


def _config(case: Case, lane: int, train: Mapping[str, Any]) -> Config:
    noise = 0.2 + 0.3 * spread(lane) if case.noise else 0.0
    return {
        "task": {**TASKS[case.task], "label_noise": noise, **_threshold(case, lane)},
        "model": {
            **MODELS[case.model],
            **({"dropout": dropout_of(lane)} if case.dropout else {}),
            "init_scale": 1.1 + 0.5 * spread(lane),
        },
        "optim": _optim(case, lane),
        "train": {
            "batch_size": case.batch_size,
            "eval_every": 10,
            "dtype": "float64",
            "loss": case.loss,
            "vectorise": True,
            **train,
        },
        "seed": lane,
        "split_seed": 100 + lane,
    }


def _threshold(case: Case, lane: int) -> dict[str, float]:
    """Of a regression: about as wrong are many answers after 50 steps."""
    known = {"teacher": 6e-4, "graphs": 0.3}
    return {"error_threshold": known[case.task] * 9 ** spread(lane)} if case.task in known else {}


def _optim(case: Case, lane: int) -> dict[str, Any]:
    far = spread(lane)
    lr = case.lr * (1 + 0.5 * far)
    decay = (1.0 if case.optim == "adamw" else 1e-3) * (1 + 2 * far)
    own = {"lr": 0.7 * lr, "weight_decay": 2 * decay}
    return {
        "name": case.optim,
        "lr": lr,
        "weight_decay": decay,
        "betas": [0.9 + 0.09 * far, 0.98 + 0.019 * far],
        "eps": 1e-8 * (1 + far),
        "momentum": 0.9 - 0.5 * far,
        "warmup_steps": 4 + 3 * lane if case.warmup else 0,
        "fix_norm": case.sphere,
        "clip_norm": None if case.clip is None else case.clip * (1 + 2 * far),
        "groups": {case.group: {key: own[key] for key in case.group_keys}} if case.group else {},
    }


def small_map() -> list[Run]:
    """A small phase diagram with all four phases and cells on their boundaries.

    Runs of equal fraction stand together: they fit into one pack.
    """
    config = {
        "task": {**TASKS["x+y"], "p": 11, "label_noise": 0.0},
        "model": {"name": "quadratic_mlp", "width": 32, "init_scale": 1.0},
        "optim": {**_optim(CASES[0], 0), "lr": 0.02},
        "train": {
            "steps": 300,
            "batch_size": None,
            "eval_every": 5,
            "dtype": "float32",
            "loss": "mse",
            "vectorise": True,
        },
        "sweep": {
            "x": {"param": "task.train_fraction", "values": [0.75, 0.9]},
            "y": {"param": "optim.weight_decay", "values": [1.0, 3.0, 5.0, 10.0, 11.0]},
        },
        "seeds": 2,
    }
    return cells.runs(config)


MAP_RULE = Rule(gap=0.1)


def trained(
    runs: Sequence[Run],
    width: int,
    *,
    compiled: bool = False,
    watch: Watch = NEVER_STOP,
    given: Mapping[str, Given] | None = None,
    states: Mapping[str, dict[str, Any]] | None = None,
) -> dict[str, Outcome]:
    """How each run ended, by run_id; each outcome has the state of its last step."""
    with cpu_numerics():
        pack = Pack(runs, Mode(width, compiled), watch, given=given, states=states)
        ended = {outcome.run.run_id: outcome for outcome in outcomes(pack)}
    for outcome in ended.values():
        assert outcome.error is None, outcome.error
    return ended


def one_run(steps: int, **train: Any) -> Run:
    """A run that groks: it crosses both thresholds within 100 steps."""
    run = next(r for r in small_map() if r.config["task"]["train_fraction"] == 0.9)
    return with_config(run, train={**run.config["train"], "steps": steps, **train})


def of_sizes(run: Run, fractions: Iterable[float]) -> list[Run]:
    """The run with other training sets: each of these fractions of all examples."""
    return [
        with_config(run, task={**run.config["task"], "train_fraction": fraction})
        for fraction in fractions
    ]
