"""The toy of Liu et al. 2022: its sizes, its initial numbers, what it computes."""

import torch
from torch import nn

from phasegrok import models
from phasegrok.models.toy import Liu2022Toy
from tests.models.cases import all_pairs, build, close, of_pairs


def test_the_toy_has_the_published_sizes_and_initial_range():
    torch.manual_seed(0)
    module = models.build({"name": "liu2022_toy", "embedding_scale": 0.4}, of_pairs(10, 30))
    assert isinstance(module, Liu2022Toy)
    assert module.embedding.shape == (10, 1) and module.embedding.abs().max() <= 0.2
    weights = sum(p.numel() for p in module.decoder.parameters() if p.dim() == 2)
    assert weights == 46_200
    s3 = models.build(
        {"name": "liu2022_toy", "embedding": "matrix", "embedding_dim": 3}, of_pairs(6, 30)
    )
    assert isinstance(s3, Liu2022Toy)
    first = next(iter(s3.decoder.parameters()))
    assert s3.embedding.shape == (6, 3, 3) and first.shape == (200, 9)


def test_the_toy_draws_its_numbers_in_the_order_of_the_authors_code():
    torch.manual_seed(58)
    module = models.build({"name": "liu2022_toy"}, of_pairs(10, 30))
    torch.manual_seed(58)
    decoder = [nn.Linear(1, 200), nn.Linear(200, 200), nn.Linear(200, 30)]
    embedding = torch.rand(10, 1) - 0.5
    drawn = [embedding] + [p for layer in decoder for p in (layer.weight, layer.bias)]
    for ours, theirs in zip(module.parameters(), drawn, strict=True):
        assert torch.equal(ours, theirs)


def test_the_toy_adds_vectors_and_multiplies_matrices():
    vectors, matrices = build("liu2022 vector"), build("liu2022 matrix")
    assert isinstance(vectors, Liu2022Toy) and isinstance(matrices, Liu2022Toy)
    for (a, b), got in zip(all_pairs().tolist(), matrices(all_pairs()), strict=True):
        product = matrices.embedding[a] @ matrices.embedding[b]
        assert close(got, matrices.decoder(product.reshape(9)))
    # A sum does not know which came first; a matrix product does.
    swapped = all_pairs().flip(1)
    assert close(vectors(all_pairs()), vectors(swapped))
    assert not torch.allclose(matrices(all_pairs()), matrices(swapped))
