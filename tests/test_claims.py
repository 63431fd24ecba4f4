"""Of two workers one trains a pack; a dead one's is taken over, and a slow one notices."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from phasegrok import claims
from phasegrok.claims import Claim, Held, claim, newest
from phasegrok.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def aged(made: Claim, seconds: float) -> None:
    """The claim as if its last heartbeat were so old."""
    then = time.time() - seconds
    os.utime(made.path, (then, then))


def as_on_another_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Claims from here on are made by a machine whose processes cannot be seen from here."""
    monkeypatch.setattr("phasegrok.claims.socket.gethostname", lambda: "n2")


def test_a_pack_that_a_living_worker_trains_is_not_begun_again(store: Store) -> None:
    first = claim(store, "p0000")
    with pytest.raises(Held, match=f"p0000 is being trained by process {os.getpid()}"):
        claim(store, "p0000")
    assert claim(store, "p0001").number == 1
    assert not first.superseded()


@pytest.mark.parametrize("state", [claims.ENDED, claims.STOPPED, claims.FAILED])
def test_after_an_attempt_has_ended_the_next_one_has_the_next_number(
    store: Store, state: str
) -> None:
    first = claim(store, "p0000", least=3)
    with first:
        first.end(state, "because")
    last = newest(store, "p0000")
    assert last is not None and (last.state, last.why, last.number) == (state, "because", 3)
    assert claim(store, "p0000").number == 4
    assert first.superseded()


def test_an_attempt_that_fell_silent_is_taken_over_and_notices(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "BEAT_S", 0.05)
    with monkeypatch.context() as patch:
        as_on_another_host(patch)
        first = claim(store, "p0000")
    aged(first, claims.STALE_S - 10)
    with pytest.raises(Held):
        claim(store, "p0000")
    aged(first, claims.STALE_S + 10)
    assert claim(store, "p0000").number == 2
    with first:  # it was only slow
        assert first.lost.wait(10)
    last = newest(store, "p0000")
    assert last is not None and last.number == 2


def test_a_worker_that_was_killed_on_this_machine_counts_as_dead_at_once(store: Store) -> None:
    code = "from phasegrok import claims, store; "
    code += f"claims.claim(store.Store({str(store.path)!r}), 'p0000')"
    subprocess.run([sys.executable, "-c", code], check=True)
    last = newest(store, "p0000")
    assert last is not None and last.state == claims.RUNNING and last.age < claims.STALE_S
    assert not last.alive
    assert claim(store, "p0000").number == 2


def test_a_job_that_slurm_started_again_goes_on_with_its_own_pack_at_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its other self may still be writing on a node that SLURM has given up."""
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "17")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "4")
    with monkeypatch.context() as patch:
        as_on_another_host(patch)
        first = claim(store, "p0000")
        with pytest.raises(Held, match="job 17_4 on n2"):
            claim(store, "p0000")  # a second process of the same start
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    assert claim(store, "p0000").number == 2
    assert first.superseded()


def test_a_heartbeat_tells_how_far_the_attempt_is(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "BEAT_S", 0.05)
    with claim(store, "p0000") as made:
        made.progress |= {"runs": 3, "of": 10}
        deadline = time.monotonic() + 10
        while (last := newest(store, "p0000")) and not last.runs:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    assert last is not None and (last.runs, last.of, last.state) == (3, 10, claims.RUNNING)


def test_of_many_workers_that_begin_at_once_one_gets_the_pack(store: Store) -> None:
    code = f"""
import pathlib, time
from phasegrok import claims
from phasegrok.store import Store
begin, done = (pathlib.Path({str(store.path)!r}) / name for name in ("begin", "done"))
while not begin.exists():
    time.sleep(0.001)
try:
    claims.claim(Store({str(store.path)!r}), "p0000")
    print("mine", flush=True)
    while not done.exists():
        time.sleep(0.01)
except claims.Held:
    print("held", flush=True)
"""
    begin = [sys.executable, "-c", code]
    started = [subprocess.Popen(begin, stdout=subprocess.PIPE, text=True) for _ in range(6)]
    (store.path / "begin").touch()
    words = [process.stdout.readline().strip() for process in started if process.stdout]
    (store.path / "done").touch()
    assert [process.wait() for process in started] == [0] * 6
    assert sorted(words) == ["held"] * 5 + ["mine"]
    assert [path.name for path in store.claims.glob("*.json")] == ["p0000-0001.json"]


def test_a_claim_cut_short_while_it_was_made_counts_as_an_attempt(store: Store) -> None:
    """Between the file and its words lies a moment in which a machine may die."""
    store.claims.mkdir()
    (store.claims / "p0000-0001.json").touch()
    with pytest.raises(Held):
        claim(store, "p0000")
    then = time.time() - claims.STALE_S - 1
    os.utime(store.claims / "p0000-0001.json", (then, then))
    assert claim(store, "p0000").number == 2
