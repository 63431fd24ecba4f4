"""The loop that published grokking scripts are: one run at a time, nn.Module and torch.optim.AdamW.

The networks are written as those scripts write them: the quadratic MLP on dense one-hot vectors
(Gromov 2023, Doshi et al. 2023), the others on nn.Embedding, the transformer with all its tokens
through all its layers (Nanda et al. 2023). Kinder to the loop than some scripts are: data lie on
the device, minibatches are picked by index without a DataLoader, and nothing is printed.

Every network takes over the initial parameters of phasegrok's model of that name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, repeat

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.cases import EVAL_EVERY, Curve
from phasegrok.cells import Run
from phasegrok.engine import Given, Prepared, prepare

Params = Mapping[str, Tensor]
Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Examples:
    inputs: Tensor
    targets: Tensor
    labels: Tensor


class PlainLoop:
    """Trains runs one after another; what a run starts from is made beforehand."""

    def __init__(
        self, runs: Sequence[Run], *, device: str = "cpu", given: Mapping[str, Given] | None = None
    ):
        self.runs = len(runs)
        self.told: dict[str, object] = {"threads": torch.get_num_threads()}
        self._device = device
        self._starts = [prepare(run, (given or {}).get(run.run_id)) for run in runs]

    def train(self, steps: int) -> list[Curve]:
        """Every run from its start, `steps` steps far; what was measured of each."""
        return [train(start, steps, self._device) for start in self._starts]


def train(start: Prepared, steps: int, device: str) -> Curve:
    """One run."""
    config = start.run.config
    network = NETWORKS[config["model"]["name"]](start.params).to(device)
    inputs = network.encoded(start.inputs).to(device)
    codebook = None if start.codebook is None else start.codebook.to(device)
    loss_of = F.mse_loss if config["train"]["loss"] == "mse" else F.cross_entropy
    all_targets = targets(start).to(device)
    train_set, val_set = (
        Examples(inputs[part], all_targets[part], start.labels.to(device)[part])
        for part in (start.train_indices.to(device), (~start.in_train).to(device))
    )
    optimiser = adamw(network, start)
    batches = minibatches(start, device)

    def evaluated() -> list[float]:
        with torch.no_grad():
            parts = [measured(network, part, loss_of, codebook) for part in (train_set, val_set)]
            norm = torch.stack([p.square().sum() for p in network.parameters()]).sum().sqrt()
        (train_loss, train_acc), (val_loss, val_acc) = parts
        return [train_loss, val_loss, train_acc, val_acc, norm.item()]

    curve = [evaluated()]
    for step in range(1, steps + 1):
        positions = next(batches)
        x, y = train_set.inputs, train_set.targets
        if positions is not None:
            x, y = x[positions], y[positions]
        optimiser.zero_grad()
        loss_of(network(x), y).backward()
        optimiser.step()
        if step % EVAL_EVERY == 0:
            curve.append(evaluated())
    return curve


def adamw(network: nn.Module, start: Prepared) -> torch.optim.AdamW:
    """AdamW with the run's numbers; parts with their own in groups."""
    config = start.run.config["optim"]
    common = {"lr": config["lr"], "weight_decay": config["weight_decay"]}
    parts: dict[str, list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        parts.setdefault(name.partition(".")[0], []).append(parameter)
    groups = [{"params": parameters, **common, **config["groups"].get(part, {})}
              for part, parameters in parts.items()]  # fmt: skip
    return torch.optim.AdamW(groups, betas=tuple(config["betas"]), eps=config["eps"])


def minibatches(start: Prepared, device: str) -> Iterator[Tensor | None]:
    """Positions in the training set for each step; None: all of it."""
    size, examples = start.run.config["train"]["batch_size"], len(start.train_indices)
    if start.batches is not None:
        yield from cycle(start.batches.to(device))
    if size is None:
        yield from repeat(None)
        return
    while True:
        order = torch.randperm(examples, device=device)
        yield from order[: examples // size * size].split(size)


def targets(start: Prepared) -> Tensor:
    """What outputs are compared with: classes, one-hot vectors, or rows of the codebook."""
    if start.run.config["train"]["loss"] == "cross_entropy":
        return start.labels
    if start.codebook is not None:
        return start.codebook[start.labels]
    dtype = next(iter(start.params.values())).dtype
    return F.one_hot(start.labels).to(dtype)


def measured(
    network: nn.Module, part: Examples, loss_of: Loss, codebook: Tensor | None
) -> tuple[float, float]:
    """Loss and accuracy of one part of the dataset."""
    outputs = network(part.inputs)
    scores = outputs if codebook is None else -torch.cdist(outputs, codebook)
    right = scores.argmax(-1) == part.labels
    return loss_of(outputs, part.targets).item(), right.double().mean().item()


# --------------------------------------------------------------------------------- the networks


class Network(nn.Module):
    def encoded(self, inputs: Tensor) -> Tensor:
        """All inputs as the network takes them, made once."""
        return inputs


class QuadraticMLP(Network):
    def __init__(self, params: Params):
        super().__init__()
        self.symbols = len(params["left"])
        self.hidden = linear(torch.cat([params["left"], params["right"]]).T)
        self.readout = linear(params["readout"].T)

    def encoded(self, inputs: Tensor) -> Tensor:
        return F.one_hot(inputs, self.symbols).flatten(1).to(self.hidden.weight.dtype)

    def forward(self, x: Tensor) -> Tensor:
        return self.readout(self.hidden(x) ** 2)


class ReluMLP(Network):
    def __init__(self, params: Params):
        super().__init__()
        self.embedding = table(params["embedding.weight"][0])
        self.hidden = linear(params["hidden.0.weight"], params["hidden.0.bias"])
        self.readout = linear(params["readout.weight"], params["readout.bias"])

    def forward(self, x: Tensor) -> Tensor:
        return self.readout(F.relu(self.hidden(self.embedding(x).flatten(1))))


class Toy(Network):
    def __init__(self, params: Params):
        super().__init__()
        self.embedding = table(params["embedding"])
        layers = [linear(params[f"decoder.{i}.weight"], params[f"decoder.{i}.bias"])
                  for i in (0, 2, 4)]  # fmt: skip
        self.decoder = nn.Sequential(layers[0], nn.Tanh(), layers[1], nn.Tanh(), layers[2])

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(self.embedding(x).sum(1))


class VectorMLP(Network):
    def __init__(self, params: Params):
        super().__init__()
        weights = [key.removesuffix(".weight") for key in params if key.endswith(".weight")]
        layers = [linear(params[f"{key}.weight"], params[f"{key}.bias"]) for key in weights]
        between = [part for layer in layers[:-1] for part in (layer, nn.ReLU())]
        self.layers = nn.Sequential(*between, layers[-1])

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class Transformer(Network):
    def __init__(self, params: Params):
        super().__init__()
        inside = {key.removeprefix("blocks.0."): value for key, value in params.items()}
        self.embedding = table(params["embedding"])
        self.positions = nn.Parameter(params["positions"].clone())
        self.query = linear(inside["attention.query.weight"])
        self.key = linear(inside["attention.key.weight"])
        self.value = linear(inside["attention.value.weight"])
        self.out = linear(inside["attention.out.weight"])
        self.up = linear(inside["mlp.0.weight"], inside["mlp.0.bias"])
        self.down = linear(inside["mlp.2.weight"], inside["mlp.2.bias"])
        self.readout = linear(params["readout.weight"])
        self.heads = 4

    def encoded(self, inputs: Tensor) -> Tensor:
        equals = torch.full_like(inputs[:, :1], self.embedding.num_embeddings - 1)
        return torch.cat([inputs, equals], dim=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embedding(x) + self.positions
        split = [layer(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
                 for layer in (self.query, self.key, self.value)]  # fmt: skip
        query, key, value = split
        scores = query @ key.transpose(-1, -2) / math.sqrt(key.shape[-1])
        later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=x.device).triu(1)
        mixed = scores.masked_fill(later, -math.inf).softmax(-1) @ value
        x = x + self.out(mixed.transpose(1, 2).flatten(2))
        x = x + self.down(F.relu(self.up(x)))
        return self.readout(x)[:, -1]


def linear(weight: Tensor, bias: Tensor | None = None) -> nn.Linear:
    """A layer that starts from a copy of these."""
    layer = nn.Linear(*weight.T.shape, bias=bias is not None, dtype=weight.dtype)
    with torch.no_grad():
        layer.weight.copy_(weight)
        if bias is not None:
            layer.bias.copy_(bias)
    return layer


def table(weight: Tensor) -> nn.Embedding:
    """An embedding that starts from a copy of these rows."""
    return nn.Embedding.from_pretrained(weight.clone(), freeze=False)


NETWORKS: dict[str, Callable[[Params], Network]] = {
    "quadratic_mlp": QuadraticMLP,
    "mlp": ReluMLP,
    "liu2022_toy": Toy,
    "transformer": Transformer,
    "vector_mlp": VectorMLP,
}
