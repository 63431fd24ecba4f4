"""Two phase maps on one grid: where they differ, and how far they agree."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from phasegrok.errors import InputError
from phasegrok.frames.grid import Axis, phase_map
from phasegrok.frames.places import located, some, whole
from phasegrok.phases import PHASES


def common_axes(first: Mapping[str, Axis], second: Mapping[str, Axis]) -> dict[str, Axis]:
    """The axes of the first with the values that the second has too, whatever it calls the axis.

    Raises:
        InputError: the two span different keys, or have no value of a key in common.
    """
    mine, theirs = ({axis.key: axis for axis in axes.values()} for axes in (first, second))
    if set(mine) != set(theirs):
        raise InputError(
            f"only maps over the same keys can be compared: one is over {', '.join(mine)}, the "
            f"other over {', '.join(theirs)}"
        )
    shared = {}
    for name, axis in first.items():
        values = [value for value in axis.values if value in theirs[axis.key].values]
        if not values:
            raise InputError(
                f"the two maps share no value of {axis.key}: one has {some(axis.values, 4)}, the "
                f"other {some(theirs[axis.key].values, 4)}"
            )
        shared[name] = Axis(axis.key, tuple(values), axis.scale)
    return shared


def difference(first: pd.DataFrame, second: pd.DataFrame, axes: Mapping[str, Axis]) -> pd.DataFrame:
    """What two sets of runs show in every cell of a grid, and whether it is the same.

    Args:
        first: one row per run, with `phase`, `status` and a column for every axis; `second` too.
        axes: the common grid, as from `common_axes`. Runs off it drop out.

    Returns:
        One row per cell: the place as in `phase_map`; `first`, `second` (what each shows), with
        `first.tied`, `second.tied` (the phases that tie there); `same` (boolean; NA where either
        of them shows no phase: missing, failed, undecided). Ties are the same if the same phases
        tie.
    """
    maps = {"first": phase_map(first, axes), "second": phase_map(second, axes)}
    full = located(whole(axes), axes)
    for name, cells in maps.items():
        full[name], full[f"{name}.tied"] = cells["shown"], cells["tied"]
    full["same"] = phase_words(maps["first"]) == phase_words(maps["second"])
    return full


def phase_words(cells: pd.DataFrame, shown: str = "shown") -> pd.Series:
    """One word for what each cell shows: its phase, or those that tie; NA without any phase.

    Args:
        shown: the column of a frame of cells, which has `tied` or, for another name, `NAME.tied`.
    """
    tied = cells["tied" if shown == "shown" else f"{shown}.tied"].tolist()
    words = [
        " = ".join(phases) if word == "tie" else word if word in PHASES else None
        for word, phases in zip(cells[shown].tolist(), tied, strict=True)
    ]
    return pd.Series(words, index=cells.index, dtype="string")


def agreement(
    full: pd.DataFrame, draws: int = 1000, level: float = 0.95, seed: int = 0
) -> pd.Series:
    """How far two maps agree: the share of equal cells and Cohen's kappa.

    Kappa is the agreement beyond what two maps with these shares of phases would have by chance
    (Cohen 1960, Educ. Psychol. Meas. 20, 37): 1 is perfect, 0 is chance; NaN if both show one and
    the same phase everywhere, where chance alone agrees. Intervals are percentiles of a bootstrap
    over cells (Efron & Tibshirani 1993, ch. 13; draws without a kappa do not count for its own),
    as if cells were independent: neighbours are alike, so that intervals are rather too narrow,
    and where no cell differs they have no width.

    Args:
        full: as from `difference`. Cells where either map shows no phase are left out; a tie
            counts as a label of its own, one for each set of phases that tie.
        draws: resamples; level: of the intervals; seed: of the resamples.

    Returns:
        `cells` (compared), `left_out`, `share`, `share.low`, `share.high`, `kappa`, `kappa.low`,
        `kappa.high`.
    """
    if draws < 1 or not 0 < level < 1:
        raise InputError(
            f"agreement: draws = {draws}, level = {level}; need 1 or more, and between 0 and 1"
        )
    words = pd.DataFrame({name: phase_words(full, name) for name in ("first", "second")})
    known = words.dropna()
    if known.empty:
        raise InputError(
            f"there is nothing to compare: none of the {len(full)} cells of the common grid shows "
            "a phase in both"
        )
    table = _contingency(known)
    chances = (table / len(known)).ravel()
    resampled = np.random.default_rng(seed).multinomial(len(known), chances, size=draws)
    found = {"cells": len(known), "left_out": len(full) - len(known)}
    drawn = _share_and_kappa(resampled.reshape(draws, *table.shape))
    for name, value, values in zip(("share", "kappa"), _share_and_kappa(table), drawn, strict=True):
        finite = values[np.isfinite(values)]
        sides = (1 - level) / 2, (1 + level) / 2
        low, high = np.quantile(finite, sides) if len(finite) else (np.nan, np.nan)
        found |= {name: float(value), f"{name}.low": low, f"{name}.high": high}
    return pd.Series(found, dtype=object, name="agreement")


def _contingency(known: pd.DataFrame) -> np.ndarray:
    """How many cells have each pair of labels: [labels, labels]."""
    codes, labels = pd.factorize(known[["first", "second"]].to_numpy(object).ravel())
    table = np.zeros((len(labels), len(labels)), dtype="int64")
    np.add.at(table, tuple(codes.reshape(-1, 2).T), 1)
    return table


def _share_and_kappa(tables: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of equal cells and kappa of contingency tables [..., labels, labels]."""
    shares = tables / tables.sum(axis=(-2, -1), keepdims=True)
    equal = np.trace(shares, axis1=-2, axis2=-1)
    by_chance = (shares.sum(axis=-1) * shares.sum(axis=-2)).sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        kappa = np.where(by_chance < 1, (equal - by_chance) / (1 - by_chance), np.nan)
    return equal, kappa
