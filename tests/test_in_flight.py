"""What is in flight is left alone: packs of living workers, jobs of another cluster, and what a
refusal in the middle of submitting leaves behind. SLURM's commands are small scripts here."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from phasegrok import claims, launch, plan, slurm
from phasegrok.__main__ import main
from phasegrok.cells import Config
from phasegrok.config import check, compose
from phasegrok.errors import InputError
from phasegrok.launch import in_flight
from phasegrok.launch import slurm as launching
from phasegrok.store import Store
from phasegrok.submitted import Submission, record, submissions

Commands = Callable[..., None]


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Commands:
    """Puts commands of SLURM on PATH, as shell scripts."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    slurm.cluster_name.cache_clear()

    def put(**scripts: str) -> None:
        for name, script in scripts.items():
            (folder / name).write_text(f"#!/bin/sh\n{script}\n")
            (folder / name).chmod(0o755)

    put(sbatch="exit 1", squeue="", sinfo="", scancel="",
        scontrol="echo 'ClusterName = here'; echo 'MaxArraySize = 3'")  # fmt: skip
    return put


def config(out: Path, *settings: str) -> Config:
    arguments = ["+sweep=quick", "launch=slurm", "launch.runs_per_pack=4",
                 "launch.gpus_per_node=0", f"out={out}", *settings]  # fmt: skip
    found = compose(arguments)
    check(found, arguments)
    return found


def test_runs_at_which_a_worker_is_are_not_planned_into_other_packs(
    commands: Commands, tmp_path: Path
) -> None:
    out = tmp_path / "quick"
    planned = plan.prepare(config(out))
    name = planned.packs[0].pack_id
    other = config(out, "train.lanes=1", "train.compile=true")
    with claims.claim(planned.store, name) as claim:
        with pytest.raises(InputError, match=rf"being trained, .*: 1 pack \({name}\).*cancel"):
            plan.prepare(other, launch.refuse)
        assert {row["pack_id"] for row in planned.store.plan()} >= {name}
        claim.end(claims.STOPPED)
    assert plan.prepare(other, launch.refuse).packs[0].pack_id != name


def test_jobs_of_another_cluster_are_not_looked_for_here(
    commands: Commands, tmp_path: Path
) -> None:
    store = plan.prepare(config(tmp_path / "quick")).store
    record(store, Submission(0.0, "7", [["p0000"]], cluster="there"))
    with pytest.raises(InputError, match="on the cluster there and this is here"):
        in_flight.cancel(store)


def test_what_was_submitted_before_a_refusal_is_said_and_written_down(
    commands: Commands, tmp_path: Path
) -> None:
    counter = tmp_path / "count"
    commands(sbatch=f"""n=$(cat {counter} 2>/dev/null || echo 0); echo $((n+1)) > {counter}
        if [ $n = 0 ]; then echo "Submitted batch job 41"; else
        echo "sbatch: error: QOSMaxSubmitJobPerUserLimit" >&2; exit 1; fi""")  # fmt: skip
    planned = plan.prepare(config(tmp_path / "quick"))
    assert len(planned.packs) > 3
    with pytest.raises(InputError, match=r"submitted 41; then: launch\.max_queued = null: SLURM"):
        launching.submit(planned)
    (made,) = submissions(planned.store)
    assert made.array_id == "41" and len(made.packs) == 3 and made.cluster == "here"


def test_a_job_that_cannot_be_written_down_is_cancelled(
    commands: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands(sbatch='echo "Submitted batch job 41"', scancel=f"echo $@ > {tmp_path}/cancelled")
    planned = plan.prepare(config(tmp_path / "quick"))

    def full(store: Store, made: Submission) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(launching.submitted, "record", full)
    with pytest.raises(InputError, match=r"jobs.jsonl cannot be written .*job 41.* was cancelled"):
        launching.submit(planned)
    assert (tmp_path / "cancelled").read_text().strip() == "41"


def test_settings_that_are_refused_are_not_kept(
    commands: Commands, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "quick"
    plan.prepare(config(out))
    commands(sbatch='echo "sbatch: error: invalid partition specified: typo" >&2; exit 1')
    assert main(["retry", str(out), "launch.partition=typo"]) == 2
    assert "launch.partition = typo: SLURM refused the job" in capsys.readouterr().err
    assert Store(out).config()["launch"]["partition"] is None
    assert Store(out).planned_config()["launch"]["partition"] is None


@pytest.mark.parametrize(
    "setting, words",
    [
        ("launch.parameters={exclude: n7", "launch.parameters = {exclude: n7: while parsing"),
        ("launch.partition.x=1", "partition is a value (None) and has no keys below it"),
        ("launch.setup.x=1", "setup is a value ([]) and has no keys below it"),
        ("train.steps=5", "only how a sweep trains may change here"),
    ],
)
def test_a_setting_that_is_wrong_is_one_message(
    commands: Commands, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    setting: str, words: str,
) -> None:  # fmt: skip
    plan.prepare(config(tmp_path / "quick"))
    assert main(["retry", str(tmp_path / "quick"), setting]) == 2
    said = capsys.readouterr().err
    assert words in said and "Traceback" not in said


def test_runs_that_are_given_up_are_not_planned(tmp_path: Path) -> None:
    asked = config(tmp_path / "quick")
    planned = plan.prepare(asked)
    store, runs = planned.store, planned.packs[0].runs
    store.errors.mkdir(parents=True, exist_ok=True)
    for run in runs:
        (store.errors / f"{run.run_id}.json").write_text('{"failures": 3}')
    again = plan.prepare(asked)
    assert again.given_up == len(runs) and planned.packs[0].pack_id not in {
        pack.pack_id for pack in again.packs
    }
    assert f"{len(runs)} runs failed 3 times (launch.max_attempts)" in plan.describe(again)
    more = plan.prepare(config(tmp_path / "quick", "launch.max_attempts=4"))
    assert more.given_up == 0 and len(more.packs) == len(planned.packs)
