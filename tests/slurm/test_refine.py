"""Rounds of refinement as SLURM jobs: waited for, and one at a time."""

from __future__ import annotations

import time
from pathlib import Path

from phasegrok import submitted
from tests.slurm.cluster import Cluster
from tests.slurm.sweeps import PLAIN, Sweep
from tests.sweeping import unfinished

REFINED = (*PLAIN, "+sweep=quick", "train.steps=40", "train.eval_every=20", "sweep.x.num=5",
           "sweep.y.num=5", "seeds=1", "sweep.refine.start=3")  # fmt: skip


def rounds(sweep: Sweep) -> int:
    return max(row["round"] for row in sweep.store.plan(["round"]))


def test_a_waiting_command_submits_round_after_round(slurm: Cluster, tmp_path: Path) -> None:
    sweep = Sweep(slurm, tmp_path / "quick", *REFINED, "launch.wait=true")
    answer = sweep.submit(timeout=570)
    assert answer.returncode == 0, answer.stderr
    assert rounds(sweep) >= 2 and not unfinished(sweep.out)
    assert len(submitted.submissions(sweep.store)) == rounds(sweep)
    assert f"refined in {rounds(sweep)} rounds" in answer.stdout


def test_a_command_that_does_not_wait_submits_one_round_and_goes_on_when_given_again(
    slurm: Cluster, tmp_path: Path
) -> None:
    sweep = Sweep(slurm, tmp_path / "quick", *REFINED)
    first = sweep.submit()
    assert first.returncode == 0 and "submitted" in first.stdout, first.stderr
    assert rounds(sweep) == 1
    for _ in range(120):
        if not unfinished(sweep.out):
            break
        time.sleep(2)
    again = sweep.submit()
    assert again.returncode == 0 and "submitted" in again.stdout, again.stderr
    assert rounds(sweep) == 2 and len(submitted.submissions(sweep.store)) == 2
