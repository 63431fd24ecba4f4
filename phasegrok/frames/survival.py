"""How long runs took, of which some were still on the way when they ended.

A run that had not crossed by its end is *censored*: its time is longer than what was seen. The
median over seeds is Kaplan and Meier's (1958), the first time at which the estimated share of
runs still on the way is one half or less.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from phasegrok.errors import InputError
from phasegrok.phases import Rule, crossings

OF = ("val", "train", "delay")

# What is known of a run's time: it is told, cut off (at the end of its budget; or because another
# rule had decided it, so that it may have been about to cross), or there is none.
STATES = ("crossed", "censored", "stopped", "unfitted", "undecided", "failed")
CROSSED, CENSORED, STOPPED, UNFITTED, UNDECIDED, FAILED = range(len(STATES))


def run_times(frame: pd.DataFrame, of: str = "val", rule: Rule | None = None) -> pd.DataFrame:
    """How long each run took to fit, to generalise, or from the one to the other.

    Args:
        frame: one row per run, with the columns that `phasegrok.classify` needs.
        of: "val" and "train" are the first steps at the threshold, "delay" the steps from train to
            val, of runs that fitted; negative if a run generalised before it fitted.
        rule: thresholds and budget to judge by; None takes `train_step` and `val_step` as recorded.

    Returns:
        One row per run: `time` in steps (where it was cut off: a time it took longer than; NaN:
        none) and `state`, a position in STATES.
    """
    if of not in OF:
        raise InputError(f"of = {of!r}: allowed are {', '.join(OF)}")
    found = crossings(frame, rule)
    train, val, budget, end = (found[name].to_numpy() for name in ("train", "val", "budget", "end"))
    status = frame["status"].to_numpy(object)
    start = train if of == "delay" else np.zeros(len(frame))
    cross = train if of == "train" else val
    fitted, early = np.isfinite(start), end < budget
    states = {
        FAILED: status == "failed",
        UNDECIDED: np.isnan(start) | np.isnan(cross) | np.isnan(end) | (~fitted & early),
        UNFITTED: ~fitted,
        CROSSED: np.isfinite(cross),
        STOPPED: early & (status == "decided"),
    }
    state = np.select(list(states.values()), list(states), default=CENSORED)
    timed = state <= STOPPED
    time = np.where(state == CROSSED, cross, end)
    time = np.where(timed, time, np.nan) - np.where(timed, start, 0.0)
    return pd.DataFrame({"time": time, "state": state}, index=frame.index)


def time_table(times: pd.DataFrame, cell: np.ndarray, count: int) -> pd.DataFrame:
    """The times of each cell's runs in a few numbers.

    Args:
        times: as from `run_times`.
        cell: [runs] the cell of each, 0 ... count - 1.

    Returns:
        One row per cell, also of one without runs: `median` (Kaplan-Meier, in steps; NaN if it was
        not reached, or if runs that were stopped may have moved it), `at_least` (where it is NaN:
        the steps that it took at least), `low` and `high` (smallest and largest time of the runs
        that crossed), and in runs `events` (crossed), `runs` (with a time, cut off or not),
        `censored` (cut off), `stopped` (those of them cut off for another rule), `unfitted`,
        `undecided`, `failed`; and `shown`: "value", "censored" (cut off before the median),
        "undecided", "none" (no time, for none fitted), "failed", "missing".
    """
    state = times["state"].to_numpy()
    runs = np.bincount(cell * len(STATES) + state, minlength=count * len(STATES))
    table = pd.DataFrame(runs.reshape(count, len(STATES)), columns=pd.Index(STATES))
    timed = state <= STOPPED
    cell, time, state = cell[timed], times["time"].to_numpy()[timed], state[timed]
    crossed, stopped = state == CROSSED, state == STOPPED
    # A run is stopped when it has nearly crossed, which is no censoring by chance. Its time is
    # anything from now on; the median counts where it is the same at both ends.
    median = medians(cell, time, crossed | stopped, count)
    latest = medians(cell, np.where(stopped, np.inf, time), crossed, count)
    told = median == latest
    events, censored = table["crossed"], table["censored"] + table["stopped"]
    known = events + censored
    longest = _span(cell, time, count)["max"]
    of_crossed = _span(cell[crossed], time[crossed], count)
    shown = np.select(
        [told, known > 0, table["undecided"] > 0, table["unfitted"] > 0, table["failed"] > 0],
        ["value", "censored", "undecided", "none", "failed"],
        default="missing",
    )
    return pd.DataFrame({
        "median": np.where(told, median, np.nan),
        "at_least": np.where(told, np.nan, np.where(np.isnan(median), longest, median)),
        "low": of_crossed["min"],
        "high": of_crossed["max"],
        "events": events,
        "runs": known,
        "censored": censored,
        **{name: table[name] for name in ("stopped", "unfitted", "undecided", "failed")},
        "shown": shown.astype(object),
    })  # fmt: skip


def medians(cell: np.ndarray, time: np.ndarray, crossed: np.ndarray, count: int) -> np.ndarray:
    """The Kaplan-Meier median of each cell's times, NaN where survival stays above one half.

    Args:
        cell: [runs] 0 ... count - 1.
        time: [runs] when it crossed, or where it was cut off.
        crossed: [runs] bool.
    """
    # Runs cut off at the time of a crossing were still on the way then: they come after it.
    order = np.lexsort((~crossed, time, cell))
    cell, time, crossed = cell[order], time[order], crossed[order]
    size = np.bincount(cell, minlength=count)
    on_the_way = size[cell] - (np.arange(len(cell)) - (np.cumsum(size) - size)[cell])
    stays = pd.Series(np.where(crossed, 1 - 1 / on_the_way, 1.0))
    # A product of thirds may miss one half by a rounding.
    half = np.flatnonzero(crossed & (stays.groupby(cell).cumprod().to_numpy() < 0.5 + 1e-9))
    cells, first = np.unique(cell[half], return_index=True)
    found = np.full(count, np.nan)
    found[cells] = time[half[first]]
    return found


def _span(cell: np.ndarray, time: np.ndarray, count: int) -> pd.DataFrame:
    """Smallest and largest time of each cell, NaN where there is none: columns `min`, `max`."""
    found = pd.DataFrame(pd.Series(time).groupby(cell).agg(["min", "max"]))
    return found.reindex(range(count))
