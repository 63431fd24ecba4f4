"""What is kept of a run while it trains: first crossings, extremes and a thinned curve."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from phasegrok.observables import OBSERVABLES
from phasegrok.phases import LADDER, needed

CURVE = ("step", "train_acc", "val_acc", "train_loss", "val_loss", "weight_norm")
_COLUMN = {name: position for position, name in enumerate(OBSERVABLES)}


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
    """The memory of one run: totals are fixed, the rest grows with every evaluation."""

    watch: Watch
    train_total: int
    val_total: int
    crossings: dict[str, dict[float, int]] = field(default_factory=lambda: {"train": {}, "val": {}})
    max_val_acc: float = 0.0
    curve: list[list[float]] = field(default_factory=list)
    last: list[float] = field(default_factory=list)
    diverged: bool = False

    def __post_init__(self) -> None:
        w = self.watch
        self._pending = {
            "train": self._thresholds("train", w.train_accuracy, w.stop_train),
            "val": self._thresholds("val", w.val_accuracy, w.stop_val),
        }

    def _thresholds(self, side: str, *extra: float | None) -> list[tuple[int, float]]:
        """Thresholds not crossed yet as (correct answers needed, accuracy), easiest first."""
        total = self.train_total if side == "train" else self.val_total
        wanted = {*LADDER, *(e for e in extra if e is not None)} - self.crossings[side].keys()
        return sorted((needed(accuracy, total), accuracy) for accuracy in wanted)

    def add(self, step: int, values: list[float], keep: bool) -> None:
        """Take in one evaluation: `values` in the order of OBSERVABLES."""
        if not (math.isfinite(values[_COLUMN["train_loss"]])
                and math.isfinite(values[_COLUMN["weight_norm"]])):  # fmt: skip
            self.diverged = True
        train_correct, val_correct = (
            values[_COLUMN["train_correct"]],
            values[_COLUMN["val_correct"]],
        )
        if not self.diverged:
            self._cross("train", step, train_correct)
            self._cross("val", step, val_correct)
            self.max_val_acc = max(self.max_val_acc, val_correct / self.val_total)
        self.last = [
            float(step),
            train_correct / self.train_total,
            val_correct / self.val_total,
            values[_COLUMN["train_loss"]],
            values[_COLUMN["val_loss"]],
            values[_COLUMN["weight_norm"]],
        ]
        if keep:
            self.curve.append(self.last)

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
        curve = self.curve if self.curve[-1:] == [self.last] else [*self.curve, self.last]
        train, val = self.crossings["train"], self.crossings["val"]
        return {
            "steps": int(self.last[0]),
            "train_step": train.get(self.watch.train_accuracy),
            "val_step": val.get(self.watch.val_accuracy),
            "train_steps": [train.get(accuracy) for accuracy in LADDER],
            "val_steps": [val.get(accuracy) for accuracy in LADDER],
            **dict(zip(CURVE[1:], self.last[1:], strict=True)),
            "max_val_acc": self.max_val_acc,
            **{f"curve.{name}": [point[i] for point in curve] for i, name in enumerate(CURVE)},
        }

    def state(self) -> dict[str, Any]:
        """Plain numbers and lists, from which `restored` goes on."""
        w = self.watch
        return {
            "thresholds": [[w.train_accuracy, w.stop_train], [w.val_accuracy, w.stop_val]],
            "crossings": {side: dict(steps) for side, steps in self.crossings.items()},
            "max_val_acc": self.max_val_acc,
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
    def restored(cls, state: dict[str, Any], watch: Watch, train: int, val: int) -> Record:
        return cls(
            watch,
            train,
            val,
            crossings={side: dict(steps) for side, steps in state["crossings"].items()},
            max_val_acc=state["max_val_acc"],
            curve=[list(point) for point in state["curve"]],
            last=list(state["last"]),
        )
