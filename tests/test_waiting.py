"""Waiting for jobs, whatever becomes of them; the queue and SLURM's answers are made up here."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from phasegrok import plan
from phasegrok.config import check, compose
from phasegrok.errors import InputError
from phasegrok.launch import waiting
from phasegrok.plan import Plan
from phasegrok.progress import Progress
from phasegrok.store import Store
from phasegrok.submitted import Submission, record, record_cancelled

ARGUMENTS = ("+sweep=quick", "launch=slurm", "launch.wait=true", "launch.runs_per_pack=8",
             "launch.gpus_per_node=0")  # fmt: skip


class Queue:
    """Jobs of one pack each. `ends` says after how many looks a pack's job leaves the queue, and
    whether the pack is done then."""

    def __init__(self, store: Store, ends: dict[str, tuple[int, bool]]):
        self.store, self.ends, self.looks_left = store, ends, dict[str, int]()
        self.submitted, self.done = Counter[str](), set[str]()
        self.faults: list[InputError | None] = []

    def in_flight(self, store: Store) -> set[str]:
        fault = self.faults.pop(0) if self.faults else None
        if fault is not None:
            raise fault
        for name in list(self.looks_left):
            self.looks_left[name] -= 1
            if self.looks_left[name] <= 0:
                del self.looks_left[name]
                self.done |= {name} if self.ends[name][1] else set()
        return set(self.looks_left)

    def submit(self, planned: Plan, of: set[str]) -> list[Submission]:
        made = []
        for name in sorted(of):
            assert name not in self.looks_left, "it is in flight"
            self.looks_left[name] = self.ends[name][0]
            self.submitted[name] += 1
            made.append(Submission(0.0, f"{sum(self.submitted.values())}", [[name]]))
            record(self.store, made[-1])
        return made


@pytest.fixture
def follow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Queue]:
    """Follows a sweep of packs that end so, at most 200 looks; gives the queue."""

    def followed(ends: dict[str, tuple[int, bool]], prepare: Callable[[Queue], None]) -> Queue:
        arguments = [*ARGUMENTS, f"out={tmp_path / 'quick'}"]
        config = compose(arguments)
        check(config, arguments)
        planned = plan.prepare(config)
        assert {pack.pack_id for pack in planned.packs} >= ends.keys()
        queue, looks = Queue(planned.store, ends), itertools.count()
        prepare(queue)
        monkeypatch.setattr(waiting, "in_flight", queue.in_flight)
        monkeypatch.setattr(waiting.slurm, "submit", queue.submit)
        monkeypatch.setattr(waiting, "LOOK_S", 0.0)
        monkeypatch.setattr(waiting, "QUEUE_S", 0.0)
        monkeypatch.setattr(waiting._Seen, "look", lambda seen: set(ends) - queue.done)
        waiting.follow(planned, Progress(0), lambda: next(looks) > 200)
        assert next(looks) < 200, "it does not end"
        return queue

    return followed


def nothing(queue: Queue) -> None:
    pass


def test_it_ends_with_the_last_pack_and_submits_each_once(follow: Callable[..., Queue]) -> None:
    queue = follow({"p0000": (3, True), "p0001": (1, True)}, nothing)
    assert queue.done == {"p0000", "p0001"} and set(queue.submitted.values()) == {1}


def test_a_pack_that_never_gets_done_is_given_up_and_the_others_are_not(
    follow: Callable[..., Queue], capsys: pytest.CaptureFixture[str]
) -> None:
    queue = follow({"p0000": (60, True), "p0001": (1, False)}, nothing)
    assert queue.submitted == {"p0000": 1, "p0001": waiting.MOST_SUBMISSIONS}
    assert queue.done == {"p0000"}
    said = capsys.readouterr().err
    assert said.count("not getting done: 1 pack, p0001 among them; phasegrok status") == 1


def test_a_controller_that_does_not_answer_for_a_while_ends_nothing(
    follow: Callable[..., Queue], capsys: pytest.CaptureFixture[str]
) -> None:
    silent = InputError("SLURM does not answer (squeue)")

    def falls_silent(queue: Queue) -> None:
        queue.faults = [None, silent, silent, silent]

    queue = follow({"p0000": (3, True)}, falls_silent)
    assert queue.done == {"p0000"} and queue.submitted == {"p0000": 1}
    assert capsys.readouterr().err.count("does not answer (squeue); trying again") == 1


def test_what_refuses_the_first_jobs_is_said(follow: Callable[..., Queue]) -> None:
    def refuses(queue: Queue) -> None:
        queue.faults = [InputError("SLURM refused the job")]

    with pytest.raises(InputError, match="refused the job"):
        follow({"p0000": (3, True)}, refuses)


def test_jobs_that_are_cancelled_meanwhile_stay_cancelled(follow: Callable[..., Queue]) -> None:
    def cancels(queue: Queue) -> None:
        record(queue.store, Submission(0.0, "1", [["p0000"]]))
        record_cancelled(queue.store, ["1"])  # before: submitting again is what is asked for

        def submit(planned: Plan, of: set[str]) -> list[Submission]:
            made = Queue.submit(queue, planned, of)
            record_cancelled(queue.store, [made[0].array_id])
            return made

        queue.submit = submit  # type: ignore[method-assign]

    queue = follow({"p0000": (1, False)}, cancels)
    assert queue.submitted == {"p0000": 1}
