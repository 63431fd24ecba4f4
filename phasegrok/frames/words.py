"""The words for keys and values, on axes and in captions."""

from __future__ import annotations

import re
from typing import Any

from phasegrok import observables

# The field's names, with units where there are any. A key that is not here shows itself.
LABELS = {
    "task.name": "task",
    "task.operation": "operation",
    "task.p": "p (number of symbols)",
    "task.pairs": "pairs",
    "task.train_fraction": "training fraction",
    "task.label_noise": "label noise (fraction)",
    "task.data_seed": "data seed",
    "task.error_threshold": "error threshold",
    "model.name": "model",
    "model.width": "width (neurons)",
    "model.depth": "depth (hidden layers)",
    "model.blocks": "blocks",
    "model.heads": "attention heads",
    "model.mlp_width": "MLP width (neurons)",
    "model.activation": "activation",
    "model.embedding_dim": "embedding dimension",
    "model.embedding_scale": "embedding scale",
    "model.dropout": "dropout rate",
    "model.norm": "normalisation",
    "model.init_scale": "initialisation scale α",
    "optim.name": "optimiser",
    "optim.lr": "learning rate",
    "optim.weight_decay": "weight decay",
    "optim.momentum": "momentum",
    "optim.betas": "β",
    "optim.betas.0": "β₁",
    "optim.betas.1": "β₂",
    "optim.eps": "ε",
    "optim.warmup_steps": "warm-up (steps)",
    "optim.clip_norm": "largest gradient norm",
    "optim.fix_norm": "fixed weight norm",
    "train.steps": "budget (steps)",
    "train.batch_size": "batch size (examples)",
    "train.eval_every": "evaluation interval (steps)",
    "train.dtype": "precision",
    "train.loss": "loss",
    "seed": "seed",
    "split_seed": "split seed",
}

_GROUP = re.compile(r"optim\.groups\.(.+)\.(lr|weight_decay)")


def label(key: str) -> str:
    """The words for a dotted key on an axis; the key itself if there are none."""
    if found := _GROUP.fullmatch(key):
        return f"{label(f'optim.{found[2]}')} of {found[1]}"
    return LABELS.get(key) or observables.named(key) or key


def value_text(value: Any, key: str = "") -> str:
    """One value as a reader would write it."""
    if value is None:
        return "full batch" if key == "train.batch_size" else "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return f"({', '.join(value_text(item) for item in value)})"
    return f"{value:g}" if isinstance(value, float) else str(value)
