"""The recipe behind figures 6b and 6d of Liu et al. 2022 (arXiv 2205.10343), as code.

The authors drew targets, split and initial weights from numpy's and torch's global generators.
The same calls in the same order, written out here, give the same numbers today; a sweep gets them
by `draws: published`. So a cell of the published figures can be trained again through phasegrok's
engine and compared step by step. The published steps are in sweeps/, with our studies of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

import phasegrok
from analysis.liu2022 import read_published
from phasegrok import cells
from phasegrok.engine import Given, Mode, Outcome, Pack, Watch, cpu_numerics, outcomes

SWEEPS = Path(__file__).resolve().parents[1] / "sweeps"

NAN = float("nan")

WIDTH, TARGET_DIM = 200, 30

Cell = tuple[float, float]
Row = dict[str, Any]


@dataclass(frozen=True)
class Figure:
    """A published phase diagram: our sweep of it, the authors' own draws."""

    sweep: str
    draw: Callable[[], Given]


def addition() -> Given:
    """Figure 6b, seed 58: 19 target vectors, 45 of 55 pairs, 10 numbers as embeddings."""
    _seed_everything(58)
    np.random.normal(size=(10, TARGET_DIM))  # input templates, for an encoder that is not used
    targets = np.random.normal(size=(19, TARGET_DIM))
    train_indices = np.random.choice(55, 45, replace=False)
    _mlp(10, 1)  # the encoder that is not used
    decoder = _mlp(1, TARGET_DIM)
    embedding = torch.rand(10, 1) - 0.5
    return _given(targets, train_indices, decoder, embedding)


def s3() -> Given:
    """Figure 6d, seed 0: 6 target vectors, 24 of 36 pairs, 6 matrices of 3 x 3 as embeddings."""
    _seed_everything(0)
    targets = np.random.normal(size=(6, TARGET_DIM))
    train_indices = np.random.choice(36, 24, replace=False)
    _mlp(1, 9)  # the encoder that is not used
    decoder = _mlp(9, TARGET_DIM)
    embedding = torch.rand(6, 9) - 0.5
    return _given(targets, train_indices, decoder, embedding.reshape(6, 3, 3))


FIGURES = {
    "6b": Figure("liu2022_addition_regression", addition),
    "6d": Figure("liu2022_s3", s3),
}


def _seed_everything(seed: int) -> None:
    np.random.seed(seed)
    torch.manual_seed(seed)


def _mlp(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, WIDTH),
        nn.Tanh(),
        nn.Linear(WIDTH, WIDTH),
        nn.Tanh(),
        nn.Linear(WIDTH, outputs),
    )


def _given(
    targets: np.ndarray, train_indices: np.ndarray, decoder: nn.Sequential, embedding: Tensor
) -> Given:
    params = {f"decoder.{key}": value.detach() for key, value in decoder.named_parameters()}
    return Given(
        params={"embedding": embedding, **params}, train_indices=train_indices, codebook=targets
    )


def published(figure: str) -> pd.DataFrame:
    """The cells of a published figure, as `read_published` gives them."""
    return read_published(SWEEPS / FIGURES[figure].sweep / "published.csv")


def rows_of(figure: str) -> list[Row]:
    """The rows of `published` as dictionaries."""
    columns = published(figure)
    lines = zip(*(columns[name].tolist() for name in columns), strict=True)
    return [dict(zip(columns, line, strict=True)) for line in lines]


def find(figure: str, cell: Cell) -> Row:
    """The published row of a cell; two digits of its learning rate will do."""
    lr, weight_decay = cell
    (row,) = (
        row
        for row in rows_of(figure)
        if abs(row["optim.lr"] / lr - 1) < 0.05 and row["optim.weight_decay"] == weight_decay
    )
    return row


def replay(
    figure: str,
    chosen: Iterable[Cell],
    *,
    steps_if_never: int = 1000,
    lanes: int = 6,
    compiled: bool = False,
) -> Iterator[Row]:
    """Train published cells again in one pack of `lanes` lanes, each until it is decided.

    Args:
        chosen: (learning rate, weight decay) of the decoder.
        steps_if_never: steps to follow a cell that never crossed both thresholds.

    Yields:
        As cells end, their rows of `published` with `our_train_step`, `our_val_step` (NaN: never)
        and `our_steps` (done).
    """
    sweep_runs, rows = phasegrok.runs(FIGURES[figure].sweep), {}
    for row in (find(figure, cell) for cell in chosen):
        run = _run(sweep_runs, row, steps_to_follow(row, steps_if_never))
        rows[run.run_id] = (run, row)
    # Longest first, so that no lane is left alone at the end.
    runs = sorted((run for run, _ in rows.values()), key=lambda run: -run.config["train"]["steps"])
    pack = Pack(runs, Mode(min(lanes, len(runs)), compiled), Watch(points_per_decade=1))
    with cpu_numerics():
        for outcome in outcomes(pack):
            if outcome.error is not None:
                raise RuntimeError(outcome.error)
            yield rows[outcome.run.run_id][1] | _ours(outcome)


def _ours(outcome: Outcome) -> Row:
    train_step, val_step = outcome.row["train_step"], outcome.row["val_step"]
    return {
        "our_train_step": NAN if train_step is None else train_step,
        "our_val_step": NAN if val_step is None else val_step,
        "our_steps": outcome.row["steps"],
    }


def steps_to_follow(row: Row, steps_if_never: int) -> int:
    """Enough to see both crossings of a published cell, 10 % late if need be."""
    steps = row["train_step"], row["val_step"]
    return steps_if_never if any(map(math.isnan, steps)) else int(1.1 * max(steps)) + 10


def deviation(row: Row) -> float:
    """The larger relative difference of our two crossings from the published ones.

    0 where both are never, infinite where one is (for a published never: as far as followed).
    """
    return max(
        _relative(row["our_train_step"], row["train_step"]),
        _relative(row["our_val_step"], row["val_step"]),
    )


def _relative(ours: float, published: float) -> float:
    if math.isnan(ours) or math.isnan(published):
        return 0.0 if math.isnan(ours) and math.isnan(published) else math.inf
    return abs(ours / published - 1)


def _run(sweep_runs: Sequence[cells.Run], row: Row, steps: int) -> cells.Run:
    """The run of the shipped sweep at a published cell, with a budget of its own."""
    (run,) = (
        run
        for run in sweep_runs
        if math.isclose(run.cell["optim.lr"], row["optim.lr"], rel_tol=1e-9)
        and run.cell["optim.weight_decay"] == row["optim.weight_decay"]
    )
    return replace(run, config=cells.replaced(run.config, {"train.steps": steps}))
