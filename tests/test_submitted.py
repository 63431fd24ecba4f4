"""jobs.jsonl: what was submitted is on disk once, whole, and survives what a disk can do."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from phasegrok.store import Store
from phasegrok.submitted import Submission, record, submissions


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def submission(array_id: str = "12", jobs: int = 2) -> Submission:
    packs = [[f"p{2 * i:04d}", f"p{2 * i + 1:04d}"] for i in range(jobs)]
    return Submission(1.5e9, array_id, packs, "gpu", 60, "0123456789ab+", 3, "login1", "ada")


def test_nothing_was_submitted_where_there_is_no_file(store: Store) -> None:
    assert submissions(store) == []


def test_submissions_come_back_in_their_order(store: Store) -> None:
    made = [submission("12"), submission("13", 1), submission("9")]
    for each in made:
        record(store, each)
    assert submissions(store) == made
    assert store.jobs_file.read_text().count("\n") == 3


def test_elements_of_an_array_have_an_index_and_a_single_one_has_none() -> None:
    assert list(submission().jobs()) == [
        ("12_0", ["p0000", "p0001"]),
        ("12_1", ["p0002", "p0003"]),
    ]
    assert list(submission(jobs=1).jobs()) == [("12", ["p0000", "p0001"])]


def test_packs_may_be_tuples(store: Store) -> None:
    record(store, Submission(1.0, "12", (("p0000",), ("p0001",))))
    assert [job for job, _ in submissions(store)[0].jobs()] == ["12_0", "12_1"]


@pytest.mark.parametrize(
    "broken", ['{"time": 1.0, "arr', "\x00\x00\n", "[]\n", "7\n", '{"time": 1}\n']
)
def test_a_line_that_is_not_whole_is_passed_over_and_spoils_no_later_one(
    store: Store, broken: str
) -> None:
    record(store, submission("12"))
    with store.jobs_file.open("a") as file:
        file.write(broken)
    assert [each.array_id for each in submissions(store)] == ["12"]
    record(store, submission("13"))
    assert [each.array_id for each in submissions(store)] == ["12", "13"]


def test_keys_that_a_later_version_writes_are_passed_over(store: Store) -> None:
    later = {"time": 1.0, "array_id": "12", "packs": [["p0000"]], "weather": "fair"}
    store.jobs_file.write_text(json.dumps(later) + "\n")
    assert submissions(store) == [Submission(1.0, "12", [["p0000"]])]


def test_what_two_drivers_submit_at_once_is_all_there(store: Store) -> None:
    def many(first: int) -> None:
        for number in range(first, first + 50):
            record(store, submission(str(number), 20))

    drivers = [threading.Thread(target=many, args=(first,)) for first in (0, 50)]
    for driver in drivers:
        driver.start()
    for driver in drivers:
        driver.join()
    assert sorted(int(each.array_id) for each in submissions(store)) == list(range(100))
