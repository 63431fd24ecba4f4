"""The toy network of Liu et al. 2022 (arXiv 2205.10343, section 3): Dec(E_a o E_b)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Liu2022Toy(nn.Module):
    """Learned embeddings, combined by a fixed rule, and a tanh decoder in-W-W-outputs.

    `embedding: vector` adds two vectors of `embedding_dim` numbers (1 in the paper's addition);
    `embedding: matrix` multiplies two square matrices of that size, E_a E_b, and reads the
    product as a vector (3 in the paper's S3). Embeddings are uniform in [-s/2, s/2] with s =
    `embedding_scale`; the decoder has PyTorch's default initial weights. The decoder is drawn
    before the embeddings, as in the authors' code. With `draws: published` so is the encoder
    before it that their code built and did not use: from their seed come their random numbers.
    """

    def __init__(
        self,
        *,
        symbols: int,
        outputs: int,
        embedding: str,
        embedding_dim: int,
        embedding_scale: float,
        width: int,
        draws: str | None,
    ):
        super().__init__()
        self.matrices = embedding == "matrix"
        shape = (embedding_dim, embedding_dim) if self.matrices else (embedding_dim,)
        features = embedding_dim ** len(shape)
        if draws == "published":
            _tanh_mlp(1 if self.matrices else symbols, width, features)
        decoder = _tanh_mlp(features, width, outputs)
        self.embedding = nn.Parameter(embedding_scale * (torch.rand(symbols, *shape) - 0.5))
        self.decoder = decoder

    def forward(self, pairs: Tensor) -> Tensor:
        left, right = self.embedding[pairs[:, 0]], self.embedding[pairs[:, 1]]
        combined = (left @ right).flatten(1) if self.matrices else left + right
        return self.decoder(combined)


def _tanh_mlp(inputs: int, width: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, width),
        nn.Tanh(),
        nn.Linear(width, width),
        nn.Tanh(),
        nn.Linear(width, outputs),
    )
