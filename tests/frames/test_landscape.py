"""Losses at each fixed weight norm: an L and a U."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from phasegrok.errors import InputError
from phasegrok.frames import landscape

ALPHA = "model.init_scale"


def trained(*rows: tuple[object, ...], fixed: bool | None = True) -> pd.DataFrame:
    """Runs of alpha, fraction, training loss and validation loss."""
    names = [ALPHA, "task.train_fraction", "train_loss", "val_loss"]
    frame = pd.DataFrame(rows, columns=pd.Index(names))
    asked = json.dumps({"optim": {"fix_norm": fixed}})
    return frame.assign(config=asked, weight_norm=10 * frame[ALPHA], seed=range(len(frame)))


def test_each_norm_has_the_median_and_the_ends_of_its_seeds() -> None:
    frame = trained((2.0, 0.5, 0.0, 3.0), (1.0, 0.5, 0.1, 0.2), (1.0, 0.5, 0.3, 0.8),
                    (1.0, 0.5, 0.2, 0.4))  # fmt: skip
    expected = pd.DataFrame({
        ALPHA: [1.0, 2.0],
        "weight_norm": [10.0, 20.0],
        "train_loss": [0.2, 0.0], "train_loss.low": [0.1, 0.0], "train_loss.high": [0.3, 0.0],
        "val_loss": [0.4, 3.0], "val_loss.low": [0.2, 3.0], "val_loss.high": [0.8, 3.0],
        "runs": [3, 1],
        "without": [0, 0],
        "lowest": [True, False],
    })  # fmt: skip
    pd.testing.assert_frame_equal(landscape(frame), expected)


def test_each_line_has_a_lowest_point_and_of_equal_ones_it_is_at_the_smallest_norm() -> None:
    frame = trained((1.0, 0.2, 0, 5.0), (2.0, 0.2, 0, 3.0), (4.0, 0.2, 0, 4.0),
                    (1.0, 0.8, 0, 0.0), (2.0, 0.8, 0, 0.0), (4.0, 0.8, 0, 1.0))  # fmt: skip
    table = landscape(frame, ["task.train_fraction"])
    lowest = table.loc[table["lowest"], ["task.train_fraction", ALPHA]]
    assert lowest.to_numpy().tolist() == [[0.2, 2.0], [0.8, 1.0]]
    with pytest.raises(InputError, match=r"different task\.train_fraction \(0\.2, 0\.8\)"):
        landscape(frame)


def test_runs_without_finite_losses_are_counted_and_left_out_of_the_median() -> None:
    frame = trained((1.0, 0.5, 0.1, 0.2), (1.0, 0.5, np.nan, np.nan), (2.0, 0.5, np.inf, 1.0),
                    (4.0, 0.5, None, None))  # fmt: skip
    table = landscape(frame)
    assert table["runs"].tolist() == [1, 0, 0] and table["without"].tolist() == [1, 1, 1]
    assert table["lowest"].tolist() == [True, False, False]
    assert table["val_loss"].tolist() == pytest.approx([0.2, np.nan, np.nan], nan_ok=True)
    with pytest.raises(InputError, match="none of 2 runs has finite losses"):
        landscape(frame.iloc[2:])


@pytest.mark.parametrize("free", [False, None])
def test_runs_whose_norm_was_free_are_refused_and_counted(free: bool | None) -> None:
    row = (1.0, 0.5, 0.1, 0.2)
    with pytest.raises(InputError, match=r"train them with optim\.fix_norm=true"):
        landscape(trained(row, fixed=free))
    both = pd.concat([trained(row), trained(row, row, fixed=free)])
    with pytest.raises(InputError, match=r"2 of 3 do not: .* --at optim\.fix_norm=true"):
        landscape(both)


def test_a_frame_without_what_it_takes_is_refused() -> None:
    frame = trained((1.0, 0.5, 0.1, 0.2))
    with pytest.raises(InputError, match="no column config, val_loss; the frame has"):
        landscape(frame.drop(columns=["config", "val_loss"]))
    with pytest.raises(InputError, match="the frame holds no runs"):
        landscape(frame.iloc[:0])
