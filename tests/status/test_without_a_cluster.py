"""`phasegrok status` of sweeps that train on this machine, or not at all."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest

from phasegrok import InputError
from phasegrok import slurm as commands
from phasegrok.status import describe, gather
from phasegrok.store import Store
from tests.status.scenes import PACKS, Says, attempt, ended, pack_of, submit


def test_a_directory_that_is_no_sweep_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a sweep's directory"):
        gather(Store(tmp_path))


def test_a_planned_sweep_has_not_begun(store: Store, says: Says) -> None:
    status = gather(store)
    assert status.runs == {"not begun": 32} and not status.going_on and status.code == 0
    assert f"phasegrok retry {store.path}" in describe(status)
    assert "SLURM" not in describe(status)


def test_runs_are_counted_by_what_became_of_them(store: Store, says: Says) -> None:
    ended(store, "p0000")
    ended(store, "p0001", runs=3)
    attempt(store, "p0001")
    status = gather(store)
    assert status.runs == {"done": 11, "running": 5, "waiting": 16}
    assert status.phases == {"memorization": 11}
    text = describe(status)
    assert "32 runs: 11 done, 5 running, 16 waiting" in text
    assert "4 packs: 1 done, 1 running, 2 waiting" in text
    assert "p0001: running, 2 of 8 runs on n1" in text
    assert "p0002, p0003: waiting, for a free worker" in text
    assert f"phasegrok status {store.path} --watch" in text and "retry" not in text


def test_a_local_sweep_within_a_job_of_the_users_own_is_at_work(store: Store, says: Says) -> None:
    """As in an interactive session: the job is none of those that the sweep submitted."""
    attempt(store, "p0001", job_id="77")
    assert pack_of(gather(store), "p0002") == ("waiting", "for a free worker")


def test_jobs_of_another_cluster_are_not_looked_for_here(store: Store, slurm: Says) -> None:
    submit(store, cluster="there")
    slurm("scontrol", "ClusterName = here\n")
    commands.cluster_name.cache_clear()
    status = gather(store)
    assert status.asked is False and pack_of(status)[0] == "submitted"


def test_a_local_sweep_whose_driver_died_says_where_it_was(store: Store, says: Says) -> None:
    attempt(store, "p0000", age=90)
    attempt(store, "p0001", age=90, state="stopped")
    status = gather(store)
    assert pack_of(status) == ("lost", "after 2 of 8 runs: its worker on n1 is gone")
    assert pack_of(status, "p0001") == ("stopped", "after 2 of 8 runs, in order")
    assert pack_of(status, "p0002") == ("not begun", "")
    assert status.code == 1 and status.to_retry == list(PACKS)


def test_a_finished_sweep_is_to_be_collected_and_then_plotted(store: Store, says: Says) -> None:
    ended(store, *PACKS)
    status = gather(store)
    assert status.runs == {"done": 32} and status.code == 0
    assert f"phasegrok collect {store.path}" in describe(status)
    store.compact()
    assert f"phasegrok plot {store.path}" in describe(gather(store))


def test_a_larger_budget_makes_ended_runs_missing_again(store: Store, says: Says) -> None:
    ended(store, "p0000")
    attempt(store, "p0000", state="ended", age=90)
    config = store.config()
    config["train"]["steps"] = 800
    store.write_config(config)
    assert pack_of(gather(store)) == ("not begun", "asked for since it ended")


def test_rate_and_eta_are_those_of_the_living_workers(store: Store, says: Says) -> None:
    status = gather(store)
    assert status.rate == 0 and status.eta is None
    now = time.time()
    ended(store, "p0000", "p0001", written=now - 500)  # before these workers began
    ended(store, "p0002", runs=4, written=now - 10)
    attempt(store, "p0002", began=now - 100, age=0, run_steps=50_000)
    attempt(store, "p0003", began=now - 100, age=0, run_steps=10_000)
    attempt(store, "p0001", began=now - 100, age=90, run_steps=10**9)
    status = gather(store)
    assert status.rate == pytest.approx(600, rel=0.05)
    # 4 runs in 100 s, 12 to go.
    assert status.eta == pytest.approx(300, rel=0.05)
    assert re.search(r"\d{3} run-steps/s, ETA [45] min", describe(status))


def test_failed_runs_are_shown_with_the_last_line_of_their_traceback(
    store: Store, says: Says
) -> None:
    ended(store, *PACKS[1:])
    ended(store, "p0000", status="failed")
    first, second = [row["run_id"] for row in store.planned("p0000")][:2]
    for run_id, failures in ((first, 3), (second, 1)):
        report = {"traceback": "Traceback ...\nValueError: not in the mood\n", "failures": failures}
        store.errors.mkdir(exist_ok=True)
        (store.errors / f"{run_id}.json").write_text(json.dumps(report))
    status = gather(store)
    assert status.runs == {"done": 24, "failed": 8} and status.code == 1
    assert status.given_up == 1
    assert pack_of(status) == ("not begun", "7 failed runs may be tried again")
    text = describe(status)
    assert "ValueError: not in the mood" in text or "and 3 more" in text
    shown = {failure.run_id: failure for failure in status.failures}
    for run_id in {first, second} & shown.keys():
        assert shown[run_id].line == "ValueError: not in the mood"
        assert str(store.errors / f"{run_id}.json") in text
    assert "1 of them not tried again (launch.max_attempts)" in text


def test_a_directory_that_may_only_be_read_is_read(store: Store, says: Says) -> None:
    ended(store, "p0000")
    attempt(store, "p0001", age=1)
    before = sorted(store.path.rglob("*"))
    folders = [store.path, *(path for path in store.path.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    try:
        status = gather(store)
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert pack_of(status, "p0001")[0] == "running"
    assert sorted(store.path.rglob("*")) == before


def test_a_damaged_part_is_passed_over_and_left_where_it_is(store: Store, says: Says) -> None:
    ended(store, "p0000")
    (part,) = store.parts.iterdir()
    part.write_bytes(part.read_bytes()[:100])
    assert gather(store).runs["done"] == 0
    assert part.exists()
