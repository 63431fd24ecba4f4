"""Programs: how often they are compiled, and that they are compiled at all."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch._dynamo.utils import counters

from tests.engine_cases import CASES, Case, lanes, of_sizes, trained, with_config

SGD = {case.model: replace(case, optim="sgd", batch_size=None, group=None, warmup=False, clip=None)
       for case in CASES}  # fmt: skip
# A network of each family in which every training example has a place of its own.
FAMILIES = ("quadratic_mlp", "gelu slots concat", "relu onehot", "liu2022 vector", "vector_mlp",
            "transformer power", "transformer nanda", "message_passing", "mlp batch norm",
            "vector_mlp layer norm")  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_a_program_is_compiled_once_for_every_training_set_size(family):
    """And trains on with it; which a second evaluation interval of every size shows."""
    counters.clear()
    (run,) = lanes(SGD[family], 1, steps=4, eval_every=2)
    model = {**run.config["model"], **({"blocks": 1} if "blocks" in run.config["model"] else {})}
    for one in of_sizes(with_config(run, model=model), (0.3, 0.5, 0.8)):
        (outcome,) = trained([one], 2, compiled=True).values()
        assert outcome.row["steps"] == 4
    assert counters["stats"]["unique_graphs"] == 2  # a step and an evaluation


def test_the_programs_of_a_process_are_compiled_whatever_came_before():
    counters.clear()
    with torch._dynamo.config.patch(recompile_limit=1):
        for loss in ("mse", "cross_entropy"):
            (run,) = lanes(Case("quadratic_mlp", "x+y", loss, "sgd", 0.01), 1, steps=1)
            (outcome,) = trained([run], 2, compiled=True).values()
            assert outcome.status == "finished"
    assert counters["stats"]["unique_graphs"] == 4
