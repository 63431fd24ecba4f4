"""Trains cells of the published figures plainly, in ways that differ in rounding alone.

    python -m benchmarks.plain_cells liu2022_s3                  # all that disagree in the study
    python -m benchmarks.plain_cells liu2022_s3 --cell 1e-2 30   # a cell of your choice

No lanes, no compiling: one network, torch.optim.AdamW, a loop. Float32 with one thread, with two
threads, with the training set in reverse order or its halves swapped (the same sums in another
order), with the last bits of the initial weights changed, and float64 are one training on paper.
Where they part, the step belongs to the rounding as much as to the recipe. A cell of which only the
training's crossing is in doubt is trained no further than that. Results go to replays.csv of the
study, which its claims read; what is there is not trained again.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import torch
from torch import Tensor

import phasegrok
from analysis.liu2022 import keyed
from phasegrok.cells import Run, replaced
from phasegrok.engine import prepare
from phasegrok.phases import decide, needed
from tests.claim_values import disagreements
from tests.claims import SWEEPS, Study


class Way(NamedTuple):
    """How a cell is trained; `last_bits` seeds a change of each initial weight in its last bit."""

    dtype: str = "float32"
    threads: int = 1
    order: Callable[[Tensor], Tensor] = torch.clone
    last_bits: int | None = None


WAYS = {
    "one thread": Way(),
    "two threads": Way(threads=2),
    "reversed": Way(order=lambda indices: indices.flip(0)),
    "halves swapped": Way(order=lambda indices: indices.roll(len(indices) // 2)),
    **{f"last bits {seed}": Way(last_bits=seed) for seed in range(1, 6)},
    "float64": Way(dtype="float64"),
}
GAP = 1000


def plainly(run: Run, way: str, until: Sequence[str] = ("train", "val")) -> dict[str, Any]:
    """Train a run until the accuracies named by `until` have reached 0.9 or its budget ends.

    Returns train_step and val_step (updates done; None: never), steps and, if it was trained until
    it is known, the phase.
    """
    chosen = WAYS[way]
    torch.set_num_threads(chosen.threads)
    start = prepare(Run(run.run_id, replaced(run.config, {"train.dtype": chosen.dtype}), {}, {}))
    assert start.codebook is not None
    network, optim = start.module.to(start.codebook.dtype), run.config["optim"]
    network.load_state_dict(start.params)
    if chosen.last_bits is not None:
        change_last_bits(network, chosen.last_bits)
    decoder = [value for name, value in network.named_parameters() if name != "embedding"]
    optimizer = torch.optim.AdamW(
        [{"params": [network.embedding], **optim["groups"]["embedding"]}, {"params": decoder}],
        lr=optim["lr"],
        weight_decay=optim["weight_decay"],
        betas=tuple(optim["betas"]),
        eps=optim["eps"],
    )
    order = chosen.order(start.train_indices)
    pairs, targets = start.inputs[order], start.codebook[start.labels[order]]
    sides = {"train": start.in_train, "val": ~start.in_train}
    crossings: dict[str, int | None] = dict.fromkeys(sides)
    step = 0
    while step < start.budget and any(crossings[side] is None for side in until):
        optimizer.zero_grad()
        (network(pairs) - targets).square().mean().backward()
        optimizer.step()
        step += 1
        right = answers(network, start.inputs, start.codebook) == start.labels
        for side, examples in sides.items():
            enough = needed(0.9, int(examples.sum()))
            if crossings[side] is None and int(right[examples].sum()) >= enough:
                crossings[side] = step
    known = step == start.budget or None not in crossings.values()
    phase = decide(crossings["train"], crossings["val"], gap=GAP) if known else None
    return {**{f"{side}_step": at for side, at in crossings.items()}, "steps": step, "phase": phase}


@torch.no_grad()
def change_last_bits(network: torch.nn.Module, seed: int) -> None:
    """Every weight to one of its two neighbours among the numbers there are."""
    draw = torch.Generator().manual_seed(seed)
    for weight in network.parameters():
        up = torch.rand(weight.shape, generator=draw) < 0.5
        infinity = torch.where(up, torch.inf, -torch.inf).to(weight)
        weight.copy_(torch.nextafter(weight, infinity))


@torch.no_grad()
def answers(network: torch.nn.Module, inputs: Tensor, codebook: Tensor) -> Tensor:
    """The class whose vector is nearest to each output, [examples]."""
    return (network(inputs).unsqueeze(1) - codebook).square().sum(dim=-1).argmin(dim=1)


def in_doubt(folder: Path, frame: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """Cells that disagree, each with the crossings that decide it; the shortest first."""
    cells = disagreements(folder, frame)
    agreed = cells["phase"] == cells["published.phase"]
    fit_alone = agreed & cells[["val_step", "published.val_step"]].isna().all(axis=1)
    trains, both = (["train_step", "published.train_step"], ["val_step", "published.val_step"])
    lengths = cells[trains].max(axis=1, skipna=False)
    lengths = lengths.where(fit_alone, cells[both].max(axis=1, skipna=False))
    order = lengths.sort_values().index  # those that never cross are the last
    return {cell: ("train",) if fit_alone[cell] else ("train", "val") for cell in order}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("study")
    parser.add_argument("--cell", type=float, nargs=2, metavar=("LR", "DECAY"), action="append")
    parser.add_argument("--way", choices=WAYS, nargs="+", default=list(WAYS))
    options = parser.parse_args(arguments)
    study = Study(SWEEPS / options.study)
    runs = phasegrok.runs(options.study)
    places = pd.DataFrame([run.cell for run in runs])
    at = dict(zip(keyed(places).index, runs, strict=True))
    cells = in_doubt(study.folder, study.frame)
    if options.cell:
        named = keyed(pd.DataFrame(options.cell, columns=list(places)))
        cells = {cell: cells.get(cell, ("train", "val")) for cell in named.index}
    file = study.folder / "replays.csv"
    table = pd.read_csv(file) if file.exists() else pd.DataFrame()
    done = set(zip(keyed(table).index, table["way"], strict=True)) if len(table) else set()
    for cell, way in itertools.product(cells, options.way):
        if (cell, way) not in done:
            found = plainly(at[cell], way, cells[cell])
            table = pd.concat([table, pd.DataFrame([{**at[cell].cell, "way": way, **found}])])
            table = table.astype({"train_step": "Int64", "val_step": "Int64"})
            table.to_csv(file, index=False)
            print(f"{cell:18} {way:12} {found}", flush=True)


if __name__ == "__main__":
    main()
