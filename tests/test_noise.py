"""Dropout: masks that depend on the run alone, of the asked share, and no cost in evaluation."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.func import functional_call, vmap

from phasegrok.cells import run_id, shared_part
from phasegrok.models.layers import Dropout
from phasegrok.streams import seed_for
from tests.engine_cases import CASES, lanes, trained, with_config

SHAPE = (60, 70)
SEEDS = torch.tensor([seed_for(seed, "dropout") for seed in range(3)])
PLAIN = next(case for case in CASES if case.model == "quadratic_mlp" and case.optim == "adamw")


def dropped(seed: Tensor, step: int, rate: float = 0.3) -> Tensor:
    tensors = {"seed": seed, "step": torch.tensor(step), "rate": torch.tensor(rate).double()}
    return functional_call(Dropout(0.5), tensors, (torch.ones(SHAPE).double(),))


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.3, 0.9])
def test_the_asked_share_is_zero_in_every_row_and_column_and_the_rest_grows(rate):
    """The bounds are 5 standard deviations of a binomial count."""
    x = torch.stack([dropped(SEEDS[0], step, rate) for step in range(100)])
    assert x[x != 0].unique().numpy() == pytest.approx([1 / (1 - rate)])
    for axes in ((0, 1, 2), (0, 1), (0, 2), (1, 2)):
        count = math.prod(x.shape[axis] for axis in axes)
        bound = 5 * math.sqrt(rate * (1 - rate) / count)
        assert ((x == 0).double().mean(dim=axes) - rate).abs().max() <= bound


def test_masks_of_other_steps_seeds_rows_and_columns_agree_as_often_as_chance():
    """Two of rate .3 agree in .58 of all places."""
    first = dropped(SEEDS[0], 0) == 0
    others = [dropped(SEEDS[0], step) == 0 for step in (1, 2, 256, 65536)]
    others += [dropped(seed, 0) == 0 for seed in SEEDS[1:]]
    others += [first.roll(1, dims=axis) for axis in (0, 1)]
    bound = 5 * math.sqrt(0.58 * 0.42 / first.numel())
    for other in others:
        assert abs((first == other).double().mean().item() - 0.58) < bound


def test_a_lane_draws_what_its_run_draws_alone():
    steps = torch.tensor([0, 3, 10**6])
    alone = torch.stack([dropped(*pair) for pair in zip(SEEDS, steps.tolist(), strict=True)])

    def one(seed: Tensor, step: Tensor) -> Tensor:
        tensors = {"seed": seed, "step": step, "rate": torch.tensor(0.3).double()}
        return functional_call(Dropout(0.5), tensors, (torch.ones(SHAPE).double(),))

    assert torch.equal(vmap(one)(SEEDS, steps), alone)


def test_an_evaluation_is_without_dropout():
    x = torch.randn(SHAPE)
    assert Dropout(0.9).eval()(x) is x


def test_a_rate_of_0_is_the_network_without_to_the_last_bit_and_the_same_run():
    (plain,) = lanes(PLAIN, 1, steps=20)
    rates = [
        with_config(plain, model={**plain.config["model"], "dropout": rate}) for rate in (0.0, 0.5)
    ]
    assert rates[0].run_id == plain.run_id != rates[1].run_id
    without = trained([plain], 2)[plain.run_id].state
    beside = trained(rates, 2)[plain.run_id].state
    assert without is not None and beside is not None
    assert all(torch.equal(without["params"][key], row) for key, row in beside["params"].items())


def test_rates_share_a_program_and_null_has_none_of_it():
    def part(**model: float | str | None) -> dict:
        (run,) = lanes(PLAIN, 1)
        return shared_part({**run.config, "model": {**run.config["model"], **model}})

    assert part(dropout=0) == part(dropout=0.3)
    assert part() == part(dropout=None, norm=None) != part(dropout=0)
    assert part(norm="batch") != part(norm="layer") != part()


def test_settings_of_null_leave_the_ids_of_runs_as_they_were():
    (run,) = lanes(PLAIN, 1)
    model = {**run.config["model"], "dropout": None, "norm": None}
    assert run_id({**run.config, "model": model}) == run.run_id
