"""What is kept of a run while it trains: first crossings, extremes and a thinned curve."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from phasegrok.observables import BEST, FIRST, OBSERVABLES
from phasegrok.phases import LADDER, needed

# What an evaluation says of a run: the step, then observables; null: it has none of what is counted
Point = list[float | None]


@dataclass(frozen=True)
class Watch:
    """What to look for while training; none of it changes the training itself.

    Attributes:
        train_accuracy, val_accuracy: the thresholds whose first crossings are `train_step` and
            `val_step` (the sweep's rule).
        stop_train, stop_val: a run that has crossed both is decided and stops; None: never.
        points_per_decade: density of the stored curve on the log of the step; 0: every evaluation.
    """

    train_accuracy: float = 0.9
    val_accuracy: float = 0.9
    stop_train: float | None = 0.9
    stop_val: float | None = 0.9
    points_per_decade: int = 16


def on_curve(step: int, eval_every: int, points_per_decade: int) -> bool:
    """Whether the evaluation at `step` is kept in the curve.

    Depends on the step alone, not on the budget, so that a continued run has the same curve.
    """
    evaluation = step // eval_every
    if evaluation <= 1 or points_per_decade == 0:
        return True
    bins = [math.floor(points_per_decade * math.log10(e)) for e in (evaluation - 1, evaluation)]
    return bins[0] != bins[1]


@dataclass
class Record:
    """The memory of one run: totals and names are fixed, the rest grows with every evaluation.

    Attributes:
        totals: how many examples there are of each sort that observables count.
        names: the run's observables, in the order of `add` and of a point after its step.
    """

    watch: Watch
    totals: Mapping[str, int]
    names: Sequence[str] = FIRST
    crossings: dict[str, dict[float, int]] = field(default_factory=lambda: {"train": {}, "val": {}})
    best: dict[str, float] = field(default_factory=dict)
    curve: list[Point] = field(default_factory=list)
    last: Point = field(default_factory=list)
    diverged: bool = False

    def __post_init__(self) -> None:
        w = self.watch
        self._pending = {
            "train": self._thresholds("train", w.train_accuracy, w.stop_train),
            "val": self._thresholds("val", w.val_accuracy, w.stop_val),
        }

    def _thresholds(self, side: str, *extra: float | None) -> list[tuple[int, float]]:
        """Thresholds not crossed yet as (correct answers needed, accuracy), easiest first."""
        wanted = {*LADDER, *(e for e in extra if e is not None)} - self.crossings[side].keys()
        return sorted((needed(accuracy, self.totals[side]), accuracy) for accuracy in wanted)

    def add(self, step: int, values: Sequence[float], keep: bool) -> None:
        """Take in one evaluation: `values` as measured, of each of `names`."""
        measured = dict(zip(self.names, values, strict=True))
        if not (math.isfinite(measured["train_loss"]) and math.isfinite(measured["weight_norm"])):
            self.diverged = True
        stored = {name: self._stored(name, value) for name, value in measured.items()}
        if not self.diverged:
            self._cross("train", step, measured["train_acc"])
            self._cross("val", step, measured["val_acc"])
            for name in BEST.values():
                self.best[name] = max(self.best.get(name, 0.0), stored.get(name) or 0.0)
        self.last = [float(step), *stored.values()]
        if keep:
            self.curve.append(self.last)

    def _stored(self, name: str, value: float) -> float | None:
        """A count as its share of what is counted; None where there is nothing to count."""
        counted = OBSERVABLES[name].of
        if counted is None:
            return value
        return value / self.totals[counted] if self.totals[counted] else None

    def _cross(self, side: str, step: int, correct: float) -> None:
        pending = self._pending[side]
        while pending and correct >= pending[0][0]:
            self.crossings[side][pending.pop(0)[1]] = step

    def decided(self) -> bool:
        """Both stop thresholds have been crossed."""
        w = self.watch
        if w.stop_train is None or w.stop_val is None:
            return False
        return w.stop_train in self.crossings["train"] and w.stop_val in self.crossings["val"]

    def outcome(self) -> dict[str, Any]:
        """The columns of a result row that come from training (curves end with the stop)."""
        ends_there = self.curve and self.curve[-1][0] == self.last[0]
        curve = self.curve if ends_there else [*self.curve, self.last]
        columns = dict(zip(("step", *self.names), zip(*curve, strict=True), strict=True))
        train, val = self.crossings["train"], self.crossings["val"]
        return {
            "steps": int(self.last[0] or 0),
            "train_step": train.get(self.watch.train_accuracy),
            "val_step": val.get(self.watch.val_accuracy),
            "train_steps": [train.get(accuracy) for accuracy in LADDER],
            "val_steps": [val.get(accuracy) for accuracy in LADDER],
            **dict(zip(self.names, self.last[1:], strict=True)),
            **{column: self.best.get(name, 0.0) for column, name in BEST.items()},
            **{f"curve.{name}": list(values) for name, values in columns.items()
               if self._on_curve(name, values)},
        }  # fmt: skip

    def _on_curve(self, name: str, values: Sequence[float | None]) -> bool:
        kept = name == "step" or OBSERVABLES[name].curve
        return kept and any(value is not None for value in values)

    def state(self) -> dict[str, Any]:
        """Plain numbers and lists, from which `restored` goes on."""
        w = self.watch
        return {
            "thresholds": [[w.train_accuracy, w.stop_train], [w.val_accuracy, w.stop_val]],
            "crossings": {side: dict(steps) for side, steps in self.crossings.items()},
            "names": list(self.names),
            "best": dict(self.best),
            "curve": [list(point) for point in self.curve],
            "last": list(self.last),
        }

    @staticmethod
    def answers(state: dict[str, Any], watch: Watch) -> bool:
        """Whether this memory watched the thresholds asked for now, so that it can be continued."""
        train, val = ({*LADDER, None, *watched} for watched in state["thresholds"])
        return {watch.train_accuracy, watch.stop_train} <= train and {
            watch.val_accuracy,
            watch.stop_val,
        } <= val

    @classmethod
    def restored(
        cls, state: dict[str, Any], watch: Watch, totals: Mapping[str, int], names: Sequence[str]
    ) -> Record:
        """The memory that `state` gave; what a former version did not measure is null in it."""
        before = ("step", *state.get("names", FIRST))

        def point(values: Point) -> Point:
            known = dict(zip(before, values, strict=True))
            return [known.get(name) for name in ("step", *names)]

        return cls(
            watch,
            totals,
            names,
            crossings={side: dict(steps) for side, steps in state["crossings"].items()},
            best=state["best"] if "best" in state else {"val_acc": state["max_val_acc"]},
            curve=[point(values) for values in state["curve"]],
            last=point(state["last"]),
        )
