"""Scaling laws: how the steps to generalise grow or shrink as a power of what was swept.

The law is T = c * x1**b1 * x2**b2 ... with log-normal scatter, that is, a straight line for log T:
an accelerated failure time model (Kalbfleisch & Prentice 2002, ch. 2-3). Runs that had not crossed
by the end of their budget count as what they are, longer than that; leaving them out, or taking
the budget for their time, would flatten the law. So would it to take short times for exact, which
are seen at evaluated steps only: a crossing lies in the interval before the step that saw it, and a
delay within one interval of what was seen, also if that is 0. The fit is lifelines'
LogNormalAFTFitter (Davidson-Pilon 2019, J. Open Source Softw. 4, 1317).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import pandas as pd

from phasegrok.errors import InputError
from phasegrok.frames.grid import mixed
from phasegrok.frames.lognormal import fitted
from phasegrok.frames.places import require, some
from phasegrok.frames.survival import CROSSED, FAILED, STOPPED, UNDECIDED, UNFITTED, run_times
from phasegrok.frames.values import distinct
from phasegrok.phases import Rule

INTERCEPT = "intercept"

# Crossings that a law must rest on, for each number that makes its median. With fewer, the scatter
# comes out too small by much, and so do intervals that take it as known.
_CROSSED_EACH = 3

# The share of runs without a time above 0 from which a law of the others is one of a choice.
_AT_ONCE = 0.05

EVERY = "train.eval_every"

# What follows the keys in the table of runs.
_OF_RUNS = ("time", "crossed", "low", "high")


def scaling_runs(
    frame: pd.DataFrame, against: str | Sequence[str], of: str = "val", rule: Rule | None = None
) -> pd.DataFrame:
    """The runs that a power law can be fitted to, each with its time: the points under the line.

    Args:
        frame: one row per run, with the columns that `phasegrok.classify` needs.
            Where it has `train.eval_every`, times are known to that; else they are exact.
        against: the dotted keys of one or more columns of positive numbers.
        of: "val", "train" or "delay"; rule: thresholds and budget; both as in `run_times`.

    Returns:
        One row per run: the keys; `time` in steps, as seen; `crossed` (False: cut off there, the
        time is longer); `low` and `high`, between which the time lies (alike: exact; `high` is inf
        where it was cut off). `attrs["left_out"]` counts the runs that are not in it: "failed",
        "undecided", "unfitted" (of delay); "zero" and "null" (of a key: no power of it is finite);
        and "at once" (the time is 0 or less: crossed before training, or before fitting).

    Raises:
        InputError: a key has no column or no positive numbers, or runs were stopped because
            another rule had decided them, which would bias the law.
    """
    keys = [against] if isinstance(against, str) else list(against)
    values = _values(frame, keys)
    times = run_times(frame, of, rule)
    state, time = times["state"].to_numpy(), times["time"].to_numpy()
    low, high = _bounds(frame, time, state == CROSSED, of)
    if stopped := np.count_nonzero(state == STOPPED):
        raise InputError(
            f"{stopped} runs were stopped as decided under another rule before this one's "
            f"{of} step: fit at the thresholds they were trained for, or train them on"
        )
    reasons = {
        "failed": state == FAILED,
        "undecided": state == UNDECIDED,
        "unfitted": state == UNFITTED,
        "null": ~np.isfinite(values).all(axis=1),
        "zero": (values == 0).any(axis=1),
        "at once": (high <= 0) | ((time <= 0) & (of != "delay")),
    }
    why = np.select(list(reasons.values()), list(reasons), default="")
    runs = pd.DataFrame(values, columns=pd.Index(keys), index=frame.index)
    runs = runs.assign(time=time, crossed=state == CROSSED, low=low, high=high).loc[why == ""]
    runs.attrs["left_out"] = {name: int(np.sum(why == name)) for name in reasons}
    return runs


def _bounds(
    frame: pd.DataFrame, time: np.ndarray, crossed: np.ndarray, of: str
) -> tuple[np.ndarray, np.ndarray]:
    """Between which steps each time lies: a crossing is seen at the next evaluated step."""
    every = np.zeros(len(frame))
    if EVERY in frame:
        every = np.nan_to_num(frame[EVERY].to_numpy(float, na_value=np.nan))
    low = np.where(crossed, np.maximum(time - every, 0), time)
    late = every if of == "delay" else 0  # fitting may have been earlier than it was seen, too
    return low, np.where(crossed, time + late, np.inf)


def _values(frame: pd.DataFrame, keys: list[str]) -> np.ndarray:
    """The columns to fit against: [runs, keys] of numbers, none of them negative."""
    if not keys or len(set(keys)) < len(keys):
        raise InputError(f"scaling needs one or more different keys to fit against; got {keys}")
    require(frame, keys)
    for key in keys:
        words = [value for value in distinct(frame.loc[:, key])[1] if not _allowed(value)]
        if words:
            raise InputError(f"a power law needs positive numbers, and {key} holds {words[0]!r}")
    _refuse_mixed(frame, keys)
    return np.column_stack([frame[key].to_numpy(float, na_value=np.nan) for key in keys])


def _allowed(value: Hashable) -> bool:
    """Whether a value may be fitted against, or is one that is left out: zero, null, infinity."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value >= 0
    return value is None


def _refuse_mixed(frame: pd.DataFrame, keys: list[str]) -> None:
    """InputError if runs differ in a hyperparameter besides: its effect would be taken for theirs.

    A larger budget is no such thing: it only moves where runs are cut off.
    """
    for key, values in mixed(frame, keys, except_=["train.steps"]).items():
        raise InputError(
            f"a power law of {', '.join(keys)} would mix runs of different {key} "
            f"({some(values, 4)}): fit against it too, or take the runs of one value of it"
        )


def scaling(
    frame: pd.DataFrame,
    against: str | Sequence[str],
    of: str = "val",
    rule: Rule | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """A power law for the steps to generalise, fitted with censored runs as censored.

    A run that diverged counts as cut off at its budget. Intervals hold if the law does: look at
    the runs.

    Args:
        frame, against, of, rule: as for `scaling_runs`.
        level: of the intervals.

    Returns:
        One row per key, then one named "intercept": `name`, `exponent` (of the intercept: log c,
        natural, T in steps), `low`, `high` (Wald interval), `p` (two-sided, against an exponent
        of 0; NaN for the intercept). `attrs`, plain numbers: `of`, `level`, `runs`, `events`
        (crossed), `censored`, `left_out` (as `scaling_runs`), `scatter` (standard deviation of
        log T), `mean` and `span` (per key: geometric mean; smallest and largest), `covariance`
        (of the exponents, in the order of the rows).

    Raises:
        InputError: as `scaling_runs`; too few runs or crossings, too many of them at once, no
            spread in a key, or a fit that does not converge.
    """
    return law_of(scaling_runs(frame, against, of, rule), of, level)


def law_of(runs: pd.DataFrame, of: str = "val", level: float = 0.95) -> pd.DataFrame:
    """What `scaling` finds, from what `scaling_runs` does."""
    if not 0 < level < 1:
        raise InputError(f"scaling: level = {level}; need a number between 0 and 1")
    from scipy.stats import norm

    keys = [str(key) for key in runs.columns[: -len(_OF_RUNS)]]
    _refuse(runs, keys, of)
    values, events = runs[keys].to_numpy(), int(runs["crossed"].to_numpy().sum())
    mean = (logs := np.log(values)).mean(axis=0)
    found, covariance, scatter = fitted(logs - mean, runs)
    # From the law about the geometric mean to the one about 1.
    turn = np.eye(len(keys) + 1)
    turn[-1, :-1] = -mean
    found, covariance = turn @ found, turn @ covariance @ turn.T
    error = np.sqrt(np.diag(covariance))
    reach = norm.ppf((1 + level) / 2) * error
    p = 2 * norm.sf(np.abs(found / error))
    p[-1] = np.nan
    table = pd.DataFrame({
        "name": [*keys, INTERCEPT],
        "exponent": found,
        "low": found - reach,
        "high": found + reach,
        "p": p,
    })  # fmt: skip
    table.attrs = {
        "of": of,
        "level": level,
        "runs": len(runs),
        "events": events,
        "censored": len(runs) - events,
        "left_out": runs.attrs["left_out"],
        "scatter": scatter,
        "mean": dict(zip(keys, np.exp(mean).tolist(), strict=True)),
        "span": dict(zip(keys, np.stack([values.min(0), values.max(0)], 1).tolist(), strict=True)),
        "covariance": covariance.tolist(),
    }
    return table


def _refuse(runs: pd.DataFrame, keys: list[str], of: str) -> None:
    """InputError where no law can be told from these runs, by what they lack."""
    crossed, needed = runs.loc[runs["crossed"]], _CROSSED_EACH * (len(keys) + 1)
    left = {reason: n for reason, n in runs.attrs["left_out"].items() if n}
    out = f" (left out: {', '.join(f'{n} {reason}' for reason, n in left.items())})" if left else ""
    at_once = left.get("at once", 0)
    if at_once > _AT_ONCE * (len(runs) + at_once):
        raise InputError(
            f"{at_once} of {len(runs) + at_once} runs have a {of} time of 0 steps or less, which "
            "no power law holds, and without them it is a law of the slow ones: fit other steps"
        )
    if crossed.empty:
        raise InputError(
            f"no run has a {of} time to fit: 0 of {len(runs)} crossed within the budget{out}; "
            "train with a larger budget"
        )
    if len(crossed) < needed:
        raise InputError(
            f"a power law of {', '.join(keys)} needs {needed} runs that crossed, or more; "
            f"{len(crossed)} of {len(runs)} did{out}"
        )
    for key in keys:
        for part, words in ((runs, "all runs"), (crossed, "all runs that crossed")):
            if len(values := distinct(part.loc[:, key])[1]) == 1:
                raise InputError(
                    f"no exponent of {key} can be told: {words} have {key} = {values[0]}{out}"
                )
    logs = np.log(crossed[keys].to_numpy())
    if np.linalg.matrix_rank(logs - logs.mean(axis=0), tol=1e-9) < len(keys):
        raise InputError(
            f"the exponents of {', '.join(keys)} cannot be told apart: among the runs that crossed "
            "they move together; fit against fewer of them"
        )


def scaling_line(fit: pd.DataFrame, along: str | None = None, points: int = 50) -> pd.DataFrame:
    """The law as a line over one key, the others at their geometric mean.

    Args:
        fit: as from `scaling`.
        along: one of its keys; None takes the first.
        points: how many, evenly by ratio from the smallest to the largest value fitted.

    Returns:
        One row per point: `along` under its key; `median` (of T, in steps), `low`, `high` (the
        interval of that median at the fit's level; single runs scatter more, see `scatter`).
    """
    from scipy.stats import norm

    keys = fit["name"].tolist()[:-1]
    along = keys[0] if along is None else along
    if along not in keys:
        raise InputError(f"the law has no key {along}; it has {', '.join(keys)}")
    low, high = fit.attrs["span"][along]
    values = np.geomspace(low, high, points)
    at = [values if key == along else np.full(points, fit.attrs["mean"][key]) for key in keys]
    logs = np.column_stack([*np.log(at), np.ones(points)])
    center = logs @ fit["exponent"].to_numpy()
    error = np.sqrt(np.einsum("ij,jk,ik->i", logs, np.array(fit.attrs["covariance"]), logs))
    reach = norm.ppf((1 + fit.attrs["level"]) / 2) * error
    sides = {"median": center, "low": center - reach, "high": center + reach}
    return pd.DataFrame({along: values} | {name: np.exp(side) for name, side in sides.items()})
