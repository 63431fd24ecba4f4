"""The default picture is true: wd_vs_frac shows all four phases, where theory says, on any seeds.

This runs the whole shipped sweep, twice: as a new user would, and on seeds nobody looked at.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from phasegrok import load
from phasegrok.phases import cell_table
from tests.sweeping import command

FRACTION, DECAY = "task.train_fraction", "optim.weight_decay"
FOUR = ("comprehension", "grokking", "memorization", "confusion")


@pytest.fixture(scope="module", params=["as shipped", "fresh seeds"])
def frame(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    out = tmp_path_factory.mktemp("picture") / "wd_vs_frac"
    seeds = [] if request.param == "as shipped" else ["seeds=[101,102,103]"]
    answer = command("+sweep=wd_vs_frac", f"out={out}", *seeds, timeout=1800)
    assert answer.returncode == 0, answer.stderr
    assert (out / "phase_diagram.pdf").exists()
    return load(out)


@pytest.fixture(scope="module")
def majority(frame: pd.DataFrame) -> pd.DataFrame:
    """Majority phases: a row per weight decay (growing), a column per training fraction."""
    table = cell_table(frame, [DECAY, FRACTION])
    return table.pivot(index=DECAY, columns=FRACTION, values="majority")


def test_it_is_no_toy(frame: pd.DataFrame) -> None:
    assert len(frame) >= 300
    assert (frame.groupby([DECAY, FRACTION]).seed.nunique() >= 3).all()
    assert set(frame["task.p"]) == {23} and set(frame["model.width"]) == {128}
    assert set(frame.budget) == {2000}
    assert (frame.status != "failed").all()


def test_every_phase_holds_a_twentieth_of_the_cells(majority: pd.DataFrame) -> None:
    shares = majority.stack().value_counts(normalize=True)
    assert set(FOUR) <= set(shares.index)
    assert (shares[list(FOUR)] >= 0.05).all(), shares.to_dict()


def test_the_phases_lie_where_theory_says(majority: pd.DataFrame) -> None:
    low, high = majority.columns[0], majority.columns[-1]
    weakest, strongest = majority.index[0], majority.index[-1]
    assert majority.at[weakest, low] == "memorization"  # little data, hardly any decay
    assert set(majority.loc[strongest]) == {"confusion"}  # decay beats the data
    assert "comprehension" in set(majority[high])  # much data: at once
    assert not {"comprehension", "grokking"} & set(majority[low])
    # From left to right a row goes from memorization through grokking to comprehension.
    order = {"memorization": 0, "grokking": 1, "comprehension": 2}
    for decay, row in majority.iterrows():
        ranks = [order[phase] for phase in row if phase in order]
        steps_back = sum(b < a for a, b in pairwise(ranks))
        assert steps_back <= 1, f"weight decay {decay}: {list(row)}"


def test_more_data_and_more_decay_generalise_earlier(frame: pd.DataFrame) -> None:
    generalised = frame[frame.val_step.notna()]
    steps = np.log(generalised.groupby([DECAY, FRACTION]).val_step.median().unstack())
    # Near its upper border decay slows the fit itself, and so generalisation (seen from 3 on).
    weak = steps[steps.index <= 2]
    for table in (weak, weak.T):
        falls = table.diff().stack().dropna() < 0
        assert falls.mean() > 0.8, f"{falls.mean():.2f} of neighbours generalise earlier"
    # The critical fraction moves to the left as the decay grows (until it destroys the fit).
    first = {d: row.dropna().index.min() for d, row in steps.iterrows() if row.notna().any()}
    decays = sorted(first)
    moves = np.diff([first[d] for d in decays])
    assert (moves <= 1e-9).mean() > 0.8 and first[decays[-1]] < first[decays[0]]
