"""What a kind of figure is given: the runs chosen, and the options that it has."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from phasegrok.frames import Axis
from phasegrok.phases import Rule

# Columns that steps are read from, under thresholds other than those of the runs.
LADDERS = ("train_steps", "val_steps")


@dataclass(frozen=True)
class Other:
    """Another sweep: its name, its runs with their phase under the rule, its axes.

    Args:
        about: of its runs drawn, what it has of its own, in words.
    """

    name: str
    runs: pd.DataFrame
    axes: Mapping[str, Axis]
    rule: Rule
    about: Callable[[pd.DataFrame], str]


@dataclass(frozen=True)
class Asked:
    """What a figure is made of: the runs, with their phase under the rule, and what was chosen."""

    name: str
    runs: pd.DataFrame
    axes: Mapping[str, Axis]
    rule: Rule
    budget: int
    at: Mapping[str, Sequence[str]] = field(default_factory=dict)
    of: str | None = None
    column: str | None = None
    accuracy: float | None = None
    against: Sequence[str] = ()
    gaps: Sequence[int | float] = ()
    curves: Callable[[Sequence[str]], pd.DataFrame] | None = None
    weights: Callable[[Sequence[str]], Mapping[str, Any]] | None = None
    other: Callable[[str], Other] | None = None

    @property
    def steps(self) -> int:
        """The budget that the runs are judged by."""
        return self.rule.budget or self.budget
