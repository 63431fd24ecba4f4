"""A recurrent network that reads a text to its end (Hochreiter and Schmidhuber's LSTM).

Shapes: n examples, T tokens, D embedding_dim, W width.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class LSTM(nn.Module):
    """Embedding, `layers` LSTM layers of `width`, and a linear readout of the last step.

    Initial weights are PyTorch's: N(0, 1) for the embedding, uniform within 1 / sqrt(W) for the
    rest. `recurrent` holds what nn.LSTM holds, under its names: weight_ih_lK [4 W, in],
    weight_hh_lK [4 W, W], bias_ih_lK and bias_hh_lK [4 W], rows in the order of gates input,
    forget, cell, output. Padding is a token like any other, with an embedding that is trained.
    """

    def __init__(
        self,
        *,
        symbols: int,
        length: int,
        outputs: int,
        embedding_dim: int,
        width: int,
        layers: int,
    ):
        super().__init__()
        self.embedding = nn.Parameter(torch.randn(symbols, embedding_dim))
        drawn = nn.LSTM(embedding_dim, width, layers).named_parameters()
        self.recurrent = nn.ParameterDict(drawn)
        self.layers = layers
        self.readout = nn.Linear(width, outputs)

    def forward(self, tokens: Tensor) -> Tensor:
        """int64 [n, T] -> [n, outputs]"""
        steps: Sequence[Tensor] = self.embedding[tokens.T].unbind(0)
        for layer in range(self.layers):
            steps = self.states(layer, steps)
        return self.readout(steps[-1])

    def states(self, layer: int, steps: Sequence[Tensor]) -> list[Tensor]:
        """T times [n, in] -> T times [n, W].

        By hand, because nn.LSTM takes 2.5 to 4 times as long under vmap. And each step by itself:
        compiled, a product of all would fit one size of the training set only.
        """
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        enters, recurs, bias, bias_too = (self.recurrent[f"{name}_l{layer}"] for name in names)
        bias = bias + bias_too
        states: list[Tensor] = []
        cell: Tensor | None = None
        for step in steps:
            gates = F.linear(step, enters, bias)
            if states:
                gates = gates + F.linear(states[-1], recurs)
            enter, keep, new, show = gates.unflatten(-1, (4, -1)).unbind(-2)
            entered = enter.sigmoid() * new.tanh()
            cell = entered if cell is None else keep.sigmoid() * cell + entered
            states.append(show.sigmoid() * cell.tanh())
        return states
