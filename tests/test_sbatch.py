"""What a sweep would submit, without a SLURM: packs, jobs, arrays, hours, and the script."""

from __future__ import annotations

import difflib
import os
import sys
from pathlib import Path

import pytest

from phasegrok import plan
from phasegrok.config import check, compose
from phasegrok.errors import InputError
from phasegrok.launch import slurm
from phasegrok.plan import Plan
from tests.sweeping import command, finished

ANY_LIMIT = (
    "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job submit "
    "limit, user's size and/or time limits)"
)

ACCEPTED = Path(__file__).parent / "data" / "sbatch.txt"

SETTINGS = (
    "launch.partition=gpu", "launch.account=physics", "launch.qos=normal",
    "launch.constraint=a100", "launch.gpus_per_node=2", "launch.cpus_per_task=4",
    "launch.mem_gb=7.5", "launch.timeout_min=240", "launch.array_parallelism=20",
    "launch.python=python3", "launch.setup=[module load cuda,source env/bin/activate]",
    "+launch.parameters.exclude=n7", "launch.runs_per_pack=3",
)  # fmt: skip


def planned(*settings: str, sweep: str = "quick", out: str = "/srv/sweeps/quick") -> Plan:
    """A plan for SLURM of which nothing is written."""
    arguments = [f"+sweep={sweep}", "launch=slurm", f"out={out}", "dry_run=true", *settings]
    config = compose(arguments)
    check(config, arguments)
    return plan.prepare(config)


def text() -> str:
    """The script of an array of two jobs."""
    found = planned(*SETTINGS)
    return slurm.executor(found.config, found.store).text(jobs=2)


def test_the_script_is_the_accepted_one() -> None:
    difference = "".join(
        difflib.unified_diff(
            ACCEPTED.read_text().splitlines(keepends=True),
            text().splitlines(keepends=True),
            "accepted",
            "now",
        )
    )
    assert not difference, (
        f"{difference}\nif that is right: python -m tests.test_sbatch > tests/data/sbatch.txt"
    )
    assert not Path("/srv/sweeps/quick").exists()


def test_a_script_of_one_job_is_no_array() -> None:
    found = planned(*SETTINGS)
    alone = slurm.executor(found.config, found.store).text(jobs=1)
    assert "--array" not in alone and "%A" not in alone


@pytest.mark.parametrize("jobs, size, expected", [(40, 11, [11, 11, 11, 7]), (3, 11, [3])])
def test_jobs_are_cut_into_arrays_whose_indices_are_below_the_limit(
    jobs: int, size: int, expected: list[int]
) -> None:
    made = slurm.arrays([(f"p{i:04d}",) for i in range(jobs)], size)
    assert [len(array) for array in made] == expected
    assert sum(made, ()) == tuple((f"p{i:04d}",) for i in range(jobs))


def test_a_job_trains_as_many_packs_as_it_has_gpus_or_cpus() -> None:
    names = [f"p{i:04d}" for i in range(5)]
    on_gpus = planned("launch.gpus_per_node=2", "launch.cpus_per_task=8").config
    assert slurm.jobs_of(names, on_gpus) == [tuple(names[:2]), tuple(names[2:4]), (names[4],)]
    on_cpus = planned("launch.gpus_per_node=0", "launch.cpus_per_task=4").config
    assert [len(job) for job in slurm.jobs_of(names, on_cpus)] == [4, 1]


def test_packs_hold_as_many_runs_as_asked_the_longest_first() -> None:
    packs = planned("launch.gpus_per_node=0", "launch.runs_per_pack=3").packs
    assert all(len(pack.runs) <= 3 for pack in packs) and len(packs) >= 6
    lengths = [pack.length for pack in packs]
    assert lengths == sorted(lengths, reverse=True)


def test_packs_fill_a_third_of_a_jobs_time_going_by_runs_that_were_timed(tmp_path: Path) -> None:
    """The estimate says what it rests on: arithmetic first, measured runs once there are some."""
    here = str(tmp_path / "quick")
    settings = ("launch.gpus_per_node=0", "launch.timeout_min=1")
    guessed = planned(*settings, out=here)
    assert "guessed from its arithmetic on a CPU core" in slurm.preview(guessed)
    assert finished(["+sweep=quick", f"out={here}", "sweep.x.num=2"]) == 0
    timed = planned(*settings, out=here)
    assert "runs of this kind took on a CPU core" in slurm.preview(timed)
    (estimate,) = {pack.estimate for pack in timed.packs}
    assert estimate is not None and estimate.seconds > 0
    suited = 20 / estimate.seconds
    assert max(len(pack.runs) for pack in timed.packs) <= max(suited, 1)


def test_a_dry_run_shows_packs_arrays_hours_and_the_script_and_writes_nothing(
    tmp_path: Path,
) -> None:
    """On a PATH without SLURM's commands, since none of them is needed."""
    out = tmp_path / "quick"
    without = {**os.environ, "PATH": str(Path(sys.executable).parent)}
    answer = command(
        "+sweep=quick", "launch=slurm", f"out={out}", "dry_run=true", *SETTINGS, env=without
    )
    assert answer.returncode == 0, answer.stderr
    assert "slurm on cuda" in answer.stdout
    assert "runs per pack, 2 packs a job" in answer.stdout
    assert "of at most 1001 (unless the site says otherwise)" in answer.stdout
    assert "GPU-hours, guessed from its arithmetic on a GPU, where nothing was" in answer.stdout
    assert "#SBATCH --partition=gpu" in answer.stdout
    assert not out.exists()


def test_without_slurm_the_message_says_where_to_go_and_nothing_is_submitted(
    tmp_path: Path,
) -> None:
    out = tmp_path / "quick"
    without = {**os.environ, "PATH": str(Path(sys.executable).parent)}
    answer = command("+sweep=quick", "launch=slurm", f"out={out}", env=without)
    assert answer.returncode == 2
    assert "this machine has no sbatch" in answer.stderr and "launch=local" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert not (out / "jobs.jsonl").exists()


@pytest.mark.parametrize(
    "setting, words",
    [
        ("launch.timeout=60", "launch.timeout = 60: no such key"),
        ("launch.gpus_per_node=-1", "launch.gpus_per_node = -1: must be a whole number >= 0"),
        ("launch.timeout_min=1.5", "launch.timeout_min = 1.5: must be a whole number of minutes"),
        ("launch.runs_per_pack=all", "launch.runs_per_pack = all: must be auto or a whole"),
        ("launch.setup=module", "launch.setup = module: must be a list of shell lines"),
        ("launch.workers=2", "launch.workers = 2: no such key"),
        ("launch.device=cpu", "launch.device = cpu: would leave 1 GPU a job idle"),
        ("+launch.parameters.time=5", "launch.parameters.time: set launch.timeout_min"),
        ("+launch.parameters.gpus-per-node=2", "launch.parameters.gpus-per-node: set launch.gpus"),
        ("+launch.parameters.job-name=mine", "launch.parameters.job-name: phasegrok sets it by"),
    ],
)
def test_a_wrong_setting_is_named_with_what_it_may_be(setting: str, words: str) -> None:
    with pytest.raises(InputError, match=words.replace(".", r"\.").replace("+", r"\+")):
        planned(setting if "timeout=" not in setting and "workers" not in setting
                else f"+{setting}")  # fmt: skip


@pytest.mark.parametrize(
    "said, key",
    [
        ("sbatch: error: invalid partition specified: gpux", "partition"),
        ("sbatch: error: Batch job submission failed: Requested time limit is invalid "
         "(missing or exceeds some limit)", "timeout_min"),
        ("sbatch: error: Invalid generic resource (gres) specification", "gpus_per_node"),
        ("sbatch: error: Batch job submission failed: Invalid feature specification",
         "constraint"),
        (f"sbatch: error: QOSMaxSubmitJobPerUserLimit\n{ANY_LIMIT}", "max_queued"),
        (f"sbatch: error: QOSMaxWallDurationPerJobLimit\n{ANY_LIMIT}", "timeout_min"),
        (f"sbatch: error: AssocGrpGRES\n{ANY_LIMIT}", "gpus_per_node"),
        ("sbatch: error: Batch job submission failed: Invalid account or account/partition "
         "combination specified", "account"),
        ("sbatch: error: Batch job submission failed: Invalid qos specification", "qos"),
        ("sbatch: error: Memory specification can not be satisfied\nsbatch: error: Batch job "
         "submission failed: Requested node configuration is not available", "mem_gb"),
    ],
)  # fmt: skip
def test_what_slurm_refuses_is_said_with_the_key_behind_it(said: str, key: str) -> None:
    launch = planned().config["launch"]
    words = slurm.refusal(f"Could not submit:\n{said}", launch)
    value = "null" if launch[key] is None else launch[key]
    assert words.startswith(f"launch.{key} = {value}: SLURM refused the job")
    assert "\n" not in words


@pytest.mark.parametrize(
    "said, words",
    [
        (ANY_LIMIT, "launch.max_queued keeps the jobs in the queue below the site's limit"),
        ("sbatch: error: Batch job submission failed: Requested node configuration is not "
         "available", "launch.cpus_per_task = 1, launch.gpus_per_node = 1, launch.mem_gb = 4"),
        ("sbatch: error: something else", "SLURM refused the job: something else"),
    ],
)  # fmt: skip
def test_a_refusal_that_tells_no_single_key_blames_none(said: str, words: str) -> None:
    found = slurm.refusal(said, planned().config["launch"])
    assert found.startswith("launch = slurm: SLURM refused the job") and words in found


def test_parameters_are_written_as_sbatch_knows_them_and_requeueing_can_be_refused() -> None:
    def text_with(*settings: str) -> str:
        found = planned(*settings)
        return slurm.executor(found.config, found.store).text(jobs=1)

    assert "#SBATCH --requeue\n" in text_with()
    assert "--mem=" not in text_with("launch.mem_gb=null")
    assert "#SBATCH --mail-type=END" in text_with("+launch.parameters={mail-type: END}")
    for refusing in ("no-requeue: true", "requeue: false"):
        assert "--requeue" not in text_with(f"launch.parameters={{{refusing}}}")
    assert "#SBATCH --no-requeue" in text_with("launch.parameters={no-requeue: true}")


if __name__ == "__main__":
    sys.stdout.write(text())
