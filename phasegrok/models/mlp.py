"""Fully connected networks on pairs of symbols or on real vectors.

Shapes: n examples, S symbols, F features, W width, O outputs. A one-hot vector times a
matrix is a row of the matrix, so no one-hot vector is ever built for symbols: the first layer is
a table, looked up.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from phasegrok.models import layers


def gelu(x: Tensor) -> Tensor:
    """F.gelu; compiled, its backward pass would fit one size of the training set only."""
    if not torch.compiler.is_compiling():
        return F.gelu(x)
    return 0.5 * x * (1 + torch.erf(x * math.sqrt(0.5)))


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "gelu": gelu,
    "tanh": torch.tanh,
    "quadratic": torch.square,
}


class Linear(nn.Linear):
    """PyTorch's, for more than two dimensions: it adds its bias behind the product.

    PyTorch's own multiplies with the bias inside, which makes a compiled program look at the number
    of examples, so that it would serve one size of the training set only.
    """

    def forward(self, x: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        product = F.linear(x, self.weight)
        return product if self.bias is None else product + self.bias


def dense(widths: Sequence[int], bias: bool) -> nn.ModuleList:
    """Linear layers from each width to the next, with PyTorch's initial weights."""
    return nn.ModuleList([nn.Linear(m, n, bias=bias) for m, n in pairwise(widths)])


class QuadraticMLP(nn.Module):
    """f(a, b) = readout norm(dropout(left[a] + right[b])^2), without biases.

    Gromov 2023 (arXiv 2301.02679) and Doshi et al. 2023 (arXiv 2310.13061), who have dropout and
    batch normalisation in these places. Initial weights are N(0, s^2) with s = 0.5 / (2 W)^(1/3),
    which is 0.05 at their W = 500; with `init: analytic` they are `closed_form`.
    """

    def __init__(
        self,
        *,
        symbols: int,
        outputs: int,
        width: int,
        dropout: float | None,
        norm: str | None,
        init: str | None,
    ):
        super().__init__()
        if init == "analytic":
            left, right, readout = closed_form(symbols, width)
        else:
            std = 0.5 / (2 * width) ** (1 / 3)
            shapes = (symbols, width), (symbols, width), (width, outputs)
            left, right, readout = (std * torch.randn(*shape) for shape in shapes)
        self.left, self.right = nn.Parameter(left), nn.Parameter(right)
        self.readout = nn.Parameter(readout)
        self.dropout = layers.dropout(dropout)
        self.norm = layers.norm(norm, width)

    def forward(self, pairs: Tensor) -> Tensor:
        hidden = self.dropout(self.left[pairs[:, 0]] + self.right[pairs[:, 1]])
        # The same product, but of a matrix stored as nn.Linear stores its weight: then the gradient
        # is made as its transpose, whose rows are long; on a CPU that is faster by a third.
        return F.linear(self.norm(torch.square(hidden)), self.readout.T.contiguous())


def closed_form(p: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """Gromov's weights that add modulo p without training, [p, W], [p, W] and [W, p].

    A neuron is a wave of frequency k, uniform in 1..p/2, along each of the three, with phases f, g,
    uniform in (-pi, pi], and their sum: left cos(2 pi k a / p + f), right cos(2 pi k b / p + g),
    readout cos(2 pi k c / p + f + g). All times (2 / W)^(1/3), with which the output at the answer
    is 1 in the mean. Errors are of order 1 / sqrt(W).
    """
    k = torch.randint(1, p // 2 + 1, (width,))
    f, g = math.pi * (1 - 2 * torch.rand(2, width, dtype=torch.float64))
    angle = torch.outer(torch.arange(p), k).remainder(p).double() * (2 * math.pi / p)
    waves = [(angle + phase).cos() * (2 / width) ** (1 / 3) for phase in (f, g, f + g)]
    left, right, readout = (wave.to(torch.get_default_dtype()) for wave in waves)
    return left, right, readout.T.contiguous()


class PairTable(nn.Module):
    """Looks up a row for each of two symbols, in one table or one per slot, and joins them."""

    def __init__(self, weight: Tensor, combine: str, bias: Tensor | None = None):
        """`weight` is [1 or 2 slots, S, d]; `bias`, [d], is added to a sum of rows."""
        super().__init__()
        self.weight = nn.Parameter(weight)
        self.bias = None if bias is None else nn.Parameter(bias)
        self.combine = combine

    def forward(self, pairs: Tensor) -> Tensor:
        """[n, 2] -> [n, d], or [n, 2 d] where rows are concatenated."""
        left = self.weight[0][pairs[:, 0]]
        right = self.weight[-1][pairs[:, 1]]  # of a shared table, the same
        if self.combine == "concat":
            # Not torch.cat: vmap makes it look at n, and a compiled program would serve one n only.
            return torch.stack([left, right], dim=-2).flatten(-2)
        return left + right if self.bias is None else left + right + self.bias


def first_layer(symbols: int, width: int, combine: str, bias: bool) -> PairTable:
    """nn.Linear on one-hot vectors, with its initial numbers, as tables.

    On the two one-hot vectors concatenated, [2 S], its matrix is one table per slot; on their
    sum, [S], it is one table for both. Either way the two rows add up.
    """
    slots = 2 if combine == "concat" else 1
    dense = nn.Linear(slots * symbols, width, bias=bias)
    tables = dense.weight.detach().T.reshape(slots, symbols, width).contiguous()
    return PairTable(tables, "sum", dense.bias.detach() if bias else None)


class Perceptron(nn.Module):
    """What is the same in those below: norm, activation and dropout after each hidden layer.

    Layers before a batch norm have no bias, for it takes away what is the same for all examples:
    such a bias would get rounding errors for gradients, which Adam makes steps of.
    """

    activation: Callable[[Tensor], Tensor]
    norm: nn.ModuleList
    dropout: nn.ModuleList

    def add_around_activations(
        self, depth: int, width: int, activation: str, dropout: float | None, norm: str | None
    ) -> None:
        self.activation = ACTIVATIONS[activation]
        self.norm = nn.ModuleList([layers.norm(norm, width) for _ in range(depth)])
        self.dropout = nn.ModuleList([layers.dropout(dropout) for _ in range(depth)])

    def activated(self, layer: int, x: Tensor) -> Tensor:
        return self.dropout[layer](self.activation(self.norm[layer](x)))


class MLP(Perceptron):
    """`depth` hidden layers of `width`, on one-hot vectors or learned embeddings of the symbols.

    `embedding: onehot` makes the first hidden layer the part `embedding`, bias included, and the
    others `hidden`; `embedding_dim` and `shared` do not matter then. `embedding: learned` has
    tables drawn from N(0, 1), one per slot or shared. `combine` concatenates or sums the two
    vectors. Initial weights are PyTorch's defaults.
    """

    def __init__(
        self,
        *,
        symbols: int,
        outputs: int,
        width: int,
        depth: int,
        activation: str,
        embedding: str,
        embedding_dim: int,
        shared: bool,
        combine: str,
        bias: bool,
        dropout: float | None = None,
        norm: str | None = None,
    ):
        super().__init__()
        self.onehot = embedding == "onehot"
        if self.onehot:
            self.embedding = first_layer(symbols, width, combine, bias and norm != "batch")
            widths = [width] * depth
        else:
            tables = torch.randn(1 if shared else 2, symbols, embedding_dim)
            self.embedding = PairTable(tables, combine)
            joined = embedding_dim * (2 if combine == "concat" else 1)
            widths = [joined] + [width] * depth
        self.hidden = dense(widths, bias and norm != "batch")
        self.readout = nn.Linear(width, outputs, bias=bias)
        self.add_around_activations(depth, width, activation, dropout, norm)

    def forward(self, pairs: Tensor) -> Tensor:
        x = self.embedding(pairs)
        if self.onehot:
            x = self.activated(0, x)
        for k, layer in enumerate(self.hidden, start=int(self.onehot)):
            x = self.activated(k, layer(x))
        return self.readout(x)


class VectorMLP(Perceptron):
    """`depth` hidden layers of `width` on real vectors: features-width-...-width-outputs."""

    def __init__(
        self,
        *,
        features: int,
        outputs: int,
        width: int,
        depth: int,
        activation: str,
        bias: bool,
        dropout: float | None = None,
        norm: str | None = None,
    ):
        super().__init__()
        self.hidden = dense([features] + [width] * depth, bias and norm != "batch")
        self.readout = nn.Linear(width, outputs, bias=bias)
        self.add_around_activations(depth, width, activation, dropout, norm)

    def forward(self, vectors: Tensor) -> Tensor:
        """[n, F] -> [n, O]"""
        x = vectors
        for k, layer in enumerate(self.hidden):
            x = self.activated(k, layer(x))
        return self.readout(x)
