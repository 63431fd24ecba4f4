"""The test cluster is a SLURM: it spreads, preempts, notices dead nodes; and it leaves nothing."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.slurm.cluster import Cluster, processes
from tests.slurm.configuration import NODES

IDLE = dict.fromkeys(NODES, "idle")
OWN = pytest.mark.usefixtures("slurm_installed")


@pytest.fixture
def calm(slurm: Cluster) -> Iterator[Cluster]:
    """The shared cluster, left without jobs and with both nodes up."""
    yield slurm
    slurm.calm()


def submit(cluster: Cluster, folder: Path, command: str, *options: str) -> str:
    """The id of a new job that appends what it says to `said-<index or job>` in the folder."""
    said = f"--output={folder}/said-%a" if "--array" in " ".join(options) else f"-o{folder}/said"
    append = "--open-mode=append"
    return cluster.run("sbatch", "--parsable", said, append, *options, "--wrap", command).strip()


def reaches(cluster: Cluster, job: str, state: str, timeout: float = 30) -> None:
    cluster.until(lambda: cluster.job_states()[job] == state, f"job {job} is {state}", timeout)


def running(cluster: Cluster) -> set[str]:
    """The programs of the cluster and of its jobs that run now."""
    names = set()
    for pid in processes(cluster.folder):
        with contextlib.suppress(OSError):  # it ended meanwhile
            names.add(Path(f"/proc/{pid}/comm").read_text().strip())
    return names


def test_both_nodes_are_idle(slurm: Cluster) -> None:
    assert slurm.node_states() == IDLE


def test_an_array_spreads_over_both_nodes(calm: Cluster, tmp_path: Path) -> None:
    job = submit(calm, tmp_path, "echo $SLURMD_NODENAME; sleep 2", "--array=0-1")
    for index in "01":
        reaches(calm, f"{job}_{index}", "COMPLETED")
    assert {(tmp_path / f"said-{index}").read_text().strip() for index in "01"} == set(NODES)


def test_an_index_of_max_array_size_is_refused(slurm: Cluster) -> None:
    assert "MaxArraySize            = 11" in slurm.run("scontrol", "show", "config")
    with pytest.raises(RuntimeError, match="Invalid job array"):
        slurm.run("sbatch", "--array=11", "--wrap", "true")


def test_a_time_limit_above_the_partitions_leaves_a_job_waiting(
    calm: Cluster, tmp_path: Path
) -> None:
    submit(calm, tmp_path, "true", "--partition=short", "--time=2")
    why = ("squeue", "--noheader", "--format=%r")
    calm.until(lambda: calm.run(*why).strip() == "PartitionTimeLimit", "SLURM says why it waits")


def test_a_job_in_urgent_preempts_one_in_debug_which_runs_again(
    calm: Cluster, tmp_path: Path
) -> None:
    again = '[ "$SLURM_RESTART_COUNT" = 1 ] && echo again || { echo first; sleep 60; }'
    low = submit(calm, tmp_path, again, "--nodelist=n1")
    reaches(calm, low, "RUNNING")
    high = submit(calm, tmp_path, "sleep 1", "--partition=urgent", "--nodelist=n1")
    reaches(calm, high, "COMPLETED")
    reaches(calm, low, "COMPLETED")
    assert (tmp_path / "said").read_text().split()[-1] == "again"


@pytest.mark.slow
def test_a_node_whose_slurmd_is_killed_goes_down_and_its_job_runs_again_elsewhere(
    calm: Cluster, tmp_path: Path
) -> None:
    command = "echo $SLURMD_NODENAME; [ $SLURMD_NODENAME = n2 ] || sleep 60"
    job = submit(calm, tmp_path, command)
    reaches(calm, job, "RUNNING")
    calm.kill_node("n1")
    calm.until(lambda: calm.node_states()["n1"].startswith("down"), "n1 is down")
    assert "sleep" in running(calm), "what ran on a node that is cut off goes on"
    reaches(calm, job, "COMPLETED")
    assert (tmp_path / "said").read_text().split() == ["n1", "n2"]


def test_jobs_outlive_a_restart_of_the_controller(calm: Cluster, tmp_path: Path) -> None:
    job = submit(calm, tmp_path, "sleep 60")
    reaches(calm, job, "RUNNING")
    calm.restart_controller()
    assert calm.job_states()[job] == "RUNNING"


def test_without_accounting_sacct_says_so(slurm: Cluster) -> None:
    with pytest.raises(RuntimeError, match="accounting storage is disabled"):
        slurm.run("sacct")


def test_with_accounting_sacct_knows_an_ended_job(
    slurm_with_accounting: Cluster, tmp_path: Path
) -> None:
    job = submit(slurm_with_accounting, tmp_path, "exit 3")
    reaches(slurm_with_accounting, job, "FAILED")
    sacct = ("sacct", "--noheader", "--parsable2", "--allocations", f"--jobs={job}")
    slurm_with_accounting.until(
        lambda: (
            slurm_with_accounting.run(*sacct, "--format=State,ExitCode").strip() == "FAILED|3:0"
        ),
        "sacct knows the job",
    )


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder for a cluster: the path of a socket may not be long."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@OWN
def test_after_a_stop_nothing_of_it_is_left_and_the_folder_serves_again(
    short: Path, tmp_path: Path
) -> None:
    folder = short / "cluster"
    for _ in range(2):
        with Cluster(folder) as cluster:
            submit(cluster, tmp_path, "sleep 60 & sleep 60")
            cluster.until(lambda: "sleep" in running(cluster), "the job runs")
            assert running(cluster) >= {"munged", "slurmctld", "slurmd", "slurmstepd"}
        assert processes(folder) == []


@OWN
def test_a_start_that_fails_says_why_and_leaves_nothing(short: Path) -> None:
    cluster = Cluster(short / "c", settings={"SelectType": "select/of_nothing"})
    with pytest.raises(RuntimeError, match="of_nothing"):
        cluster.start()
    assert processes(cluster.folder) == []


@OWN
def test_a_folder_with_something_else_in_it_is_left_alone(short: Path) -> None:
    (short / "slurm.conf").write_text("ClusterName=production")
    with pytest.raises(RuntimeError, match="holds something else"):
        Cluster(short).start()
