"""The phase of a cell, from those of its seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from phasegrok.phases.kinds import PHASES, UNDECIDED

if TYPE_CHECKING:
    import pandas as pd


def cell_table(frame: pd.DataFrame, by: Sequence[str], phase: str = "phase") -> pd.DataFrame:
    """One row per cell: phase probabilities over seeds, majority phase, ties and entropy.

    Args:
        by: the columns whose values make a cell. Cells come in the order of those values.

    Returns:
        Columns `by`, then `seeds` (runs whose phase is known), `majority` (a phase, "tie", or
        "undecided" where as many runs or more are undecided), `tied` (the phases that share the
        lead), `p.PHASE` (share of seeds in each phase), `entropy` (bits), `undecided` and
        `failed` (runs).
    """
    import pandas as pd

    failed = frame["status"].eq("failed") if "status" in frame else pd.Series(False, frame.index)
    label = frame[phase].astype(object)
    label = label.where(label.isin(PHASES), UNDECIDED).mask(failed, "failed")
    rows: Any = frame.assign(_label=label).groupby([*by, "_label"], sort=True, dropna=False)
    sizes = rows.size().unstack(fill_value=0)
    counts = sizes.reindex(columns=[*PHASES, UNDECIDED, "failed"], fill_value=0)
    told = [_told(tuple(row)) for row in counts[[*PHASES, UNDECIDED]].to_numpy().tolist()]
    known = counts[list(PHASES)].sum(axis=1)
    table = counts.index.to_frame(index=False)
    table["seeds"] = known.to_numpy()
    table["majority"], table["tied"] = [cell[0] for cell in told], [cell[1] for cell in told]
    for name in PHASES:
        table[f"p.{name}"] = (counts[name] / known.where(known > 0)).to_numpy()
    table["entropy"] = [cell[2] for cell in told]
    for name in (UNDECIDED, "failed"):
        table[name] = counts[name].to_numpy()
    return table


@lru_cache(maxsize=4096)
def _told(counts: tuple[int, ...]) -> tuple[str, tuple[str, ...], float]:
    """Majority, tied phases and entropy of a cell with so many runs in each phase, or undecided."""
    *of_phases, undecided = counts
    tied = leaders(dict(zip(PHASES, of_phases, strict=True)))
    if not tied or undecided >= max(of_phases):
        majority = UNDECIDED
    else:
        majority = tied[0] if len(tied) == 1 else "tie"
    return majority, tied, entropy(of_phases)


def leaders(counts: Mapping[str, int]) -> tuple[str, ...]:
    """The phases that share the largest count; empty if nothing was counted."""
    top = max(counts.values(), default=0)
    return tuple(name for name, count in counts.items() if count == top) if top else ()


def entropy(counts: Any) -> float:
    """Shannon entropy of the shares, in bits; NaN if nothing was counted."""
    known = [count for count in counts if count]
    total = sum(known)
    if not total:
        return math.nan
    return -sum(c / total * math.log2(c / total) for c in known) + 0.0
