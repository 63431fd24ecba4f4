"""Who trains next: the longest runs, as far as their other seeds tell; it changes no result."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from phasegrok import tasks
from phasegrok.cells import Run
from phasegrok.engine import Mode, Outcome, Pack, Watch, cpu_numerics, outcomes
from phasegrok.engine.queue import Queue
from phasegrok.phases import needed
from phasegrok.sizing import has_compiler
from tests.engine_cases import run, small_map, trained
from tests.test_pack_invariance import assert_same_bits

LANES = 4
SEEDS = 4
RULE = Watch(points_per_decade=0)


def a_map() -> list[Run]:
    """One pack: five cells from quick to never decided, the seeds of a cell side by side."""
    cells = [r.config for r in small_map() if r.config["task"]["train_fraction"] == 0.9][::2]
    return [run({**cell, "seed": s, "split_seed": s}) for cell in cells for s in range(SEEDS)]


def decay(one: Run) -> float:
    """What tells the cells of `a_map` apart."""
    return one.config["optim"]["weight_decay"]


def shuffled(runs: Sequence[Run], seed: int) -> list[Run]:
    return random.Random(seed).sample(runs, len(runs))


# --------------------------------------------------------------------------------- the queue alone


def test_one_run_of_each_cell_goes_first_in_the_order_they_came():
    runs, queue = a_map(), Queue(a_map())
    first = [queue.next() for _ in range(len(runs) // SEEDS)]
    assert first == runs[::SEEDS]


def test_then_those_of_cells_of_which_none_has_ended_then_the_longest_known():
    runs = a_map()
    by_cell = {decay(one): one for one in runs}
    queue = Queue(runs)
    for _ in by_cell:
        queue.next()
    never_ended, *ended = by_cell
    for steps, cell in zip((50, 300, 60, 160), ended, strict=True):
        queue.learn(by_cell[cell], steps)
    rest = [decay(queue.next()) for _ in range(len(queue))]
    by_length = [cell for _, cell in sorted(zip((50, 300, 60, 160), ended, strict=True))[::-1]]
    assert rest == [cell for cell in (never_ended, *by_length) for _ in range(SEEDS - 1)]


def test_runs_that_were_under_way_go_before_all_others():
    runs = a_map()
    begun = {runs[1].run_id, runs[SEEDS].run_id, runs[-1].run_id}
    queue = Queue(runs, begun)
    assert {queue.next().run_id for _ in begun} == begun


def test_a_run_under_way_that_waits_for_a_lane_is_not_forgotten_by_the_next_checkpoint():
    runs = a_map()
    with cpu_numerics():
        wide = Pack(runs, Mode(LANES), RULE)
        wide.tick()
        narrow = Pack(wide.unfinished(), Mode(LANES // 2), RULE, states=wide.state())
        narrow.tick()
    begun = {one.run_id for one in wide.running()}
    assert begun <= narrow.state().keys()
    assert {narrow.state()[name]["done"] for name in begun} == {5, 10}


def test_a_cell_is_as_long_as_its_longest_run():
    runs = a_map()
    one, other = runs[:SEEDS], runs[SEEDS : 2 * SEEDS]
    queue = Queue([*one, *other])
    assert {decay(queue.next()), decay(queue.next())} == {decay(one[0]), decay(other[0])}
    for steps in (200, 10):
        queue.learn(one[0], steps)
    queue.learn(other[0], 100)
    assert decay(queue.next()) == decay(one[0])


@pytest.mark.parametrize("seed", range(3))
def test_a_run_is_taken_once_whatever_is_learnt(seed):
    runs, luck = shuffled(a_map(), seed), random.Random(seed)
    queue, taken = Queue(runs), []
    while queue:
        assert {one.run_id for one in queue} == {o.run_id for o in runs} - set(taken)
        assert len(queue) == len(runs) - len(taken)
        one = queue.next()
        taken.append(one.run_id)
        if luck.random() < 0.5:
            queue.learn(one, luck.choice((5, 100, 300)))
    assert Counter(taken) == Counter(one.run_id for one in runs)


# ------------------------------------------------------------------------------------ in a pack


class FirstCome(Queue):
    """The order in which the runs were given."""

    def next(self) -> Run:
        return self._waiting.pop(0)[0]


def packed(
    runs: Sequence[Run], monkeypatch: pytest.MonkeyPatch, queue: type[Queue] = Queue
) -> tuple[Counter[str], dict[str, Outcome]]:
    """A pack's counts and how its runs ended."""
    monkeypatch.setattr("phasegrok.engine.pack.Queue", queue)
    with cpu_numerics():
        pack = Pack(runs, Mode(LANES), RULE)
        ended = {outcome.run.run_id: outcome for outcome in outcomes(pack)}
    return pack.counts, ended


@pytest.fixture(scope="module")
def learning() -> tuple[Counter[str], dict[str, Outcome]]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        return packed(a_map(), monkeypatch)


def test_a_queue_that_learns_ends_with_fewer_empty_lanes(learning, monkeypatch):
    """The map's own order has its longest runs last, a shuffled one has some there."""
    assert len({outcome.row["steps"] for outcome in learning[1].values()}) > 4
    counts, _ = learning
    plain, _ = packed(a_map(), monkeypatch, FirstCome)
    assert counts["run_steps"] == plain["run_steps"]
    assert counts["lane_steps"] < plain["lane_steps"]
    mixed = shuffled(a_map(), 2)
    assert (
        packed(mixed, monkeypatch)[0]["lane_steps"]
        < (packed(mixed, monkeypatch, FirstCome)[0]["lane_steps"])
    )


def test_results_are_the_same_to_the_bit_in_whatever_order_the_runs_came(learning, monkeypatch):
    _, ended = packed(shuffled(a_map(), 0), monkeypatch)
    assert_same_bits(ended, learning[1])


def test_lanes_are_full_until_no_run_waits(learning):
    counts, ended = learning
    assert counts["run_steps"] == sum(outcome.row["steps"] for outcome in ended.values())
    assert counts["lane_steps"] > counts["waited.lane_steps"] > 0.5 * counts["lane_steps"]
    assert counts["waited.run_steps"] >= 0.95 * counts["waited.lane_steps"]
    assert counts["run_steps"] >= 0.95 * counts["lane_steps"]


def test_lanes_are_full_until_no_run_waits_even_if_some_runs_cannot_start(monkeypatch):
    """Or end at step 0, or were to be gone on with."""
    runs = a_map()[::2]
    broken = [run({**one.config, "task": {**one.config["task"], "operation": "no"}})
              for one in runs[:3]]  # fmt: skip
    counts, ended = packed([runs[0], *broken, *runs[1:]], monkeypatch)
    assert sum(outcome.status == "failed" for outcome in ended.values()) == len(broken)
    assert counts["waited.run_steps"] == counts["waited.lane_steps"] > 0


# ------------------------------------------------------------------------------------- the stop


@pytest.fixture(scope="module")
def whole() -> dict[str, Outcome]:
    """Every run to its budget, with every evaluation in its curve."""
    return trained(a_map(), 16, watch=Watch(stop_train=None, stop_val=None, points_per_decade=0))


def assert_stopped_where_decided(
    ended: Mapping[str, Outcome], whole: Mapping[str, Outcome], rule: Watch = RULE
) -> None:
    """Judged by counts of correct answers in the whole curve of the same run, never stopped."""
    assert ended.keys() == whole.keys()
    undecided = 0
    for run_id, outcome in ended.items():
        curves, budget = whole[run_id].row, outcome.run.config["train"]["steps"]
        decided = _first_decided(curves, outcome.run, rule)
        undecided += decided is None
        assert outcome.row["steps"] == (budget if decided is None else decided)
        assert outcome.status == ("finished" if decided is None else "decided")
        assert curves["steps"] == budget
    assert 0 < undecided < len(whole)


def test_no_run_trains_beyond_the_evaluation_that_decides_it(learning, whole):
    assert_stopped_where_decided(learning[1], whole)


def test_nor_beyond_that_of_a_stricter_rule(learning, whole):
    strict = Watch(stop_train=0.99, stop_val=0.99, points_per_decade=0)
    ended = trained(a_map(), LANES, watch=strict)
    assert_stopped_where_decided(ended, whole, strict)
    assert any(ended[name].row["steps"] > o.row["steps"] for name, o in learning[1].items())


@pytest.mark.parametrize("ticks", [1, 7, 30])
def test_nor_when_it_goes_on_in_lanes_of_another_number(whole, ticks):
    with cpu_numerics():
        wide = Pack(a_map(), Mode(LANES), RULE)
        ended = [outcome for _ in range(ticks) for outcome in wide.tick()]
        narrow = Pack(wide.unfinished(), Mode(LANES // 2), RULE, states=wide.state())
        ended += outcomes(narrow)
    assert_stopped_where_decided({outcome.run.run_id: outcome for outcome in ended}, whole)


def test_nor_when_it_is_compiled(require):
    require("g++", has_compiler("cpu"), "apt-get install g++ python3-dev")
    never = Watch(stop_train=None, stop_val=None, points_per_decade=0)
    whole = trained(a_map(), LANES, compiled=True, watch=never)
    assert_stopped_where_decided(trained(a_map(), LANES, compiled=True, watch=RULE), whole)


def _first_decided(row: Mapping[str, Any], one: Run, rule: Watch) -> int | None:
    """The first evaluated step by which both accuracies had reached their thresholds."""
    task = one.config["task"]
    in_train = tasks.train_size(task)
    totals = {"train": in_train, "val": tasks.size(task) - in_train}
    crossings = []
    for side, total in totals.items():
        correct = [round(accuracy * total) for accuracy in row[f"curve.{side}_acc"]]
        wanted = needed(getattr(rule, f"stop_{side}"), total)
        crossings.append(
            [s for s, c in zip(row["curve.step"], correct, strict=True) if c >= wanted]
        )
    return int(max(steps[0] for steps in crossings)) if all(crossings) else None
