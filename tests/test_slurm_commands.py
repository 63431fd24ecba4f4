"""What SLURM's commands said on a real cluster (22.05, with and without accounting), and being
without them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from phasegrok import slurm
from phasegrok.slurm import Job

Says = Callable[..., None]


@pytest.fixture
def says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Says:
    """Puts a command on PATH that prints this and exits so; at first there is none."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def put(name: str, text: str = "", code: int = 0, script: str = "") -> None:
        (tmp_path / f"{name}.txt").write_text(text)
        (tmp_path / name).write_text(
            f'#!/bin/sh\n{script}\necho {name} "$@" >> {tmp_path}/calls\n'
            f"/bin/cat {tmp_path}/{name}.txt\nexit {code}\n"
        )
        (tmp_path / name).chmod(0o755)

    return put


def calls(tmp_path: Path) -> list[str]:
    return (tmp_path / "calls").read_text().splitlines()


# squeue -h -a -r -u root -o "%i|%T|%N|%M|%r"
QUEUE = """\
13_0|PENDING||0:00|BeginTime
15|PENDING||0:00|ReqNodeNotAvail, UnavailableNodes:n2
5_3|PENDING||0:00|Nodes required for job are DOWN, DRAINED or reserved for jobs in higher \
priority partitions
13_1|RUNNING|n1|1:00:04|None
4|COMPLETING|n2|1-02:00:38|TimeLimit
"""


def test_the_queue_tells_of_our_jobs_only(says: Says, tmp_path: Path) -> None:
    says("squeue", QUEUE)
    found = slurm.queued(["13", "15", "4"])
    assert found == {
        "13_0": Job("13_0", "PENDING", "BeginTime"),
        "13_1": Job("13_1", "RUNNING", "", "n1", 3604),
        "15": Job("15", "PENDING", "ReqNodeNotAvail, UnavailableNodes:n2"),
        "4": Job("4", "COMPLETING", "TimeLimit", "n2", 93_638),
    }
    assert slurm.queued(["1", "3", "130"]) == {}


def test_the_queue_is_asked_for_the_jobs_of_those_who_submitted(says: Says, tmp_path: Path) -> None:
    says("squeue", QUEUE)
    slurm.queued(["13"], ["ada", "bob", "ada"])
    assert " -u ada,bob " in calls(tmp_path)[0]


def test_a_users_own_defaults_change_nothing(
    says: Says, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SQUEUE_STATES", "PENDING")
    says("squeue", QUEUE, script='[ -z "$SQUEUE_STATES" ] || exit 1')
    assert slurm.queued(["13"])


@pytest.mark.parametrize("how", ["absent", "fails", "silent", "not a program"])
def test_a_queue_that_cannot_be_asked_is_none_and_not_empty(
    says: Says, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(slurm, "ANSWER_S", 0.2)
    if how == "fails":  # slurm_load_jobs error: Unable to contact slurm controller
        says("squeue", code=1)
    elif how == "silent":
        says("squeue", QUEUE, script="exec /bin/sleep 60")
    elif how == "not a program":
        (tmp_path / "squeue").write_text("")
    assert slurm.queued(["13"]) is None


# sacct -n -P -X -j 1,2,3,4,5,13,14,15 -o JobID,State,ExitCode,Elapsed,NodeList
ACCOUNTED = """\
4|TIMEOUT|0:0|00:01:11|n2
1_0|COMPLETED|0:0|00:00:03|n1
2_0|FAILED|3:0|00:00:00|n2
3_0|FAILED|9:0|00:00:01|n2
5_0|CANCELLED by 0|0:0|00:00:33|n2
5_[3-5]|PENDING|0:0|00:00:00|None assigned
13_1|RUNNING|0:0|00:00:57|n1
14|NODE_FAIL|0:0|00:00:33|n2
15|PENDING|0:0|00:00:00|None assigned
"""


def test_the_accounting_tells_how_jobs_ended(says: Says) -> None:
    says("sacct", ACCOUNTED)
    found = slurm.accounted(["2", "3", "4", "5", "14"])
    assert found == {
        "4": Job("4", "TIMEOUT", "", "n2", 71, "0:0"),
        "2_0": Job("2_0", "FAILED", "", "n2", 0, "3:0"),
        "3_0": Job("3_0", "FAILED", "", "n2", 1, "9:0"),
        "5_0": Job("5_0", "CANCELLED", "by root", "n2", 33, "0:0"),
        "14": Job("14", "NODE_FAIL", "", "n2", 33, "0:0"),
    }


def test_no_accounting_is_no_knowledge(says: Says) -> None:
    assert slurm.accounted(["2"]) == {}
    says("sacct", "", 1)  # Slurm accounting storage is disabled
    assert slurm.accounted(["2"]) == {}
    assert slurm.accounted([]) == {}


# scontrol -o show job; some of the 60 words of a line
REMEMBERED = """\
JobId=6 ArrayJobId=1 ArrayTaskId=0 JobName=job.sh UserId=root(0) JobState=COMPLETED Reason=None \
Dependency=(null) Requeue=1 Restarts=0 ExitCode=0:0 RunTime=00:00:03 NodeList=n1 BatchHost=n1
JobId=8 ArrayJobId=3 ArrayTaskId=0 JobName=job.sh UserId=root(0) JobState=FAILED \
Reason=NonZeroExitCode Requeue=1 Restarts=0 ExitCode=137:0 RunTime=00:00:01 NodeList=n2
JobId=4 JobName=job.sh UserId=root(0) JobState=TIMEOUT Reason=TimeLimit Dependency=(null) \
Requeue=1 Restarts=0 ExitCode=0:15 RunTime=00:01:11 NodeList=n2 BatchHost=n2
JobId=15 JobName=job.sh UserId=root(0) JobState=PENDING Reason=BeginTime Requeue=1 Restarts=1 \
ExitCode=0:0 RunTime=00:00:00 NodeList=(null)
JobId=5 ArrayJobId=5 ArrayTaskId=3-5%2 JobName=job.sh JobState=PENDING Reason=Resources

"""


def test_the_controller_remembers_what_ended_a_moment_ago(says: Says) -> None:
    says("scontrol", REMEMBERED)
    assert slurm.remembered(["3", "4", "5", "6", "15"]) == {
        "3_0": Job("3_0", "FAILED", "NonZeroExitCode", "n2", 1, "137:0"),
        "4": Job("4", "TIMEOUT", "TimeLimit", "n2", 71, "0:15"),
        "15": Job("15", "PENDING", "BeginTime", "", 0, "0:0"),
    }


def test_the_largest_array_is_the_sites(says: Says) -> None:
    assert slurm.max_array_size() is None
    says("scontrol", "MailProg                = /usr/bin/mail\nMaxArraySize            = 1001\n")
    assert slurm.max_array_size() == 1001
    says("scontrol", "", 1)
    assert slurm.max_array_size() is None


def test_cancelling_names_the_jobs(says: Says, tmp_path: Path) -> None:
    assert not slurm.cancel(["13_0"])
    says("scancel")
    assert slurm.cancel(["13_0", "15"])
    assert calls(tmp_path) == ["scancel 13_0 15"]


def test_slurm_is_available_where_jobs_can_be_submitted(says: Says) -> None:
    assert not slurm.available()
    says("sbatch")
    assert slurm.available()


def test_no_shell_sees_what_is_asked_for(says: Says, tmp_path: Path) -> None:
    says("scancel")
    slurm.cancel(["1; touch here", "$(touch here)"])
    assert not Path("here").exists()
