"""`phasegrok status` on a real SLURM, without accounting and with: the words for every state.

A sweep of ten packs is told as a story: each of its jobs meets a fate of its own, and status is
asked while some wait and train, once they have ended, when the controller has forgotten them, and
where there is no SLURM. A second sweep just finishes. The tests look at what status said.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.slurm.cluster import Cluster
from tests.slurm.configuration import user
from tests.slurm.sweeps import PLAIN, Sweep

# A job stays in its first step, which costs nothing, until a file tells it what to do.
FATED = """
import os
import time
from pathlib import Path

import torch
from torch import nn

from phasegrok.claims import job_id

HOARD = []


class Net(nn.Module):
    def __init__(self, symbols, outputs):
        super().__init__()
        self.table = nn.Parameter(torch.randn(symbols, outputs))

    def forward(self, pairs):
        job = job_id()
        Path(f"{job}.waits").touch()
        while job and not Path(f"{job}.train").exists():
            if Path(f"{job}.die").exists():
                os._exit(3)
            if Path(f"{job}.hoard").exists() and not HOARD:
                HOARD.append(b"x" * 2**30)
            time.sleep(0.1)
        return self.table[pairs[:, 0]] * self.table[pairs[:, 1]]
"""
# A signal that changes nothing, in place of the warning before the end of a job's time.
NO_WARNING = "+launch.parameters.signal=B:URG@1"
SMALL = ("+sweep=quick", *PLAIN, "sweep.x.num=1", "seeds=2", "train.steps=100",
         "launch.runs_per_pack=2")  # fmt: skip
TEN = (*SMALL, "sweep.y.num=10", "model=own", "model.name=fated:Net", "model.width=null",
       NO_WARNING)  # fmt: skip
IN_QUEUE = ("PENDING", "CONFIGURING", "RUNNING", "COMPLETING", "REQUEUED")

# What status says of the job that met a fate: its state in SLURM's word and why, as a pattern.
# {by}, {on}, {code}: what SLURM alone tells.
RUNS = "0 (of 2 )?runs"
AT_WORK = f"{RUNS} on n[12]"
BEGUN = f"after {RUNS}"
WAITS = r".+ \(.+\)"  # in words, and in SLURM's
CANCELLED = "it was cancelled by phasegrok cancel"
UNBEGUN = "not begun as far as can be seen"
ENDED = {
    "timed out": f"TIMEOUT, {BEGUN}: it ran into its time limit",
    "failed": rf"FAILED, {BEGUN}: its worker failed{{code}}: .*ended with code 3 \(log: .*\)",
    "out of memory": rf"OUT_OF_MEMORY, {BEGUN}: it used more memory .*\(launch.mem_gb\)",
    "node failed": f"NODE_FAIL, {BEGUN}: its node failed{{on}}",
    "cancelled": f"CANCELLED, {BEGUN}: it was cancelled{{by}}",
    "cancelled early": "GONE, before it had begun: it left the queue, most likely cancelled",
}
LEFT = {
    "requeued": f"CANCELLED, {BEGUN}: {CANCELLED}",
    "left running": f"CANCELLED, {BEGUN}: {CANCELLED}",
    "left waiting": f"CANCELLED, before it had begun: {CANCELLED}",
}
SAID = {
    "under way": {
        "timed out": f"RUNNING, {AT_WORK}",
        "failed": f"RUNNING, {AT_WORK}",
        "requeued": f"PENDING, queued again {BEGUN}: it was queued again; {WAITS}",
        "out of memory": f"PENDING, {WAITS}",
    },
    "under way, unseen": {
        "timed out": f"running, {AT_WORK}",
        "requeued": f"submitted, queued again {BEGUN} and {UNBEGUN}",
        "out of memory": f"submitted, {UNBEGUN}",
    },
    "ended": ENDED | {
        "requeued": r"PENDING, .*; is held; scontrol release \d+_\d lets it go \(JobHeldUser\)",
        "left running": f"RUNNING, {AT_WORK}",
        "left waiting": f"PENDING, {WAITS}",
    },
    "cancelled": ENDED | LEFT,
    "forgotten": ENDED | LEFT,
    "ended, unseen": {
        "timed out": f"lost, {BEGUN}: it ran into its time limit; it may be queued again",
        "out of memory": f"lost, {BEGUN}: it used more memory .*; it may be queued again",
        "cancelled": f"stopped, {BEGUN}: it was cancelled",
        "cancelled early": f"submitted, {UNBEGUN}",
        **{fate: words.replace("CANCELLED", "stopped") for fate, words in LEFT.items()},
    },
}  # fmt: skip
# Packs by state, the exit code, and the commands to go on with.
SUMMED_UP = {
    "under way": ("1 done, 2 running, 7 waiting", 0, ["status"]),
    "under way, unseen": ("1 done, 2 running, 7 submitted", 0, ["status"]),
    "ended": ("1 done, 1 running, 2 waiting, 1 stopped, 5 lost", 1, ["retry", "status"]),
    "cancelled": ("1 done, 4 stopped, 5 lost", 1, ["retry"]),
    "forgotten": ("1 done, 4 stopped, 5 lost", 1, ["retry"]),
    "finished": ("1 done", 0, ["collect"]),
    "finished, unseen": ("1 done", 0, ["collect"]),
}


@dataclass(frozen=True)
class Look:
    """What `phasegrok status` printed, and its exit code."""

    text: str
    code: int

    def job(self, job_id: str) -> str:
        """STATE, WHY of a job."""
        lines = (line.partition(": ") for line in self.text.splitlines())
        (said,) = (said for jobs, _, said in lines if f" {job_id} (" in jobs)
        return said

    @property
    def summary(self) -> tuple[str, int, list[str]]:
        """How many packs are in each state, the exit code, and the commands to go on with."""
        (packs,) = re.findall(r"^\d+ packs?: (.+)$", self.text, re.MULTILINE)
        commands = self.text.partition("go on with:\n")[2]
        return packs, self.code, re.findall(r"phasegrok (\w+) /", commands)


class Story:
    """The two sweeps, which job met which fate, and what was seen."""

    def __init__(self, cluster: Cluster, folder: Path):
        (folder / "fated.py").write_text(FATED)
        self.cluster, self.folder = cluster, folder
        # In folders apart, since a sweep takes over what its neighbours have trained.
        self.sweep = Sweep(cluster, folder / "fated" / "quick", *TEN, cwd=folder)
        self.plain = Sweep(cluster, folder / "plain" / "quick", *SMALL, "sweep.y.num=1")
        self.jobs: dict[str, str] = {}
        self.looks: dict[str, Look] = {}

    # ------------------------------------------------------------------------------ telling it

    def take(self, fate: str) -> str:
        """The next job that has begun and has no fate yet gets this one."""

        def waits() -> list[str]:
            free = (job for job in self.sweep.job_ids() if job not in self.jobs.values())
            return [job for job in free if (self.folder / f"{job}.waits").exists()]

        self.sweep.until(waits, f"a job has begun that can be {fate}", 180)
        self.jobs[fate] = waits()[0]
        return self.jobs[fate]

    def tell(self, job: str, what: str) -> None:
        (self.folder / f"{job}.{what}").touch()

    def until_gone(self, *jobs: str) -> None:
        def left() -> list[str]:
            states = self.cluster.job_states()
            return [job for job in jobs if states.get(job) in IN_QUEUE]

        self.sweep.until(lambda: not left(), f"{jobs} have ended", 180)

    # ----------------------------------------------------------------------------- looking at it

    def look(self, name: str, sweep: Sweep, *, slurm: bool = True) -> None:
        """Ask for the status of a sweep, also as on a machine that has no SLURM."""
        env = self.cluster.env
        if not slurm:
            env = env | {"PATH": str(self.folder)}
            del env["SLURM_CONF"]
        said = subprocess.run(
            [sys.executable, "-m", "phasegrok", "status", str(sweep.out)],
            env=env, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        self.looks[name] = Look(said.stdout, said.returncode)
        print(f"\n--- {name}, exit code {said.returncode}\n{said.stdout}{said.stderr}")

    def told(self, look: str, fate: str) -> str:
        """What a look says of the job that met a fate."""
        return self.looks[look].job(self.jobs[fate])


@pytest.fixture(scope="module", params=["slurm", "slurm_with_accounting"])
def story(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
          ) -> Iterator[Story]:  # fmt: skip
    cluster = request.getfixturevalue(request.param)
    cluster.calm()
    conf = cluster.folder / "slurm.conf"
    settings = conf.read_text()
    told = Story(cluster, tmp_path_factory.mktemp("states"))
    try:
        tell(told)
        yield told
    finally:
        for job in told.jobs.values():
            told.tell(job, "die")  # also what lives on, on a node that was cut off
        conf.write_text(settings)
        cluster.run("scontrol", "reconfigure")
        cluster.calm()


def tell(story: Story) -> None:
    sweep, jobs, run = story.sweep, story.jobs, story.cluster.run
    answer = sweep.submit()
    assert answer.returncode == 0, answer.stderr

    story.tell(story.take("finished"), "train")
    again = story.take("requeued")
    run("scontrol", "update", f"JobId={again}", "Nice=1000")  # so that others take its place
    run("scontrol", "requeue", again)
    story.take("timed out")
    story.take("failed")
    story.until_gone(jobs["finished"])
    sweep.until(lambda: story.cluster.job_states()[again] == "PENDING", f"{again} waits")
    story.look("under way", sweep)
    story.look("under way, unseen", sweep, slurm=False)

    run("scontrol", "uhold", again)
    jobs["cancelled early"] = sweep.job_ids()[-1]
    run("scancel", jobs["cancelled early"])
    # A limit has whole minutes; the time at which it comes has not.
    run("scontrol", "update", f"JobId={jobs['timed out']}", "EndTime=now+5")
    story.tell(jobs["failed"], "die")
    story.tell(story.take("out of memory"), "hoard")
    run("scancel", story.take("cancelled"))
    lost = story.take("node failed")
    run("scontrol", "update", f"JobId={lost}", "Requeue=0")
    node = run("squeue", "--noheader", f"--jobs={lost}", "--format=%N").strip()
    story.cluster.kill_node(node)
    assert story.plain.submit().returncode == 0
    story.until_gone(*(jobs[fate] for fate in ENDED))
    story.take("left running")
    (jobs["left waiting"],) = set(sweep.job_ids()) - set(jobs.values())
    story.look("ended", sweep)

    assert "cancelled 3 jobs" in sweep.command("cancel").stdout
    story.until_gone(*sweep.job_ids())
    story.look("cancelled", sweep)
    story.until_gone(*story.plain.job_ids())
    forget(story.cluster)
    story.look("forgotten", sweep)
    story.look("ended, unseen", sweep, slurm=False)
    story.look("finished", story.plain)
    story.look("finished, unseen", story.plain, slurm=False)


def forget(cluster: Cluster) -> None:
    """Let the controller forget what has ended."""
    conf = cluster.folder / "slurm.conf"
    conf.write_text(re.sub(r"^MinJobAge=\d+", "MinJobAge=2", conf.read_text(), flags=re.MULTILINE))
    cluster.run("scontrol", "reconfigure")
    cluster.until(lambda: not cluster.job_states(), "the controller has forgotten", 120)


# ---------------------------------------------------------------------------- what status said


@pytest.mark.parametrize("look, fate", [(look, fate) for look in SAID for fate in SAID[look]])
def test_what_status_says_of_a_job(story: Story, look: str, fate: str) -> None:
    """The accounting tells all that the controller did, and who cancelled; where neither knows the
    job, the directory tells all but exit codes and nodes."""
    accounting = story.cluster.accounting
    is_known = look != "forgotten" or accounting
    words = SAID[look][fate].format(
        code=", exit code 1" if is_known else "",
        on=r" \(n[12]\)" if is_known else "",
        by=f" by {user()}" if accounting else "",
    )
    assert re.fullmatch(words, story.told(look, fate))


@pytest.mark.parametrize("look", SUMMED_UP)
def test_what_status_sums_up_and_how_to_go_on(story: Story, look: str) -> None:
    assert story.looks[look].summary == SUMMED_UP[look]


def test_a_job_that_finished_has_nothing_left_to_tell(story: Story) -> None:
    for look in story.looks.values():
        assert "\n  1 ended\n" in look.text
        assert f"{story.jobs['finished']} (" not in look.text


def test_where_there_is_no_slurm_status_says_that_it_was_not_asked(story: Story) -> None:
    for name, look in story.looks.items():
        assert ("SLURM was not asked" in look.text) == ("unseen" in name)
