"""Quadratic MLP, MLP on pairs of symbols, MLP on vectors: what they compute, how they start."""

import pytest
import torch
from torch import Tensor, nn

from phasegrok import models
from phasegrok.circuits import neuron_ipr
from phasegrok.models.mlp import MLP, PairTable, QuadraticMLP
from tests.models.cases import (
    FEATURES,
    OUTPUTS,
    PAIRS,
    SYMBOLS,
    VECTORS,
    all_pairs,
    build,
    close,
    mlp,
    of_pairs,
    some_vectors,
)


def onehots(symbols: int = SYMBOLS) -> tuple[Tensor, Tensor]:
    eye = torch.eye(symbols, dtype=torch.float64)
    return eye[all_pairs(symbols)[:, 0]], eye[all_pairs(symbols)[:, 1]]


def test_the_quadratic_mlp_is_the_published_formula_on_onehot_vectors():
    module = build("quadratic_mlp")
    assert isinstance(module, QuadraticMLP)
    left, right = onehots()
    expected = (left @ module.left + right @ module.right) ** 2 @ module.readout
    assert close(module(all_pairs()), expected)


# Mean accuracy over three draws; p, width -> measured by hand in NumPy (Gromov 2023, closed form).
CLOSED_FORM = {
    (97, 16): 0.21, (97, 32): 0.60, (97, 64): 0.956, (97, 128): 1.00,
    (31, 16): 0.56, (31, 32): 0.82, (31, 64): 0.97, (31, 128): 1.00,
    (23, 16): 0.45, (23, 32): 0.84, (23, 64): 0.98, (23, 128): 1.00,
}  # fmt: skip


@pytest.mark.parametrize("p, width", CLOSED_FORM)
def test_the_closed_form_adds_untrained_and_better_the_wider_it_is(p: int, width: int):
    torch.manual_seed(0)
    pairs, draws = all_pairs(p), 6
    model, right = {"name": "quadratic_mlp", "width": width, "init": "analytic"}, []
    for _ in range(draws):
        outputs = models.build(model, of_pairs(p, p))(pairs)
        right.append((outputs.argmax(dim=1) == pairs.sum(dim=1) % p).float().mean().item())
    assert sum(right) / draws == pytest.approx(CLOSED_FORM[p, width], abs=0.12)


def test_the_closed_form_answers_one_in_the_mean_and_its_neurons_are_waves():
    torch.manual_seed(0)
    network = models.build({"name": "quadratic_mlp", "width": 2000, "init": "analytic"},
                           of_pairs(13, 13))  # fmt: skip
    pairs = all_pairs(13)
    answers = network(pairs).gather(1, (pairs.sum(dim=1) % 13)[:, None])
    assert answers.mean().item() == pytest.approx(1, abs=0.05)
    assert torch.allclose(neuron_ipr(dict(network.named_parameters())), torch.ones(2000))


def test_the_quadratic_mlp_starts_with_the_published_spread():
    torch.manual_seed(0)
    module = models.build({"name": "quadratic_mlp", "width": 500}, of_pairs(97, 97))
    for parameter in module.parameters():
        assert parameter.std().item() == pytest.approx(0.05, rel=0.02)
        assert parameter.mean().item() == pytest.approx(0, abs=1e-3)
    assert sum(parameter.numel() for parameter in module.parameters()) == 3 * 97 * 500


@pytest.mark.parametrize(
    "combine, bias", [("concat", True), ("concat", False), ("sum", True), ("sum", False)]
)
def test_a_onehot_mlp_is_a_dense_one_with_the_same_initial_numbers(combine, bias):
    section = mlp(combine=combine, bias=bias, depth=2)
    torch.manual_seed(3)
    module = models.build(section, PAIRS).double()
    torch.manual_seed(3)
    features = 2 * SYMBOLS if combine == "concat" else SYMBOLS
    dense = nn.Sequential(
        nn.Linear(features, 8, bias=bias),
        nn.ReLU(),
        nn.Linear(8, 8, bias=bias),
        nn.ReLU(),
        nn.Linear(8, OUTPUTS, bias=bias),
    ).double()
    left, right = onehots()
    inputs = torch.cat([left, right], dim=1) if combine == "concat" else left + right
    assert close(module(all_pairs()), dense(inputs))
    count = sum(parameter.numel() for parameter in dense.parameters())
    assert sum(parameter.numel() for parameter in module.parameters()) == count


@pytest.mark.parametrize(
    "shared, combine", [(True, "concat"), (True, "sum"), (False, "concat"), (False, "sum")]
)
def test_learned_embeddings_are_shared_or_per_slot_and_joined_as_asked(shared, combine):
    section = mlp(embedding="learned", shared=shared, combine=combine, activation="tanh", depth=2)
    torch.manual_seed(0)
    module = models.build(section, PAIRS).double()
    assert isinstance(module, MLP) and isinstance(module.embedding, PairTable)
    tables = module.embedding.weight
    assert tables.shape == (1 if shared else 2, SYMBOLS, 6)
    left, right = onehots()
    left, right = left @ tables[0], right @ tables[-1]
    x = torch.cat([left, right], dim=1) if combine == "concat" else left + right
    for layer in module.hidden:
        x = torch.tanh(layer(x))
    assert len(module.hidden) == 2 and close(module(all_pairs()), module.readout(x))


def test_learned_embeddings_start_as_standard_normal():
    torch.manual_seed(0)
    module = models.build(mlp(embedding="learned", embedding_dim=100), of_pairs(97, 97))
    assert isinstance(module, MLP)
    assert module.embedding.weight.std().item() == pytest.approx(1, rel=0.03)


@pytest.mark.parametrize("bias", [True, False])
def test_the_vector_mlp_is_a_dense_one_with_the_same_initial_numbers(bias):
    section = {"name": "vector_mlp", "width": 8, "activation": "tanh", "bias": bias}
    torch.manual_seed(3)
    module = models.build(section, VECTORS).double()
    torch.manual_seed(3)
    dense = nn.Sequential(
        nn.Linear(FEATURES, 8, bias=bias),
        nn.Tanh(),
        nn.Linear(8, 8, bias=bias),
        nn.Tanh(),
        nn.Linear(8, OUTPUTS, bias=bias),
    ).double()
    assert close(module(some_vectors()), dense(some_vectors()))
    for ours, theirs in zip(module.parameters(), dense.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_the_vector_mlp_has_784_200_200_10_neurons_for_images_of_digits():
    module = models.build({"name": "vector_mlp"}, {"features": 784, "outputs": 10})
    shapes = [list(p.shape) for name, p in module.named_parameters() if name.endswith("weight")]
    assert shapes == [[200, 784], [200, 200], [10, 200]]
