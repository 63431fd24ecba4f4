"""The whole idea on one page, in plain PyTorch: train a small map, classify it, draw it.

    python analysis/minimal.py [PICTURE]          (16 runs, under a minute; default minimal.png)

phasegrok does the same to thousands of runs at once; the names here are the names there. The
network is that of Gromov 2023 (arXiv 2301.02679), the rule Table 1 of Liu et al. 2022 (2205.10343).
"""

import sys

import torch
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from torch import Tensor

PHASE_COLORS = {"comprehension": "#35B779", "grokking": "#FDE725", "memorization": "#3E4A89",
                "confusion": "#1E1E1E", "val_only": "#E8A33D"}  # fmt: skip


def make_data(p: int) -> tuple[Tensor, Tensor]:
    """The whole addition table modulo p: inputs [p*p, 2] and labels [p*p]."""
    inputs = torch.cartesian_prod(torch.arange(p), torch.arange(p))
    return inputs, inputs.sum(dim=1) % p


def initial_parameters(p: int, width: int, init_scale: float, seed: int) -> dict[str, Tensor]:
    """Both layers from N(0, s^2), s = 0.5 / (2 width)^(1/3), times init_scale."""
    generator = torch.Generator().manual_seed(seed)
    std = init_scale * 0.5 / (2 * width) ** (1 / 3)
    shapes = {"left": (p, width), "right": (p, width), "readout": (width, p)}
    return {name: std * torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def split(p: int, train_fraction: float, seed: int) -> Tensor:
    """The examples to train on, [n_train]; a larger fraction of the same seed holds a smaller."""
    order = torch.randperm(p * p, generator=torch.Generator().manual_seed(seed))
    return order[: round(train_fraction * p * p)]


def forward(parameters: dict[str, Tensor], inputs: Tensor) -> Tensor:
    """A quadratic network without biases: pairs [n, 2] -> outputs [n, p]."""
    hidden = parameters["left"][inputs[:, 0]] + parameters["right"][inputs[:, 1]]
    return hidden**2 @ parameters["readout"]


def train_one(parameters: dict[str, Tensor], train_indices: Tensor, *, weight_decay: float,
              lr: float = 0.01, betas: tuple[float, float] = (0.9, 0.98), steps: int = 2000,
              eval_every: int = 5, accuracy: float = 0.9,
              ) -> tuple[int | None, int | None, dict[str, Tensor]]:  # fmt: skip
    """Train one network on the full batch; look at it before the first step and every eval_every.

    Returns train_step and val_step, the first steps at which `accuracy` of the training and of the
    other examples are answered correctly (None: not within `steps`), and the final parameters.
    """
    parameters = {k: v.detach().clone().requires_grad_() for k, v in parameters.items()}
    p, dtype = parameters["left"].shape[0], parameters["left"].dtype
    inputs, labels = make_data(p)
    targets = torch.nn.functional.one_hot(labels, p).to(dtype)
    in_train = torch.zeros(p * p, dtype=torch.bool)
    in_train[train_indices] = True
    weights = list(parameters.values())
    optimizer = torch.optim.AdamW(weights, lr=lr, betas=betas, weight_decay=weight_decay)
    train_step = val_step = None
    for step in range(steps + 1):
        if step % eval_every == 0 or step == steps:
            with torch.no_grad():
                correct = forward(parameters, inputs).argmax(dim=1) == labels
            if train_step is None and correct[in_train].double().mean() >= accuracy:
                train_step = step
            if val_step is None and correct[~in_train].double().mean() >= accuracy:
                val_step = step
            if step == steps or (train_step is not None and val_step is not None):
                break  # decided: no later step can change a first crossing
        loss = ((forward(parameters, inputs[train_indices]) - targets[train_indices]) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return train_step, val_step, {k: v.detach() for k, v in parameters.items()}


def classify(train_step: int | None, val_step: int | None, gap: float) -> str:
    """The phase of a run from its two first crossings; `gap` in steps."""
    if train_step is None:
        return "confusion" if val_step is None else "val_only"
    if val_step is None:
        return "memorization"  # within the budget: censored, not proven unable
    return "comprehension" if val_step - train_step < gap else "grokking"


Map = dict[tuple[float, float], str]  # (train_fraction, weight_decay) -> phase


def draw(phase: Map, picture: str) -> None:
    """One coloured square for every cell."""
    train_fractions, weight_decays = (sorted(set(values)) for values in zip(*phase, strict=True))
    names = list(PHASE_COLORS)
    codes = [[names.index(phase[f, w]) for f in train_fractions] for w in weight_decays]
    colors = ListedColormap(list(PHASE_COLORS.values()))
    figure = Figure(figsize=(5.6, 3.2), layout="constrained")
    ax = figure.subplots()
    ax.imshow(codes, cmap=colors, vmin=0, vmax=len(names) - 1, origin="lower", aspect="auto")
    ax.set_xticks(range(len(train_fractions)), [f"{f:g}" for f in train_fractions])
    ax.set_yticks(range(len(weight_decays)), [f"{w:g}" for w in weight_decays])
    ax.set(xlabel="training fraction", ylabel="weight decay")
    for name, color in PHASE_COLORS.items():
        if name in phase.values():
            ax.scatter([], [], marker="s", color=color, label=name)
    figure.legend(loc="outside right upper", frameon=False)
    figure.savefig(picture)


def main(picture: str = "minimal.png", train_fractions=(0.3, 0.5, 0.7, 0.9),
         weight_decays=(0.1, 1, 3, 30), *, p: int = 23, width: int = 128, init_scale: float = 3,
         steps: int = 2000, gap: float = 0.05, seed: int = 0) -> Map:  # fmt: skip
    """Train every cell, print and draw its phase. `gap` is a share of `steps`, the budget."""
    phase = {}
    for weight_decay in weight_decays:
        for train_fraction in train_fractions:
            parameters = initial_parameters(p, width, init_scale, seed)
            train_indices = split(p, train_fraction, seed)
            train_step, val_step, _ = train_one(
                parameters, train_indices, weight_decay=weight_decay, steps=steps
            )
            name = phase[train_fraction, weight_decay] = classify(train_step, val_step, gap * steps)
            print(f"{train_fraction=} {weight_decay=} {train_step=} {val_step=} {name}", flush=True)
    draw(phase, picture)
    return phase


if __name__ == "__main__":
    main(*sys.argv[1:2])
