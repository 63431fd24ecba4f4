"""Training at a fixed norm, where there is no such norm."""

import pytest
import torch
from torch.func import vmap

from phasegrok import InputError
from phasegrok.optim import at_norm, hyperparameters


def test_a_norm_that_overflows_makes_nan_of_the_parameters_of_its_own_lane_alone():
    """And not zeros, which would pass for a run that has not diverged."""
    grown = torch.tensor([[3.0, 4.0], [1e30, 1e30], [torch.inf, 1.0], [torch.nan, 1.0]])
    scaled = vmap(at_norm)({"weight": grown}, torch.full([4], 10.0, dtype=torch.float64))
    assert scaled["weight"][0].tolist() == [6, 8]
    assert scaled["weight"][1:].isnan().all()


def test_a_start_of_norm_zero_cannot_be_kept_at_its_norm():
    optim = {"lr": 0.1, "weight_decay": 0.0}
    start = {"weight": torch.zeros(2)}
    assert "fixed_norm" not in hyperparameters({**optim, "fix_norm": False}, start)
    with pytest.raises(InputError, match=r"^optim\.fix_norm = true: all parameters are 0 at the"):
        hyperparameters({**optim, "fix_norm": True}, start)
