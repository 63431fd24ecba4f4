"""Message passing on graphs, with a matrix for every edge.

Shapes: n graphs, N nodes with padding, E edge features, W width, O outputs.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from phasegrok.models.mlp import Linear, dense
from phasegrok.tasks.graphs import unpack


class EdgeConvolution(nn.Module):
    """x'_v = root x_v + bias + sum over neighbours u of matrix(e_uv) x_u (Gilmer et al. 2017).

    matrix is a network E-W-(inputs x outputs) of the edge's features. It is linear in its W hidden
    numbers, so the neighbours are first summed with those, [n, N, inputs, W], and no matrix of an
    edge, [n, N, N, inputs, outputs], is ever built.
    """

    def __init__(self, inputs: int, outputs: int, edge_features: int, width: int):
        super().__init__()
        self.edge = Linear(edge_features, width)
        self.matrix = nn.Linear(width, inputs * outputs)
        self.root = Linear(inputs, outputs)
        nn.init.zeros_(self.root.bias)  # as PyTorch Geometric's NNConv begins

    def forward(self, nodes: Tensor, edges: Tensor, joined: Tensor) -> Tensor:
        """[n, N, inputs], [n, N, N, E], [n, N, N] of 0 and 1 -> [n, N, outputs]"""
        # One more hidden number is 1, so that the matrices' bias is one of their weights.
        hidden = F.pad(F.relu(self.edge(edges)), (0, 1), value=1.0) * joined.unsqueeze(-1)
        summed = torch.einsum("nuvk,nui->nvik", hidden, nodes).flatten(-2)
        weight = torch.cat([self.matrix.weight, self.matrix.bias.unsqueeze(-1)], dim=-1)
        inputs, outputs = self.root.in_features, self.root.out_features
        weight = weight.reshape(inputs, outputs, -1).transpose(0, 1).flatten(1)
        return F.linear(summed, weight) + self.root(nodes)


class MessagePassing(nn.Module):
    """Two edge convolutions, a sum over the nodes, and a network P-W-O, with ReLU between.

    It is Omnigrok's network for QM9 (Liu et al. 2023): node_features-W-P, where W = 32 and P = 16.
    Initial weights are PyTorch's defaults.
    """

    def __init__(
        self,
        *,
        nodes: int,
        node_features: int,
        edge_features: int,
        outputs: int,
        width: int,
        pooled_width: int,
    ):
        super().__init__()
        self.sizes = nodes, node_features, edge_features
        self.convolutions = nn.ModuleList(
            [
                EdgeConvolution(node_features, width, edge_features, width),
                EdgeConvolution(width, pooled_width, edge_features, width),
            ]
        )
        self.readout = dense([pooled_width, width, outputs], bias=True)

    def forward(self, rows: Tensor) -> Tensor:
        """[n, k] as `phasegrok.tasks.graphs` lays out -> [n, O]"""
        x, edges = unpack(rows, *self.sizes)
        real, joined = ((part != 0).any(dim=-1).to(rows.dtype) for part in (x, edges))
        for convolution in self.convolutions:
            x = F.relu(convolution(x, edges, joined))
        x = (x * real.unsqueeze(-1)).sum(dim=-2)
        first, last = self.readout
        return last(F.relu(first(x)))
