"""Sweeps on a real SLURM: what a user gets is what a laptop gives, whatever happens on the way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from phasegrok import submitted
from phasegrok.store import Store
from tests.slurm.cluster import Cluster
from tests.slurm.sweeps import PLAIN, Sweep, figure_hash
from tests.sweeping import command, unfinished

QUICK = ("+sweep=quick", "launch.runs_per_pack=4", "train.lanes=4", "train.compile=false")


def test_a_sweep_on_slurm_gives_what_it_gives_here(slurm: Cluster, tmp_path: Path) -> None:
    """Every result column bit for bit, and a figure of the same data."""
    there = Sweep(slurm, tmp_path / "there" / "quick", *QUICK)
    answer = there.submit()
    assert answer.returncode == 0, answer.stderr
    assert "submitted 8 jobs in 1 array" in answer.stdout
    assert f"phasegrok status {there.out}" in answer.stdout
    there.until_queue_is_empty()
    there.collected()
    here = tmp_path / "here" / "quick"
    local = [setting for setting in QUICK if not setting.startswith("launch.")]
    assert command(*local, f"out={here}").returncode == 0
    there.assert_equals(here)
    assert figure_hash(there.out) == figure_hash(here)


def test_forty_packs_pass_through_a_queue_of_five_in_arrays_below_the_limit(
    slurm: Cluster, tmp_path: Path
) -> None:
    """MaxArraySize is 11 here; both nodes take part; the command waits and draws."""
    sweep = Sweep(slurm, tmp_path / "quick", "+sweep=quick", "train.lanes=1", "train.steps=100",
                  "launch.runs_per_pack=1", "launch.max_queued=5", "launch.wait=true",
                  "sweep.x.num=5", "train.compile=false")  # fmt: skip
    answer = sweep.submit(timeout=570)
    assert answer.returncode == 0, answer.stderr
    assert "40 of 40 runs" in answer.stdout and not unfinished(sweep.out)
    made = submitted.submissions(sweep.store)
    assert sum(len(each.packs) for each in made) == 40
    assert len(made) >= 8 and max(len(each.packs) for each in made) <= 5
    assert {"n1", "n2"} <= nodes_of(sweep)
    assert (sweep.out / "phase_diagram.png").exists()


def test_packs_beyond_the_limit_of_an_array_go_into_further_arrays(
    slurm: Cluster, tmp_path: Path
) -> None:
    """As many as the site's MaxArraySize, which is asked for, allows in each."""
    sweep = Sweep(slurm, tmp_path / "quick", "+sweep=quick", "launch.runs_per_pack=1",
                  "train.lanes=1", "sweep.x.num=3", "train.compile=false")  # fmt: skip
    answer = sweep.submit()
    assert "submitted 24 jobs in 3 arrays" in answer.stdout, answer.stderr
    made = submitted.submissions(sweep.store)
    assert [len(each.packs) for each in made] == [11, 11, 2]
    assert sweep.command("cancel").returncode == 0
    sweep.until_queue_is_empty()


def nodes_of(sweep: Sweep) -> set[str]:
    """The nodes that trained a part of the sweep."""
    return {each.host for of in sweep.attempts().values() for each in of}


def test_without_waiting_the_queue_is_filled_again_by_retry(slurm: Cluster, tmp_path: Path) -> None:
    sweep = Sweep(slurm, tmp_path / "quick", *QUICK, "launch.max_queued=3")
    answer = sweep.submit()
    assert "submitted 3 jobs" in answer.stdout
    assert "no room in the queue for 5 packs" in answer.stdout
    assert sweep.complete() >= 1
    made = submitted.submissions(sweep.store)
    assert sorted(name for each in made for job in each.packs for name in job) == [
        f"p{number:04d}" for number in range(8)
    ]


def test_cancel_ends_the_sweeps_jobs_and_no_others(slurm: Cluster, tmp_path: Path) -> None:
    foreign = slurm.run("sbatch", "--parsable", "--mem=100", f"--output={tmp_path}/foreign.log",
                        "--wrap", "sleep 600").strip()  # fmt: skip
    sweep = Sweep(slurm, tmp_path / "quick", *LONG)
    assert sweep.submit().returncode == 0
    sweep.until(lambda: "RUNNING" in sweep.states(), "a job runs")
    answer = sweep.command("cancel")
    assert answer.returncode == 0 and "cancelled 2 jobs" in answer.stdout
    sweep.until_queue_is_empty()
    assert slurm.job_states()[foreign] in ("RUNNING", "PENDING")
    assert sweep.command("cancel").stdout.strip() == "no job of this sweep is in the queue"
    slurm.run("scancel", foreign)


LONG = ("+sweep=quick", *PLAIN, "sweep.x.num=1", "seeds=30", "train.steps=20000",
        "train.stop_when_decided=false", "train.eval_every=20", "launch.runs_per_pack=60",
        "launch.flush_s=1", "launch.checkpoint_s=2")  # fmt: skip


# --------------------------------------------------------------------------------- runs at fault


def test_a_run_that_raises_fails_alone_and_says_why(slurm: Cluster, tmp_path: Path) -> None:
    """One of the pack's runs cannot be trained; its traceback is kept, the others end."""
    (tmp_path / "brittle.py").write_text(BRITTLE)
    sweep = Sweep(slurm, tmp_path / "quick", "+sweep=quick", "model=own", "model.name=brittle:Net",
                  "model.width=null", "train.compile=false", "launch.runs_per_pack=12",
                  "train.steps=100", "launch.wait=true", "sweep.x.num=1", "seeds=6",
                  cwd=tmp_path)  # fmt: skip
    answer = sweep.submit(timeout=400)
    assert answer.returncode == 1, answer.stderr
    rows = Store(sweep.out).rows(["status", "optim.weight_decay"]).to_pylist()
    failed = [row for row in rows if row["status"] == "failed"]
    assert len(rows) == 24 and 0 < len(failed) < 24
    reports = [json.loads(path.read_text()) for path in (sweep.out / "errors").glob("*.json")]
    assert len(reports) == len(failed)
    assert all("no luck with this one" in report["traceback"] for report in reports)
    assert all(report["config"]["model"]["name"] == "brittle:Net" for report in reports)
    status = sweep.command("status")
    assert status.returncode == 1 and "no luck with this one" in status.stdout


# Raises while it is made, for some seeds: a fault of the run, not of the machine.
BRITTLE = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, symbols, outputs, **settings):
        super().__init__()
        self.table = nn.Parameter(torch.randn(symbols, outputs))
        if float(self.table[0, 0]) > 0:
            raise RuntimeError("no luck with this one")

    def forward(self, pairs):
        return self.table[pairs[:, 0]] * self.table[pairs[:, 1]]
"""


# ------------------------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    "setting, words",
    [
        ("launch.partition=nowhere", "launch.partition = nowhere: SLURM refused the job"),
        ("launch.gpus_per_node=3", "launch.gpus_per_node = 3: SLURM refused the job"),
        ("launch.mem_gb=99999", "launch.mem_gb = 99999: SLURM refused the job"),
        ("launch.timeout_mins=5", "launch.timeout_mins"),
        ("launch.partition=short", "launch.timeout_min = 60: short takes jobs of at most 1 min"),
        ("launch.device=cuda", "launch.device = cuda: needs launch.gpus_per_node >= 1"),
    ],
)
def test_what_slurm_or_the_schema_refuses_is_one_message_and_nothing_is_submitted(
    slurm: Cluster, tmp_path: Path, setting: str, words: str
) -> None:
    sweep = Sweep(slurm, tmp_path / "quick", *QUICK)
    slurm.until(lambda: not slurm.run("squeue", "--noheader"), "no job is left", 60)
    answer = sweep.submit(setting)
    assert answer.returncode == 2, answer.stdout
    assert words in answer.stderr and "Traceback" not in answer.stderr
    assert answer.stderr.count("phasegrok:") == 1
    assert not slurm.run("squeue", "--noheader")
    assert not sweep.store.jobs_file.exists()
