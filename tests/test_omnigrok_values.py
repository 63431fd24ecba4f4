"""The functions behind the claims on Omnigrok, on data with known answers."""

from __future__ import annotations

import inspect
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from phasegrok import cells
from phasegrok.config import compose
from phasegrok.store.schema import as_column, column_type, swept
from tests import claims
from tests import omnigrok_values as values
from tests.claim_values import VALUES, among

NAN = float("nan")
ALPHA, DECAY = "model.init_scale", "optim.weight_decay"

# Alpha, training and validation loss, of two teachers.
FIRST = [(0.1, 1e-2, 2e-2), (1.0, 1e-9, 1e-4), (10.0, 1e-7, 1e1)]
SECOND = [(0.1, 1e-2, 2e-2), (1.0, 1e-4, 1e-2), (10.0, 1e-3, 1e-3)]


def sphere(*lines: list[tuple[float, float, float]]) -> pd.DataFrame:
    """Runs at fixed norms, a line for each teacher."""
    rows = [(teacher, *row) for teacher, line in enumerate(lines) for row in line]
    names = ["task.data_seed", ALPHA, "train_loss", "val_loss"]
    asked = json.dumps({"optim": {"fix_norm": True}})
    return pd.DataFrame(rows, columns=pd.Index(names)).assign(config=asked, weight_norm=1.0)


def test_a_training_loss_rises_above_its_floor_only() -> None:
    by: Any = {"by": ["task.data_seed"]}
    assert values.training_rise(Path(), sphere(FIRST), floor=1e-5, **by) == 0
    assert values.training_rise(Path(), sphere(FIRST), floor=1e-9, **by) == pytest.approx(2)
    both = sphere(FIRST, SECOND)
    assert values.training_rise(Path(), both, floor=1e-5, **by) == pytest.approx(1)
    largest: Any = {"of": "train_loss", **by}
    assert values.largest_loss(Path(), both, least=0.5, **largest) == 1e-3
    assert values.largest_loss(Path(), both, least=0.1, **largest) == 1e-2


def test_the_lowest_point_and_the_arm_of_each_line() -> None:
    by: Any = {"by": ["task.data_seed"]}
    both = sphere(FIRST, SECOND)
    assert values.lowest_within(Path(), both, low=0.5, high=1.6, **by) == 0.5
    assert values.lowest_within(Path(), both, low=0.5, high=1.6, where="val_loss < 1e-3", **by) == 1
    assert values.validation_rise(Path(), sphere(FIRST), to=10, **by) == pytest.approx(5)
    assert values.validation_rise(Path(), both, to=10, **by) == 0, "that of the flattest"


@pytest.mark.parametrize("lost", ["train_loss", "val_loss"])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_line_with_a_run_that_diverged_agrees_with_nothing(lost: str, at: int) -> None:
    by: Any = {"by": ["task.data_seed"]}
    twice = pd.concat([sphere(FIRST)] * 2, ignore_index=True)
    assert values.lowest_within(Path(), twice, low=0.5, high=1.6, **by) == 1
    frame = pd.concat([sphere(SECOND).assign(**{"task.data_seed": 7}),
                       twice.assign(**{lost: twice[lost].mask(twice.index == at)})])  # fmt: skip
    assert values.lowest_within(Path(), frame, low=0.5, high=10, **by) == 0.5
    assert np.isnan(values.validation_rise(Path(), frame, to=10, **by))
    assert np.isnan(values.training_rise(Path(), frame, floor=1e-5, **by))
    assert np.isnan(values.largest_loss(Path(), frame, of="train_loss", least=0.0, **by))


def test_a_line_of_which_every_run_diverged_has_no_lowest_point() -> None:
    both = sphere(FIRST, SECOND)
    lost = both.assign(val_loss=both["val_loss"].mask(both["task.data_seed"] == 1))
    assert values.lowest_within(Path(), lost, by=["task.data_seed"], low=0.5, high=10) == 0.5


def test_published_losses_are_met_within_a_factor_at_every_published_alpha(tmp_path: Path) -> None:
    theirs = {"alpha": [0.10000000149, 1.0, 10.0], "train_mse": [3e-2, 0, 0],
              "test_mse": [1e-2, 1e-5, 9.0]}  # fmt: skip
    pd.DataFrame(theirs).to_csv(tmp_path / "published.csv", index=False)
    frame = sphere(FIRST)
    assert values.published_losses(tmp_path, frame, "test", within=2) == pytest.approx(2 / 3)
    assert values.published_losses(tmp_path, frame, "test", within=11) == 1
    assert values.published_losses(tmp_path, frame, "train", within=11) == pytest.approx(1 / 3)
    with pytest.raises(ValueError, match="not enough values"):
        values.published_losses(tmp_path, frame[:2], "test", within=2)


def decayed() -> pd.DataFrame:
    steps = {0.0: (150, NAN), 0.1: (100, 9000), 1.0: (120, 900)}
    rows = [(d, s, fit + s, late) for d, (fit, late) in steps.items() for s in (-10, 0, 10)]
    return pd.DataFrame(rows, columns=pd.Index([DECAY, "seed", "train_step", "val_step"]))


def test_steps_that_never_come_are_later_than_any() -> None:
    runs, options = decayed(), {"of": "train_step", "along": DECAY}
    within = values.farthest_from_mean(Path(), runs, where=f"`{DECAY}` > 0", **options)
    assert within == pytest.approx(1 / 11)
    never = runs.assign(train_step=runs["train_step"].mask(runs[DECAY] == 1))
    assert np.isnan(values.farthest_from_mean(Path(), never, where="seed < 99", **options))
    assert values.latest(Path(), runs, of="train_step", at={DECAY: [0.1, 1.0]}) == 130
    assert values.latest(Path(), runs, of="val_step", at={DECAY: [0.0, 1.0]}) == np.inf
    assert values.median_delay(Path(), runs, at={DECAY: [1.0]}) == 780
    assert values.median_delay(Path(), runs, at={DECAY: [0.0]}) == np.inf
    with pytest.raises(AssertionError, match="no run has"):
        values.latest(Path(), runs, of="val_step", at={DECAY: [0.3]})


def test_the_weight_norm_is_followed_until_a_run_generalised() -> None:
    curve = {"curve.step": [0, 10, 100, 200], "curve.weight_norm": [40.0, 60.0, 30.0, 90.0]}
    frame = pd.DataFrame({"val_step": [100.0, NAN], "seed": 0})
    frame = frame.assign(**{key: [list(curve[key])] * 2 for key in curve})
    at = {"seed": [0]}
    assert values.norm_against_start(Path(), frame, at=at, when="peak") == 1.5
    assert values.norm_against_start(Path(), frame, at=at, when="end") == 0.75
    assert np.isnan(values.norm_against_start(Path(), frame[1:], at=at, when="end"))


ANY = pytest.mark.parametrize("study", claims.claimed(), ids=lambda study: study.name)


@ANY
def test_every_claim_that_is_stated_names_a_function_that_takes_its_options(study) -> None:
    for claim in study.stated["claims"]:
        taken = inspect.signature(VALUES[claim["value"]])
        kinds = {option.kind for option in taken.parameters.values()}
        assert kinds == {inspect.Parameter.POSITIONAL_OR_KEYWORD}, "one that takes any takes typos"
        taken.bind(None, None, **claim.get("options", {}))
        assert claims.TOLERANCES.keys() & claim.keys() and claim.keys() <= claims.KEYS


def plan(name: str) -> pd.DataFrame:
    """The swept values of every run of a sweep file, as its results will hold them."""
    config = compose([f"+sweep={name}"])
    kinds = {key: column_type(axis) for key, axis in swept(config).items()}
    cells_of_runs = [run.cell for run in cells.runs(config)]
    held = [{key: as_column(cell[key], kinds[key]) for key in kinds} for cell in cells_of_runs]
    return pd.DataFrame(held)


def unplanned(options: dict[str, Any], runs: pd.DataFrame) -> list[Any]:
    """What a claim's options select that no run of the plan has."""
    where = options.get("where")
    lost: list[Any] = [where] if where and runs.query(where).empty else []
    for name in ("at", "over", "under", "less"):
        at = options.get(name, {})
        asked = [dict(zip(at, values, strict=True)) for values in itertools.product(*at.values())]
        lost += [cell for cell in asked if among(runs, {k: [v] for k, v in cell.items()}).empty]
    return lost


@ANY
def test_every_claim_that_is_stated_is_on_cells_that_are_planned(study) -> None:
    runs = plan(study.name)
    found = {c["id"]: unplanned(c.get("options", {}), runs) for c in study.stated["claims"]}
    assert not any(found.values()), found


def test_a_claim_on_a_cell_that_is_not_planned_is_found() -> None:
    runs = plan("omnigrok_constrained")
    fixed = {"optim.fix_norm": ["true"], ALPHA: [0.4, 0.45]}
    assert unplanned({"at": fixed}, runs) == [{"optim.fix_norm": "true", ALPHA: 0.45}]
    assert unplanned({"over": {"optim.fix_norm": [True]}, "under": fixed}, runs)[0] == {
        "optim.fix_norm": True
    }
    assert unplanned({"where": f"`{ALPHA}` > 2"}, runs) == [f"`{ALPHA}` > 2"]
    assert not unplanned({"where": f"`{ALPHA}` == 2"}, runs)
