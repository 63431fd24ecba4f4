"""How much arithmetic a run is, without training it: what lanes and the share of peak rest on.

Counted are the network's matrix products, in floating-point operations (a multiply-add is two), not
the few of what is measured of it. torch is not needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from phasegrok import models, tasks


@dataclass(frozen=True)
class Work:
    """Floating-point operations of a run's matrix products: of one update, of one evaluation."""

    step: int
    evaluation: int

    def of(self, steps: int, evaluations: int) -> int:
        """So many updates and evaluations together."""
        return steps * self.step + evaluations * self.evaluation


def of_run(config: Mapping[str, Any]) -> Work | None:
    """The work of a run; None for a user's own network, of which only torch could tell.

    An update takes three products where the forward pass has one (the other two give the gradients
    of the weights and of the input), and two where the input is the data.
    """
    task = config["task"]
    known = models.products(config["model"], tasks.sizes(task, config["seed"]))
    if known is None:
        return None
    examples = tasks.train_size(task)
    batch = min(config["train"].get("batch_size") or examples, examples)
    step = 2 * (3 * known.all - known.on_data) * batch
    return Work(step, 2 * known.all * tasks.size(task))
