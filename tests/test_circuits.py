"""The inverse participation ratio: published values, every scale, and a network's neurons."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from phasegrok.circuits import ipr, neuron_ipr

P = 97


def defined(x: np.ndarray) -> np.ndarray:
    power = np.abs(np.fft.rfft(x)) ** 2
    return (power**2).sum(axis=-1) / power.sum(axis=-1) ** 2


@pytest.mark.parametrize("frequency, phase", [(1, 0.0), (20, 1.0), (48, -2.5)])
def test_a_single_wave_has_an_ipr_of_one(frequency: int, phase: float) -> None:
    angle = 2 * math.pi * frequency * torch.arange(P).double() / P + phase
    assert ipr(torch.cos(angle)).item() == pytest.approx(1, abs=1e-12)


def test_a_delta_takes_part_in_every_frequency_and_the_constant() -> None:
    deltas = torch.eye(P)
    assert torch.allclose(ipr(deltas), torch.tensor(1 / 49))


def test_noise_is_near_its_published_mean_and_range() -> None:
    noise = torch.randn(2000, P, generator=torch.Generator().manual_seed(0))
    found = ipr(noise)
    assert found.mean().item() == pytest.approx(0.040, abs=0.001)
    assert found.min() > 0.025 and found.max() < 0.095


@pytest.mark.parametrize("p", [2, 7, 12, 97])
def test_it_is_what_the_fourier_transform_says_of_any_length(p: int) -> None:
    x = np.random.default_rng(p).normal(size=(3, 5, p))
    assert np.allclose(ipr(torch.tensor(x)), defined(x), rtol=1e-12)
    assert np.allclose(ipr(torch.tensor(x, dtype=torch.float32)), defined(x), rtol=2e-6)


def test_weights_that_have_all_but_vanished_keep_their_ipr() -> None:
    x = torch.randn(P, generator=torch.Generator().manual_seed(1))
    assert ipr(1e-30 * x).item() == pytest.approx(ipr(x).item(), rel=1e-5)
    assert math.isnan(ipr(torch.zeros(P)).item())


def test_a_neuron_has_the_mean_of_its_two_input_rows_and_its_output_row() -> None:
    rng = np.random.default_rng(3)
    left, right, readout = (rng.normal(size=shape) for shape in ((11, 4), (11, 4), (4, 11)))
    arrays = {"left": left, "right": right, "readout": readout}
    params = {name: torch.tensor(weights) for name, weights in arrays.items()}
    expected = (defined(left.T) + defined(right.T) + defined(readout)) / 3
    assert np.allclose(neuron_ipr(params), expected)
    several = {name: torch.stack([p, 2 * p]) for name, p in params.items()}
    assert np.allclose(torch.vmap(neuron_ipr)(several), [expected, expected])
