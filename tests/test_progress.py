"""What a sweep says of its speed: run-steps/s, the share of the measured peak, how full it was."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from types import SimpleNamespace

import pytest

from phasegrok import progress as module
from phasegrok.jobs import progress_event
from phasegrok.progress import Progress
from tests.sweeping import command

TOOK = 10.0


class Clock(SimpleNamespace):
    """A clock that goes on when it is told to."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """In place of the clock, so that the words are exact."""
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def told(clock: Clock, *events: Mapping[str, float]) -> str:
    """The words after events that came within ten seconds, once the figures are drawn too."""
    progress = Progress(8, io.StringIO())
    clock.now += 3.0  # workers are starting
    for event in events:
        progress.take(progress_event(None, **event))
    clock.now += TOOK
    progress.close()
    clock.now += 5.0
    return progress.speed()


def test_the_rate_is_of_the_time_from_the_first_event_to_the_end(clock):
    events = {"run_steps": 4000}, {"run_steps": 16000}
    assert told(clock, *events) == "20,000 run-steps in 10 s, 2,000 run-steps/s"


def test_the_share_of_peak_is_of_the_peaks_of_all_workers(clock):
    one = told(clock, {"peak": 4e9}, {"run_steps": 10, "flop": 1e10})
    assert one.endswith("; 1 GFLOP/s, 25% of the matmul peak")
    two = told(clock, {"peak": 4e9}, {"run_steps": 10, "flop": 1e10}, {"peak": 6e9},
               {"run_steps": 30, "flop": 4e10})  # fmt: skip
    assert two == "40 run-steps in 10 s, 4 run-steps/s; 5 GFLOP/s, 50% of the matmul peak"


@pytest.mark.parametrize("events", [
    ({"run_steps": 10, "flop": 1e10},),  # no peak
    ({"peak": 4e9}, {"run_steps": 10}),
    ({"peak": 4e9}, {"run_steps": 10, "flop": 0}),  # a user's own network
])  # fmt: skip
def test_there_is_no_share_without_a_peak_or_for_work_that_is_unknown(clock, events):
    assert told(clock, *events) == "10 run-steps in 10 s, 1 run-steps/s"


def test_how_full_the_lanes_were_is_told_for_all_the_time_and_while_runs_waited(clock):
    waiting = {"waited.run_steps": 300, "waited.lane_steps": 300}
    full = {"run_steps": 300, "lane_steps": 300, **waiting}
    emptying = {"run_steps": 60, "lane_steps": 100}
    assert told(clock, full, emptying).endswith("; lanes 90% full, 100% while runs waited")
    assert told(clock, emptying).endswith("6 run-steps/s; lanes 60% full")


# -------------------------------------------------------------------------------- the real command

LAST_WORDS = re.compile(
    r"^(?P<steps>[\d,]+) run-steps in [\d,]+ s, (?P<rate>[\d,]+) run-steps/s; "
    r"[\d,]+ GFLOP/s, \d+% of the matmul peak; "
    r"lanes (?P<full>\d+)% full, (?P<waited>\d+)% while runs waited$",
    re.MULTILINE,
)


def test_a_sweep_ends_with_its_speed_its_share_of_peak_and_how_full_it_was(tmp_path):
    """And its lanes are at least 95 % full as long as a run waits for one."""
    done = command("+sweep=quick", "sweep.x.num=2", "seeds=1", "train.lanes=2",
                   "train.compile=false", "launch=local", "launch.device=cpu",
                   "launch.workers=2", f"out={tmp_path / 'quick'}")  # fmt: skip
    assert done.returncode == 0, done.stderr
    (found,) = LAST_WORDS.finditer(done.stdout)
    steps = int(found["steps"].replace(",", ""))
    assert 0 < steps <= 8 * 400 and steps % 5 == 0
    assert int(found["rate"].replace(",", "")) > 0
    assert 95 <= int(found["waited"]) <= 100
    assert 0 < int(found["full"]) <= 100
