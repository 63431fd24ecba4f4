"""A decoder-only transformer that reads its answer at the last token.

Shapes: n examples, t tokens, q tokens that ask, D width, H heads.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from phasegrok.models import layers
from phasegrok.models.layers import LayerNorm
from phasegrok.models.mlp import Linear


class Attention(nn.Module):
    """Causal multi-head attention without biases; the last q tokens ask, all t tokens answer."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def _split(self, x: Tensor) -> Tensor:
        """[n, t, D] -> [n, H, t, D / H]."""
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def forward(self, asking: Tensor, x: Tensor) -> Tensor:
        """[n, q, D] and [n, t, D] -> [n, q, D]."""
        query, key, value = self.query(asking), self.key(x), self.value(x)
        query, key, value = self._split(query), self._split(key), self._split(value)
        # matmul and softmax: scaled_dot_product_attention has no batching rule under vmap.
        scores = query @ key.transpose(-1, -2) / math.sqrt(key.shape[-1])
        q, t = scores.shape[-2:]
        if q > 1:  # the last token alone may look at everything
            later = torch.ones(q, t, dtype=torch.bool, device=x.device).triu(t - q + 1)
            scores = scores.masked_fill(later, -math.inf)
        mixed = scores.softmax(dim=-1) @ value
        return self.out(mixed.transpose(1, 2).flatten(-2))


class Block(nn.Module):
    """Attention and a ReLU layer, each added to its input, then normalised if `norm` says so.

    Dropout is on what attention adds and on the hidden activations of the ReLU layer.
    """

    def __init__(
        self, width: int, heads: int, mlp_width: int, norm: str, bias: bool, dropout: float | None
    ):
        super().__init__()
        self.attention = Attention(width, heads)
        self.attention_norm = LayerNorm(width) if norm == "post" else nn.Identity()
        self.mlp = nn.Sequential(
            Linear(width, mlp_width, bias=bias),
            nn.ReLU(),
            Linear(mlp_width, width, bias=bias),
        )
        self.mlp_norm = LayerNorm(width) if norm == "post" else nn.Identity()
        self.attention_dropout = layers.dropout(dropout)
        self.mlp_dropout = layers.dropout(dropout)

    def forward(self, x: Tensor, asking: Tensor) -> Tensor:
        """[n, t, D] -> [n, q, D], the new values of the q last tokens, `asking`."""
        attended = self.attention_dropout(self.attention(asking, x))
        asking = self.attention_norm(asking + attended)
        into, activation, out = self.mlp
        hidden = self.mlp_dropout(activation(into(asking)))
        return self.mlp_norm(asking + out(hidden))


def sinusoids(tokens: int, width: int) -> Tensor:
    """[tokens, width]: sin(t / 10000^(i/D)) at even i, cos(t / 10000^((i-1)/D)) at odd i."""
    index = torch.arange(width)
    period = 10000.0 ** ((index - index % 2).double() / width)
    angle = torch.arange(tokens).unsqueeze(1) / period
    values = torch.where(index % 2 == 0, angle.sin(), angle.cos())
    return values.to(torch.get_default_dtype())


class Transformer(nn.Module):
    """Tokens of one equation in, the scores of its answer out.

    `tokens: power` reads [a, op, b, =] and `tokens: nanda` [a, b, =]; op and = are two further
    rows (one) of the embedding. The answer is read at "=", and only there: what the last block
    would compute for earlier tokens goes nowhere, so it is not computed.

    Power et al. 2022 (the defaults): 2 blocks, width 128, 4 heads, LayerNorm after each addition,
    no biases in linear layers, sinusoidal positions, separate embedding and readout, N(0, 1)
    embeddings, PyTorch's default for linear layers. Their 394,240 non-embedding parameters are
    all of the blocks', LayerNorm's scales and shifts included (393,216 weights + 4 x 256); neither
    table counts. Theirs reads a leading <eos> too, embeds the 239 tokens of all tasks and scores
    them all; this one has the symbols, op and =, and scores the answers alone.

    Nanda et al. 2023: tokens nanda, 1 block, norm none, positions learned, bias true, init nanda.
    Embedding, positions, attention and ReLU layer are N(0, 1) / sqrt(D), the readout N(0, 1) /
    sqrt(symbols + 1), biases 0. At p = 113 that paper's code has 226,816 parameters because it
    also scores "=" (114 outputs); with 113 outputs, as built for the task, it is 128 fewer.
    """

    def __init__(
        self,
        *,
        symbols: int,
        outputs: int,
        tokens: str,
        blocks: int,
        width: int,
        heads: int,
        mlp_width: int,
        norm: str,
        positions: str,
        bias: bool,
        init: str,
        dropout: float | None = None,
    ):
        super().__init__()
        self.symbols = symbols
        self.with_op = tokens == "power"
        length = 4 if self.with_op else 3
        self.embedding = nn.Parameter(torch.randn(symbols + length - 2, width))
        if positions == "learned":
            self.positions = nn.Parameter(torch.randn(length, width))
        else:
            self.register_buffer("positions", sinusoids(length, width), persistent=False)
        made = [Block(width, heads, mlp_width, norm, bias, dropout) for _ in range(blocks)]
        self.blocks = nn.ModuleList(made)
        self.readout = nn.Linear(width, outputs, bias=False)
        if init == "nanda":
            self._draw_as_nanda(width)

    @torch.no_grad()
    def _draw_as_nanda(self, width: int) -> None:
        vocabulary = len(self.embedding)
        self.embedding.div_(math.sqrt(width))
        if isinstance(self.positions, nn.Parameter):
            self.positions.div_(math.sqrt(width))
        for layer in self.blocks.modules():
            if isinstance(layer, nn.Linear):
                layer.weight.normal_(std=1 / math.sqrt(width))
                if layer.bias is not None:
                    layer.bias.zero_()
        self.readout.weight.normal_(std=1 / math.sqrt(vocabulary))

    def forward(self, pairs: Tensor) -> Tensor:
        a, b = self.embedding[pairs[:, 0]], self.embedding[pairs[:, 1]]
        equals = self.embedding[self.symbols].expand_as(a)
        if self.with_op:
            op = self.embedding[self.symbols + 1].expand_as(a)
            x = torch.stack([a, op, b, equals], dim=1) + self.positions
        else:
            x = torch.stack([a, b, equals], dim=1) + self.positions
        last = len(self.blocks) - 1
        for k, block in enumerate(self.blocks):
            # Not x[:, -1:]: compiled, its gradient would fit one size of the training set only.
            x = block(x, asking=x.unbind(1)[-1].unsqueeze(1) if k == last else x)
        return self.readout(x.flatten(1))
