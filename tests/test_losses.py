"""Losses: what is minimised, and how an output is read as an answer."""

import pytest
import torch
from torch.func import vmap
from torch.nn import functional as F

from phasegrok import InputError, losses


@pytest.fixture
def case() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Outputs [11, 5], labels [11] and a codebook [7, 5]."""
    generator = torch.Generator().manual_seed(0)
    outputs = torch.randn(11, 5, dtype=torch.float64, generator=generator)
    codebook = torch.randn(7, 5, dtype=torch.float64, generator=generator)
    return outputs, torch.randint(5, (11,), generator=generator), codebook


def test_mse_on_classes_is_the_mean_over_components_of_onehot_vectors(case):
    outputs, labels, _ = case
    got = losses.per_example("mse", outputs, labels, None)
    expected = F.mse_loss(outputs, F.one_hot(labels, 5).double(), reduction="none").mean(dim=1)
    assert torch.equal(got, expected)


def test_mse_on_vectors_is_the_mean_over_components_of_the_codebook_row(case):
    outputs, labels, codebook = case
    got = losses.per_example("mse", outputs, labels, codebook)
    expected = F.mse_loss(outputs, codebook[labels], reduction="none").mean(dim=1)
    assert torch.equal(got, expected)


def test_cross_entropy_is_torchs_and_keeps_its_digits_when_scores_are_large(case):
    outputs, labels, _ = case
    got = losses.per_example("cross_entropy", outputs, labels, None)
    torch.testing.assert_close(got, F.cross_entropy(outputs, labels, reduction="none"))
    sure = torch.tensor([[1000.0, 990.0]])
    small = losses.per_example("cross_entropy", sure, torch.tensor([0]), None)
    assert small.item() == pytest.approx(4.54e-5, rel=0.01)


def test_the_answer_to_classes_is_the_first_of_the_largest_outputs(case):
    outputs, _, _ = case
    for given in (outputs, outputs.round(), torch.zeros_like(outputs)):
        for label in range(5):
            labels = torch.full((11,), label)
            assert torch.equal(losses.correct(given, labels, None), given.argmax(dim=1) == label)


def test_nan_is_no_answer_and_an_infinite_output_is_one():
    outputs = torch.tensor([[0.0, torch.nan], [torch.nan, torch.nan], [0.0, torch.inf]])
    assert losses.correct(outputs, torch.tensor([0, 0, 1]), None).tolist() == [False, False, True]
    assert losses.correct(outputs, torch.tensor([1, 1, 0]), None).tolist() == [False] * 3


def test_the_answer_to_vectors_is_the_nearest_row_of_the_codebook(case):
    outputs, _, codebook = case
    expected = torch.tensor([
        min(range(7), key=lambda k: ((output - codebook[k]) ** 2).sum().item())
        for output in outputs
    ])  # fmt: skip
    for label in range(7):
        right = losses.correct(outputs, torch.full((11,), label), codebook)
        assert torch.equal(right, expected == label)
    assert losses.correct(codebook + 0.01, torch.arange(7), codebook).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_a_float64_codebook_serves_either_precision(case, dtype):
    outputs, labels, codebook = case
    assert losses.per_example("mse", outputs.to(dtype), labels, codebook).dtype == dtype
    assert losses.correct(outputs.to(dtype), labels, codebook).shape == (11,)


@pytest.mark.parametrize("name, vectors", [("mse", False), ("mse", True), ("cross_entropy", False)])
def test_lanes_with_their_own_labels_and_codebooks_are_as_each_alone(case, name, vectors):
    outputs, labels, codebook = case
    lanes = torch.stack([outputs, 2 * outputs.flip(0)])
    targets = torch.stack([labels, labels.flip(0)])
    books = torch.stack([codebook, codebook.flip(0)]) if vectors else None
    in_dims = (0, 0, 0 if vectors else None)
    lost = vmap(lambda o, y, c: losses.per_example(name, o, y, c), in_dims)(lanes, targets, books)
    read = vmap(losses.correct, in_dims)(lanes, targets, books)
    for lane in range(2):
        book = None if books is None else books[lane]
        alone = losses.per_example(name, lanes[lane], targets[lane], book)
        torch.testing.assert_close(lost[lane], alone, rtol=1e-14, atol=1e-14)
        assert torch.equal(read[lane], losses.correct(lanes[lane], targets[lane], book))


def test_what_cannot_be_minimised_is_refused(case):
    outputs, labels, codebook = case
    with pytest.raises(InputError, match=r"train.loss = hinge: must be one of mse, cross_entropy"):
        losses.per_example("hinge", outputs, labels, None)
    with pytest.raises(InputError, match="the targets are vectors; use mse"):
        losses.per_example("cross_entropy", outputs, labels, codebook)
