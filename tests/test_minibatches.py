"""Minibatches: permutations of the training set that depend on the run alone."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import vmap

from phasegrok.engine import prepare
from phasegrok.engine.batches import batch_positions, epoch_order
from phasegrok.streams import seed_for
from tests.engine_cases import one_run

SEEDS = torch.tensor([seed_for(seed, "batches") for seed in range(400)])


def orders(seeds: Tensor, epochs: Tensor, n_train: int) -> Tensor:
    return vmap(lambda seed, epoch: epoch_order(seed, epoch, n_train))(seeds, epochs)


@pytest.mark.parametrize("n_train", [1, 2, 29, 1000])
def test_each_epoch_is_a_permutation_and_a_fresh_one(n_train):
    many = orders(SEEDS[:1].expand(50), torch.arange(50), n_train)
    assert torch.equal(many.sort(dim=1).values, torch.arange(n_train).expand(50, n_train))
    assert len(many.unique(dim=0)) >= min(math.factorial(min(n_train, 6)), 50)


def test_different_seeds_draw_different_orders():
    assert len(orders(SEEDS, torch.zeros_like(SEEDS), 29).unique(dim=0)) == len(SEEDS)


def test_orders_are_uniform():
    """Every order of three, and every pair of places among nine, comes up as often as others.

    The bounds are 5 standard deviations of a multinomial count.
    """
    epochs = torch.arange(100)
    seeds, epochs = SEEDS.repeat_interleave(len(epochs)), epochs.repeat(len(SEEDS))
    three = Counter(map(tuple, orders(seeds, epochs, 3).tolist()))
    assert len(three) == 6
    assert_even(three, 1 / 6)
    nine = orders(seeds, epochs, 9)
    for first, second in ((0, 1), (3, 4), (0, 8)):
        assert_even(
            Counter(zip(nine[:, first].tolist(), nine[:, second].tolist(), strict=True)), 1 / 72
        )


def assert_even(counts: Counter[Any], share: float) -> None:
    total = sum(counts.values())
    allowed = 5 * math.sqrt(total * share * (1 - share))
    assert len(counts) == round(1 / share)
    assert max(abs(count - total * share) for count in counts.values()) < allowed


def test_the_batches_of_an_epoch_are_disjoint_and_the_remainder_is_dropped():
    drawn = torch.stack([positions(SEEDS[0], torch.tensor(step)) for step in range(6)])
    assert drawn.shape == (6, 8)
    for epoch, batches in enumerate((drawn[:3], drawn[3:])):
        order = epoch_order(SEEDS[0], torch.tensor(epoch), 29)
        assert batches.flatten().tolist() == order[:24].tolist()


def test_a_batch_as_large_as_the_training_set_is_the_training_set():
    n_train = prepare(one_run(10)).train_total
    sizes = {None: None, 8: 8, n_train: None, n_train + 1: None}
    assert {size: prepare(one_run(10, batch_size=size)).batch for size in sizes} == sizes


def test_a_lane_draws_the_same_batches_alone_in_any_lane_and_compiled():
    seeds, steps = SEEDS[:5], torch.tensor([0, 2, 3, 1000, 10**6])
    alone = torch.stack([positions(*lane) for lane in zip(seeds, steps, strict=True)])
    assert torch.equal(vmap(positions)(seeds, steps), alone)
    assert torch.equal(vmap(positions)(seeds.flip(0), steps.flip(0)).flip(0), alone)
    assert torch.equal(torch.compile(vmap(positions), dynamic=False)(seeds, steps), alone)


def positions(seed: Tensor, done: Tensor) -> Tensor:
    data = {"batch_seed": seed, "train_indices": torch.arange(29)}
    return batch_positions(data, done, 8)
