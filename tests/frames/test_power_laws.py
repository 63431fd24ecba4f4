"""Power laws of the steps, from runs of which some were cut off."""

from __future__ import annotations

import itertools
import json
import math
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

from phasegrok.errors import InputError
from phasegrok.frames.power_laws import scaling, scaling_line, scaling_runs
from phasegrok.phases import Rule
from tests.frames.cases import COL, ROW, X, Y, runs_of

EXPONENT, SCATTER = -0.7, 1.0


def lawful(seed: int = 0, budget: float = 1e9, by_fraction: float | None = None) -> pd.DataFrame:
    """Runs that fit at step 5 and generalise after 500 * decay**-0.7 steps, with scatter.

    Args:
        by_fraction: also vary the training fraction, with this exponent.
    """
    random = np.random.default_rng(seed)
    decays = np.geomspace(0.1, 10, 8)
    fractions = [0.3] if by_fraction is None else np.linspace(0.3, 0.9, 5).tolist()
    rows = []
    for decay, fraction, _ in itertools.product(decays, fractions, range(12)):
        law = 500 * decay**EXPONENT * (1 if by_fraction is None else fraction**by_fraction)
        steps = law * math.exp(SCATTER * random.standard_normal())
        rows.append((fraction, decay, 5, steps if steps <= budget else None))
    return runs_of("x y train val", *rows, budget=int(budget))


def budget_censoring(share: float, seed: int = 0) -> int:
    """A budget that cuts off this share of the runs of `lawful`."""
    return int(np.quantile(lawful(seed)["val_step"], 1 - share))


def straight_line(frame: pd.DataFrame) -> float:
    """The slope of log steps against log weight decay by least squares."""
    return float(np.polyfit(np.log(frame[Y]), np.log(frame["val_step"]), 1)[0])


# -------------------------------------------------------------------------------------- the fit


def test_without_censoring_the_law_is_that_of_least_squares() -> None:
    frame = lawful()
    fit = scaling(frame, Y)
    slope, intercept = np.polyfit(np.log(frame[Y]), np.log(frame["val_step"]), 1)
    assert fit["exponent"].tolist() == pytest.approx([slope, intercept], abs=1e-4)
    residuals = np.log(frame["val_step"]) - intercept - slope * np.log(frame[Y])
    assert fit.attrs["scatter"] == pytest.approx(residuals.std(ddof=0), rel=1e-3)
    spread = np.log(frame[Y]).std(ddof=0) * math.sqrt(len(frame))
    half = 1.959964 * residuals.std(ddof=0) / spread
    row, last = fit.to_dict("records")
    assert row["high"] - row["low"] == pytest.approx(2 * half, rel=1e-3)
    assert row["p"] < 1e-9 and math.isnan(last["p"])


@pytest.mark.parametrize("seed", range(3))
def test_the_exponent_is_found_with_two_runs_in_five_cut_off_where_least_squares_is_not(
    seed: int,
) -> None:
    budget = budget_censoring(0.4, seed)
    frame = lawful(seed, budget)
    fit = scaling(frame, Y)
    low, high = fit.loc[0, ["low", "high"]]
    assert fit.attrs["censored"] / fit.attrs["runs"] == pytest.approx(0.4, abs=0.02)
    assert low < EXPONENT < high
    left_out = straight_line(frame.dropna(subset=["val_step"]))
    at_budget = straight_line(frame.fillna({"val_step": budget}))
    assert left_out > high and at_budget > high, "both are too flat, by more than the interval"


def test_two_keys_have_an_exponent_each() -> None:
    budget = float(np.quantile(lawful(by_fraction=-2.0)["val_step"], 0.6))
    frame = lawful(0, budget, by_fraction=-2.0)
    fit = scaling(frame, [Y, X])
    assert fit["name"].tolist() == [Y, X, "intercept"]
    for row, true in zip(fit.to_dict("records"), (EXPONENT, -2.0, math.log(500)), strict=True):
        assert row["low"] < true < row["high"]
    turned = scaling(frame, [X, Y]).set_index("name")["exponent"]
    assert turned[[Y, X, "intercept"]].tolist() == pytest.approx(fit["exponent"].tolist(), abs=1e-3)


def test_what_the_fit_rests_on_is_told_in_plain_numbers() -> None:
    budget = budget_censoring(0.4)
    fit = scaling(lawful(0, budget), Y, of="val", level=0.9)
    told = json.loads(json.dumps(fit.attrs))
    assert told == fit.attrs, "so that it can travel in a file's metadata"
    assert (told["of"], told["level"], told["runs"]) == ("val", 0.9, 96)
    assert told["events"] + told["censored"] == 96
    assert told["mean"][Y] == pytest.approx(1)
    assert told["span"][Y] == pytest.approx([0.1, 10])
    assert sum(told["left_out"].values()) == 0
    assert np.shape(told["covariance"]) == (2, 2)


def test_nothing_is_warned_about() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scaling_line(scaling(lawful(), Y))


def test_times_to_fit_and_delays_have_laws_too() -> None:
    frame = lawful()
    expected = scaling_runs(frame, Y)
    fitted = frame.assign(train_step=frame["val_step"], val_step=np.nan, steps=1e9)
    fitted["status"] = "finished"
    pd.testing.assert_frame_equal(scaling_runs(fitted, Y, of="train"), expected)
    later = frame.assign(train_step=100, val_step=frame["val_step"] + 100)
    pd.testing.assert_frame_equal(scaling_runs(later, Y, of="delay"), expected)
    assert scaling(later, Y, of="delay")["exponent"].tolist()[0] == pytest.approx(EXPONENT, abs=0.3)


def seen_every(steps: int, of: str) -> pd.DataFrame:
    """The runs of `lawful` as evaluations so far apart see them; delays start within one."""
    frame = lawful().drop(columns="steps")
    start = np.zeros(len(frame))
    if of == "delay":
        start = np.random.default_rng(1).uniform(0, 300, len(frame))
    seen = {"train_step": start, "val_step": start + frame["val_step"]}
    frame = frame.assign(**{name: np.ceil(at / steps) * steps for name, at in seen.items()})
    return frame.assign(**{"train.eval_every": steps, "steps": frame["val_step"]})


@pytest.mark.parametrize("of", ["val", "delay"])
def test_a_time_is_known_to_the_evaluation_interval_which_flattens_no_law(of: str) -> None:
    exact = scaling(lawful(), Y).loc[0, "exponent"]
    frame = seen_every(300, of)
    runs = scaling_runs(frame, Y, of=of)
    low, high = runs["low"].to_numpy(), runs["high"].to_numpy()
    assert len(runs) == len(frame) and low.min() >= 0
    reach = high - low
    assert reach.max() == (300 if of == "val" else 600) and reach.min() == 300
    fit = scaling(frame, Y, of=of)
    assert fit.loc[0, "exponent"] == pytest.approx(exact, abs=0.1)
    taken = frame.drop(columns="train.eval_every")
    if of == "val":
        assert scaling(taken, Y).loc[0, "exponent"] > exact + 0.2
    else:
        with pytest.raises(
            InputError, match=r"\d+ of 96 runs have a delay time of 0 steps or less"
        ):
            scaling(taken, Y, of=of)


def test_a_rule_with_a_smaller_budget_cuts_more_runs_off() -> None:
    frame = lawful()
    budget = budget_censoring(0.5)
    fit = scaling(frame, Y, rule=Rule(budget=budget))
    assert fit.attrs["censored"] == 48
    (row, _) = fit.to_dict("records")
    assert row["low"] < EXPONENT < row["high"]


# ------------------------------------------------------------------------------ the runs it is of


def test_runs_that_no_power_law_can_hold_are_left_out_and_counted() -> None:
    rows: list[tuple[Any, ...]] = [
        (1.0, 10, 40, "decided"),
        (2.0, 10, None, "finished"),
        (3.0, 10, None, "diverged"),
        (0.0, 10, 40, "decided"),
        (0.0, 10, None, "finished"),
        (None, 10, 40, "decided"),
        (1.0, 10, 0, "decided"),
        (1.0, None, None, "failed"),
        (4.0, None, 40, "finished"),
    ]
    frame = runs_of("y train val status", *rows)
    frame.loc[2, "steps"] = 300  # diverged
    runs = scaling_runs(frame, Y)
    assert list(runs) == [Y, "time", "crossed", "low", "high"]
    assert runs["low"].tolist() == runs["time"].tolist()
    assert runs["high"].tolist() == [40, np.inf, np.inf, 40], "exact, where no interval is known"
    assert runs[Y].tolist() == [1, 2, 3, 4] and runs["time"].tolist() == [40, 1000, 1000, 40]
    assert runs["crossed"].tolist() == [True, False, False, True]
    left_out = {"failed": 1, "undecided": 0, "unfitted": 0, "null": 1, "zero": 2, "at once": 1}
    assert runs.attrs["left_out"] == left_out
    delays = scaling_runs(frame, Y, of="delay")
    assert delays["time"].tolist() == [30, 990, 990]
    assert delays.attrs["left_out"] == left_out | {"unfitted": 1}, "0 - 10 steps is no delay"


def test_zero_on_a_log_axis_changes_no_exponent() -> None:
    frame = lawful()
    zero = frame.iloc[:8].assign(**{Y: 0.0})
    fit, with_zero = scaling(frame, Y), scaling(pd.concat([frame, zero]), Y)
    pd.testing.assert_frame_equal(fit, with_zero, check_flags=False)
    assert with_zero.attrs["left_out"]["zero"] == 8


def test_runs_stopped_under_another_rule_are_refused_for_their_censoring_is_no_accident() -> None:
    frame = lawful().assign(**{"phase.train_accuracy": 0.9, "phase.val_accuracy": 0.9})
    ladder = [[1.0] * 5 + [None, None] for _ in range(len(frame))]
    frame = frame.assign(train_steps=ladder, val_steps=ladder)
    with pytest.raises(InputError, match="96 runs were stopped as decided under another rule"):
        scaling(frame, Y, rule=Rule(0.9, 0.99))


def test_other_hyperparameters_must_not_vary_but_the_budget_may() -> None:
    frame = lawful(by_fraction=-2.0)
    with pytest.raises(InputError, match=rf"{Y} would mix runs of different {X} \(0\.3, 0\.45, "):
        scaling(frame, Y)
    one = frame.loc[frame[X] == 0.3]
    paired = one.assign(**{"train.steps": np.arange(len(one)), ROW: one[Y] * 2})
    pd.testing.assert_frame_equal(scaling_runs(paired, Y), scaling_runs(one, Y))


# --------------------------------------------------------------------------------- what it refuses


def few(*values: float, crossed: int | None = None) -> pd.DataFrame:
    rows = [(v, 5, 100.0 + 10 * i if i < (crossed or 99) else None) for i, v in enumerate(values)]
    return runs_of("y train val", *rows)


@pytest.mark.parametrize(
    ("frame", "against", "message"),
    [
        (lawful(budget=5), Y, "no run has a val time to fit: 0 of 96 crossed"),
        (few(1, 2, 3, 4, 5), Y, "needs 6 runs that crossed, or more; 5 of 5 did"),
        (few(1, 2, 3, 4, 5, 6, 7, 8, crossed=5), Y, "or more; 5 of 8 did"),
        (few(0, 0, 1, 2, 3, 4, 5), Y, r"5 of 5 did \(left out: 2 zero\)"),
        (few(*[2.0] * 9), Y, "all runs have optim.weight_decay = 2.0"),
        (few(0, 0, 0, *[2.0] * 9), Y, r"all runs have .* = 2.0 \(left out: 3 zero\)"),
        (few(*[2.0] * 9, 3, 4, crossed=9), Y, "all runs that crossed have .* = 2.0"),
        (few(-1, 1, 2, 3, 4, 5, 6), Y, "needs positive numbers, and .* holds -1"),
        (lawful().assign(**{Y: "strong"}), Y, "needs positive numbers, and .* holds 'strong'"),
        (lawful().assign(**{Y: True}), Y, "holds True"),
        (lawful(), "optim.lr", "no column optim.lr; the frame has"),
        (lawful(), [], "one or more different keys"),
        (lawful(), [Y, Y], "one or more different keys"),
        (lawful().iloc[:0], Y, "0 of 0 crossed"),
    ],
)
def test_what_cannot_be_fitted_is_said(frame: pd.DataFrame, against: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        scaling(frame, against)


def test_keys_that_move_together_are_told_from_each_other_by_no_fit() -> None:
    frame = lawful()
    frame = frame.assign(**{COL: 3 * frame[Y] ** 2})
    with pytest.raises(InputError, match="they move together; fit against fewer"):
        scaling(frame, [Y, COL])


def test_times_without_scatter_have_no_fit_and_one_sentence_says_so() -> None:
    frame = lawful()
    exact = frame.assign(val_step=500 * frame[Y] ** EXPONENT)
    with pytest.raises(InputError, match="96 runs, 96 of which crossed: the fit does not converge"):
        scaling(exact, Y)


def test_senseless_options_are_refused() -> None:
    with pytest.raises(InputError, match="level = 95"):
        scaling(lawful(), Y, level=95)
    with pytest.raises(InputError, match="allowed are val, train, delay"):
        scaling(lawful(), Y, of="test")


# --------------------------------------------------------------------------------------- its line


def test_the_line_is_the_law_with_the_others_at_their_geometric_mean() -> None:
    fit = scaling(lawful(by_fraction=-2.0), [Y, X])
    a, b, log_c = fit["exponent"]
    line = scaling_line(fit, X, points=7)
    assert list(line) == [X, "median", "low", "high"] and len(line) == 7
    assert line[X].tolist() == pytest.approx(np.geomspace(0.3, 0.9, 7))
    expected = np.exp(log_c) * fit.attrs["mean"][Y] ** a * line[X] ** b
    assert line["median"].tolist() == pytest.approx(expected.tolist())
    assert (np.diff(line[["low", "median", "high"]], axis=1) > 0).all()
    assert scaling_line(fit)[Y].iloc[[0, -1]].tolist() == pytest.approx([0.1, 10])
    with pytest.raises(InputError, match=rf"no key optim\.lr; it has {Y}, {X}"):
        scaling_line(fit, "optim.lr")


def test_the_band_of_the_line_is_that_of_least_squares_without_censoring() -> None:
    import statsmodels.api as sm

    frame = lawful().assign(**{Y: lambda runs: 30 * runs[Y]})  # far from 1, where the intercept is
    line = scaling_line(scaling(frame, Y), points=5)
    found = sm.OLS(np.log(frame["val_step"]), sm.add_constant(np.log(frame[Y]))).fit()
    at = sm.add_constant(np.log(line[Y]))
    # statsmodels divides by the degrees of freedom, likelihood by the runs.
    error = found.get_prediction(at).se_mean * math.sqrt(found.df_resid / len(frame))
    width = np.log(line["high"] / line["low"]).tolist()
    assert width == pytest.approx((2 * 1.959964 * error).tolist(), rel=1e-3)
    assert min(width) == width[2], "narrowest in the middle"
