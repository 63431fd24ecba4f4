"""The transformers: their published sizes and initial numbers, and what they compute."""

import itertools
import math

import pytest
import torch
from torch import nn

from phasegrok import models
from phasegrok.models.transformer import Attention, Block, Transformer, sinusoids
from tests.models.cases import NANDA, SYMBOLS, all_pairs, build, close, of_pairs


def numel(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_the_two_block_transformer_of_power_has_its_394240_parameters():
    module = models.build({"name": "transformer"}, of_pairs(97, 97))
    assert isinstance(module, Transformer)
    assert numel(module.blocks) == 394_240
    assert numel(module) == 394_240 + (97 + 2) * 128 + 97 * 128


def test_the_transformer_of_nanda_has_its_226816_parameters_where_it_scores_equals_too():
    assert numel(models.build(NANDA, of_pairs(113, 114))) == 226_816
    assert numel(models.build(NANDA, of_pairs(113, 113))) == 226_816 - 128


def test_the_transformer_of_nanda_starts_as_published():
    torch.manual_seed(0)
    module = models.build(NANDA, of_pairs(113, 113))
    for key, value in module.named_parameters():
        if key.endswith("bias"):
            assert not value.any()
        else:
            fan = 114 if key.startswith("readout") else 128
            assert value.std().item() == pytest.approx(1 / math.sqrt(fan), rel=0.06), key


def test_the_transformer_of_power_starts_as_published():
    torch.manual_seed(0)
    module = models.build({"name": "transformer"}, of_pairs(97, 97))
    assert isinstance(module, Transformer)
    assert module.embedding.std().item() == pytest.approx(1, rel=0.03)
    assert not isinstance(module.positions, nn.Parameter)
    for key, value in module.named_parameters():
        if value.dim() == 2 and key != "embedding":  # uniform in 1 / sqrt(fan in)
            assert value.abs().max().item() == pytest.approx(value.shape[1] ** -0.5, rel=0.01)


def test_sinusoidal_positions_alternate_sine_and_cosine():
    table = sinusoids(4, 6)
    for t, i in itertools.product(range(4), range(6)):
        angle = t / 10000 ** ((i - i % 2) / 6)
        expected = math.sin(angle) if i % 2 == 0 else math.cos(angle)
        assert table[t, i].item() == pytest.approx(expected, abs=1e-6)


def test_attention_agrees_with_torchs_own_under_a_causal_mask():
    torch.manual_seed(0)
    attention, x = Attention(8, 2).double(), torch.randn(3, 4, 8, dtype=torch.float64)
    oracle = nn.MultiheadAttention(8, 2, bias=False, batch_first=True).double()
    with torch.no_grad():
        joined = [attention.query.weight, attention.key.weight, attention.value.weight]
        oracle.in_proj_weight.copy_(torch.cat(joined))
        oracle.out_proj.weight.copy_(attention.out.weight)
    mask = nn.Transformer.generate_square_subsequent_mask(4, dtype=torch.float64)
    expected, _ = oracle(x, x, x, attn_mask=mask, need_weights=False)
    assert close(attention(x, x), expected)
    assert close(attention(x[:, -1:], x), expected[:, -1:])


@pytest.mark.parametrize("name", ["transformer power", "transformer nanda"])
def test_the_transformer_is_a_plain_one_that_computes_every_position(name):
    """The shortcut of the last block against the model as it is usually written."""
    module = build(name)
    assert isinstance(module, Transformer)
    a, b = all_pairs().T
    equals, op = torch.full_like(a, SYMBOLS), torch.full_like(a, SYMBOLS + 1)
    row = [a, op, b, equals] if name == "transformer power" else [a, b, equals]
    x = module.embedding[torch.stack(row, dim=1)] + module.positions
    for block in module.blocks:
        assert isinstance(block, Block)
        x = block.attention_norm(x + block.attention(x, x))
        x = block.mlp_norm(x + block.mlp(x))
    assert close(module(all_pairs()), module.readout(x)[:, -1])
