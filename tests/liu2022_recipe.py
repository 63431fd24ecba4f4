"""The recipe behind figures 6b and 6d of Liu et al. 2022 (arXiv 2205.10343), as code.

The authors drew targets, split and initial weights from numpy's and torch's global generators.
The same calls in the same order give the same numbers today, so that a cell of the published
figures can be trained again through phasegrok's engine and compared step by step. The published
steps are in data/liu2022.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

import phasegrok
from phasegrok import cells
from phasegrok.engine import Given

DATA = Path(__file__).parent / "data" / "liu2022"

# Steps the authors trained; a crossing that never came is stored as the last step's index.
BUDGET = 100_000
NEVER = BUDGET - 1

WIDTH, TARGET_DIM = 200, 30

Cell = tuple[float, float]


@dataclass(frozen=True)
class Figure:
    """A published phase diagram: our sweep of it, the published steps, the authors' draws."""

    sweep: str
    csv: str
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
    "6b": Figure("liu2022_addition_regression", "addition_regression.csv", addition),
    "6d": Figure("liu2022_s3", "s3_regression.csv", s3),
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
    """The published cells, one row each, in the words of phasegrok.

    Columns: optim.lr, optim.weight_decay, train_step, val_step (updates done; NaN: never), steps,
    status, phase (the label that the authors' formula gives). The authors counted steps from 0
    and looked after the update, so that their step is one less than the updates done.
    """
    table = pd.read_csv(DATA / FIGURES[figure].csv)
    steps = table[["train_step", "test_step"]]
    steps = steps.where(steps != NEVER) + 1
    return pd.DataFrame(
        {
            "optim.lr": table["decoder_lr"],
            "optim.weight_decay": table["decoder_wd"].astype(float),
            "train_step": steps["train_step"],
            "val_step": steps["test_step"],
            "steps": BUDGET,
            "status": "finished",
            "phase": table["phase"],
        }
    )


def find(frame: pd.DataFrame, cell: Cell) -> pd.Series:
    """The row of a cell; its learning rate may be given with two digits (the grid has 5/decade)."""
    lr, weight_decay = cell
    near = (frame["optim.lr"] / lr - 1).abs() < 0.05
    rows = frame[near & (frame["optim.weight_decay"] == weight_decay)]
    if len(rows) != 1:
        raise KeyError(f"{len(rows)} published cells at lr {lr:g}, weight decay {weight_decay:g}")
    return rows.iloc[0]


def replay(
    figure: str, chosen: Sequence[Cell], *, steps_if_never: int = 1000, lanes: int = 6
) -> pd.DataFrame:
    """Train published cells again in one pack of `lanes` lanes, each until it is decided.

    Args:
        chosen: (learning rate, weight decay) of the decoder.
        steps_if_never: steps to follow a cell that never crossed both thresholds.

    Returns:
        The rows of `published` with our `train`, `val` and `trained` (steps done) beside them.
    """
    known, given = published(figure), FIGURES[figure].draw()
    rows = [find(known, cell) for cell in chosen]
    budgets = [steps_to_follow(row, steps_if_never) for row in rows]
    sweep_runs = phasegrok.runs(FIGURES[figure].sweep)
    runs = [_run(sweep_runs, row, steps) for row, steps in zip(rows, budgets, strict=True)]
    # Longest first, so that no lane is left alone at the end.
    order = sorted(runs, key=lambda run: -run.config["train"]["steps"])
    result = phasegrok.train(
        order,
        lanes=lanes,
        given={run.run_id: given for run in runs},
        rule=phasegrok.Rule(gap=1000),
        curve_points_per_decade=1,
    ).set_index("run_id")
    result = result.loc[[run.run_id for run in runs]]
    ours = {"train": "train_step", "val": "val_step", "trained": "steps"}
    table = pd.DataFrame(rows).reset_index(drop=True)
    return table.assign(**{name: result[column].to_numpy(float) for name, column in ours.items()})


def steps_to_follow(row: pd.Series, steps_if_never: int) -> int:
    """Enough to see both crossings of a published cell, 5 % late if need be."""
    last = max(row["train_step"], row["val_step"])
    never = np.isnan(row["train_step"]) or np.isnan(row["val_step"])
    return steps_if_never if never else int(1.05 * last) + 10


def _run(sweep_runs: Sequence[cells.Run], row: pd.Series, steps: int) -> cells.Run:
    """The run of the shipped sweep at a published cell, with a budget of its own."""
    (run,) = (
        run
        for run in sweep_runs
        if np.isclose(run.cell["optim.lr"], row["optim.lr"], rtol=1e-9)
        and run.cell["optim.weight_decay"] == row["optim.weight_decay"]
    )
    return replace(run, config=cells.replaced(run.config, {"train.steps": steps}))
