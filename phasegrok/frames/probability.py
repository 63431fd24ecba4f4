"""How likely each phase is in each cell, and how sure a few seeds make that."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from phasegrok.errors import InputError
from phasegrok.frames.grid import Axis, phase_map
from phasegrok.phases import PHASES, UNDECIDED


def phase_probability(
    frame: pd.DataFrame, axes: Mapping[str, Axis], level: float = 0.95, phase: str = "phase"
) -> pd.DataFrame:
    """The phase map with a credible interval for the probability of each phase.

    Which seeds a rule leaves undecided depends on what they did: the shares of the others would be
    those of a choice. A cell with such a seed shows "undecided" and has no shares.

    Args:
        frame, axes, phase: as of `phase_map`.
        level: the probability that an interval holds, between 0 and 1.

    Returns:
        The columns of `phase_map`, among them `seeds`, `p.PHASE` (share of the seeds), `entropy`
        (bits) and `majority`; and `low.PHASE` and `high.PHASE`. Shares, entropy and intervals are
        NaN where there are no seeds, or undecided ones among them.
    """
    full = phase_map(frame, axes, phase)
    unknown = full["undecided"] > 0
    of_seeds = [*(f"p.{name}" for name in PHASES), "entropy"]
    full[of_seeds] = full[of_seeds].mask(unknown)
    full["shown"] = full["shown"].mask(unknown, UNDECIDED)
    seeds = full["seeds"].where(~unknown, 0).to_numpy()
    bounds = {}
    for name in PHASES:
        count = np.rint(full[f"p.{name}"].fillna(0).to_numpy() * seeds).astype("int64")
        bounds[f"low.{name}"], bounds[f"high.{name}"] = credible(count, seeds, level)
    return full.assign(**bounds)


def half_widths(full: pd.DataFrame) -> pd.Series:
    """Half the width of the widest interval in each cell of `phase_probability`."""
    widths = [full[f"high.{name}"] - full[f"low.{name}"] for name in PHASES]
    return pd.concat(widths, axis=1).max(axis=1) / 2


def credible(
    count: np.ndarray, total: np.ndarray, level: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """Jeffreys' interval for a probability, of `count` in `total`; NaN where the total is 0.

    The equal-tailed interval of Beta(count + 1/2, total - count + 1/2), which reaches to 0 if
    none was counted and to 1 if all were (Brown, Cai and DasGupta 2001, section 4.1.2).

    Args:
        count, total: [cells] of integers, 0 <= count <= total.
    """
    from scipy.special import betaincinv

    if not 0 < level < 1:
        raise InputError(f"level = {level}: must be between 0 and 1, as 0.95")
    # A grid has thousands of cells and a handful of different counts.
    pairs, at = np.unique(np.stack([count, total]), axis=1, return_inverse=True)
    k, n = pairs
    low, high = (
        betaincinv(k + 0.5, n - k + 0.5, share) for share in ((1 - level) / 2, (1 + level) / 2)
    )
    low, high = np.where(k == 0, 0.0, low), np.where(k == n, 1.0, high)
    low, high = np.where(n == 0, np.nan, low), np.where(n == 0, np.nan, high)
    return low[at.ravel()], high[at.ravel()]
