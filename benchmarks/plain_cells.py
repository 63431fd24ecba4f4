"""Trains cells of the published figures plainly, in ways that differ in rounding alone.

    python -m benchmarks.plain_cells liu2022_s3                  # all that disagree in the study
    python -m benchmarks.plain_cells liu2022_s3 --cell 1e-2 30   # a cell of your choice

No lanes, no compiling: one network, torch.optim.AdamW, a loop. Float32 with one thread, with two
threads, with the training set in reverse order (the same sums in another order), and float64 are
one training on paper. Where they part, the step belongs to the rounding as much as to the recipe.
Results go to replays.csv of the study, which its claims read; what is there is not trained again.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import pandas as pd
import torch
from torch import Tensor

import phasegrok
from phasegrok.cells import Run, replaced
from phasegrok.engine import prepare
from phasegrok.phases import decide, needed
from tests.claim_values import disagreements
from tests.claims import SWEEPS, Study

# How a cell is trained: dtype, threads, whether the training set is in reverse order.
WAYS: dict[str, tuple[str, int, bool]] = {
    "one thread": ("float32", 1, False),
    "two threads": ("float32", 2, False),
    "reversed": ("float32", 1, True),
    "float64": ("float64", 1, False),
}
GAP = 1000


def plainly(run: Run, way: str) -> dict[str, Any]:
    """Train a run until both accuracies have reached 0.9 or its budget ends.

    Returns train_step and val_step (updates done; None: never), steps and phase.
    """
    dtype, threads, reverse = WAYS[way]
    torch.set_num_threads(threads)
    start = prepare(Run(run.run_id, replaced(run.config, {"train.dtype": dtype}), {}, {}))
    assert start.codebook is not None
    network, optim = start.module.to(start.codebook.dtype), run.config["optim"]
    network.load_state_dict(start.params)
    decoder = [value for name, value in network.named_parameters() if name != "embedding"]
    optimizer = torch.optim.AdamW(
        [{"params": [network.embedding], **optim["groups"]["embedding"]}, {"params": decoder}],
        lr=optim["lr"],
        weight_decay=optim["weight_decay"],
        betas=tuple(optim["betas"]),
        eps=optim["eps"],
    )
    order = start.train_indices.flip(0) if reverse else start.train_indices
    pairs, targets = start.inputs[order], start.codebook[start.labels[order]]
    sides = {"train": start.in_train, "val": ~start.in_train}
    crossings: dict[str, int | None] = dict.fromkeys(sides)
    step = 0
    while step < start.budget and None in crossings.values():
        optimizer.zero_grad()
        (network(pairs) - targets).square().mean().backward()
        optimizer.step()
        step += 1
        right = answers(network, start.inputs, start.codebook) == start.labels
        for side, examples in sides.items():
            enough = needed(0.9, int(examples.sum()))
            if crossings[side] is None and int(right[examples].sum()) >= enough:
                crossings[side] = step
    phase = decide(crossings["train"], crossings["val"], gap=GAP)
    return {**{f"{side}_step": at for side, at in crossings.items()}, "steps": step, "phase": phase}


@torch.no_grad()
def answers(network: torch.nn.Module, inputs: Tensor, codebook: Tensor) -> Tensor:
    """The class whose vector is nearest to each output, [examples]."""
    return (network(inputs).unsqueeze(1) - codebook).square().sum(dim=-1).argmin(dim=1)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("study")
    parser.add_argument("--cell", type=float, nargs=2, metavar=("LR", "DECAY"), action="append")
    parser.add_argument("--way", choices=WAYS, nargs="+", default=list(WAYS))
    options = parser.parse_args(arguments)
    study = Study(SWEEPS / options.study)
    file = study.folder / "replays.csv"
    rows = pd.read_csv(file).to_dict("records") if file.exists() else []
    done = {(row["optim.lr"], row["optim.weight_decay"], row["way"]) for row in rows}
    wanted = (
        options.cell
        or disagreements(study.folder, study.frame)[["optim.lr", "optim.weight_decay"]]
        .to_numpy()
        .tolist()
    )
    for run in phasegrok.runs(options.study):
        lr, decay = run.cell["optim.lr"], run.cell["optim.weight_decay"]
        if not any(abs(lr / a - 1) < 0.05 and decay == b for a, b in wanted):
            continue
        for way in options.way:
            if (lr, decay, way) in done:
                continue
            found = plainly(run, way)
            rows.append({"optim.lr": lr, "optim.weight_decay": decay, "way": way, **found})
            table = pd.DataFrame(rows).astype({"train_step": "Int64", "val_step": "Int64"})
            table.to_csv(file, index=False)
            print(f"{lr:.3e} {decay:5g} {way:12} {found}", flush=True)


if __name__ == "__main__":
    main()
