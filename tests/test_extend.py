"""Nothing trains twice: sweeps share runs by id, and grow by cells, seeds and steps."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from phasegrok import engine, load
from tests.sweeping import FORK, command, differences, finished, results

# 4 x 2 cells, 1 seed; small enough that every case is a second.
TINY = ("+sweep=quick", "launch=inline", "seeds=1", "train.steps=100",
        "sweep.y.num=2", "sweep.y.low=0.3", "sweep.y.high=3")  # fmt: skip


def trained(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """Ask a sweep; how many runs entered a lane and how many lane-steps were trained."""
    runs, steps = FORK.Value("q", 0), FORK.Value("q", 0)
    enter, tick = engine.Pack._enter, engine.Pack.tick

    def entering(pack: engine.Pack, lane: int, run: object) -> None:
        runs.value += 1
        enter(pack, lane, run)  # type: ignore[arg-type]

    def ticking(pack: engine.Pack) -> list:
        before = pack.counts["run_steps"]
        outcomes = tick(pack)
        steps.value += pack.counts["run_steps"] - before
        return outcomes

    with monkeypatch.context() as patch:
        patch.setattr(engine.Pack, "_enter", entering)
        patch.setattr(engine.Pack, "tick", ticking)
        assert finished(arguments) == 0
    return runs.value, steps.value


def column(out: Path, name: str) -> list:
    return pq.read_table(out / "results.parquet")[name].to_pylist()


def test_a_finished_sweep_trains_nothing_and_is_drawn_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "a"
    assert trained([*TINY, f"out={out}"], monkeypatch)[0] == 8
    before = results(out)
    (out / "phase_diagram.png").unlink()
    (out / "results.parquet").unlink()
    assert trained([*TINY, f"out={out}"], monkeypatch) == (0, 0)
    assert (out / "phase_diagram.png").exists()
    assert not differences(before, results(out))


def test_more_cells_and_more_seeds_train_only_what_is_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "a"
    assert trained([*TINY, f"out={out}"], monkeypatch)[0] == 8
    # 4 points of 0.3-0.9 are among 7; both ends of the other axis are among 3.
    assert trained([*TINY, f"out={out}", "sweep.x.num=7"], monkeypatch)[0] == 6
    assert trained([*TINY, f"out={out}", "sweep.x.num=7", "sweep.y.num=3"], monkeypatch)[0] == 7
    assert trained([*TINY, f"out={out}", "seeds=2"], monkeypatch)[0] == 8
    # Rows outside the last plan are kept: the 21 runs of before and 8 new ones.
    assert len(column(out, "run_id")) == 29


def test_two_sweeps_that_share_cells_share_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert trained([*TINY, f"out={tmp_path / 'a'}"], monkeypatch)[0] == 8
    # Another question with four cells in common, asked beside the first and with its name.
    other = [*TINY, "sweep.x.num=2", "sweep.y.num=3", "sweep.name=other"]
    assert trained([*other, f"out={tmp_path / 'b'}"], monkeypatch)[0] == 2
    sources = column(tmp_path / "b", "reused_from")
    assert sum(source is not None for source in sources) == 4
    assert {Path(s) for s in sources if s} == {tmp_path / "a"}
    assert set(column(tmp_path / "b", "sweep")) == {"other"}
    # Somewhere else the store must be named.
    away = tmp_path / "away" / "c"
    assert trained([*other, f"out={away}", f"reuse=[{tmp_path / 'b'}]"], monkeypatch)[0] == 0


def test_runs_of_before_there_was_a_key_are_reused_where_it_does_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert trained([*TINY, f"out={tmp_path / 'a'}"], monkeypatch)[0] == 8
    older = tmp_path / "a" / "results.parquet"
    table = pq.read_table(older)
    texts = [text.replace('"dropout": null, ', "") for text in table["config"].to_pylist()]
    assert texts != table["config"].to_pylist()
    at = table.schema.get_field_index("config")
    pq.write_table(table.set_column(at, table.schema.field(at), pa.array(texts)), older)
    shutil.rmtree(tmp_path / "a" / "parts")
    rates = ["+sweep.col={param: model.dropout, values: [0, 0.3]}", "sweep.name=other"]
    assert trained([*TINY, *rates, f"out={tmp_path / 'b'}"], monkeypatch)[0] == 8
    frame = load(tmp_path / "b")
    assert frame.groupby("model.dropout")["reused_from"].count().to_dict() == {0.0: 8, 0.3: 0}


def test_a_larger_budget_continues_censored_runs_from_their_kept_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = [*TINY, "train.keep_state=true"]
    long, grown = tmp_path / "l" / "long", tmp_path / "g" / "grown"
    runs, steps = trained([*kept, f"out={long}", "train.steps=200"], monkeypatch)
    first = trained([*kept, f"out={grown}"], monkeypatch)
    second = trained([*kept, f"out={grown}", "train.steps=200"], monkeypatch)
    assert first[0] == runs == 8
    assert 0 < second[0] < 8, "decided runs must not train again"
    assert first[1] + second[1] == steps, "continuing must cost no step twice"
    assert differences(results(long), results(grown)) == []


def test_without_kept_states_a_larger_budget_trains_censored_runs_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long, grown = tmp_path / "l" / "long", tmp_path / "g" / "grown"
    trained([*TINY, f"out={long}", "train.steps=200"], monkeypatch)
    trained([*TINY, f"out={grown}"], monkeypatch)
    answer = command(*TINY, f"out={grown}", "train.steps=200")
    assert answer.returncode == 0, answer.stderr
    assert "anew" in answer.stdout
    assert differences(results(long), results(grown)) == []


def test_another_rule_reclassifies_and_trains_only_what_it_cannot_judge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "a"
    trained([*TINY, f"out={out}"], monkeypatch)
    decided = column(out, "status").count("decided")
    # A wider gap needs no training; a threshold beyond the stop needs the decided runs again.
    assert trained([*TINY, f"out={out}", "phase.gap=0.9"], monkeypatch)[0] == 0
    assert "grokking" not in column(out, "phase")
    assert trained([*TINY, f"out={out}", "phase.val_accuracy=0.99"], monkeypatch)[0] <= decided
    assert "undecided" not in column(out, "phase")


def test_a_directory_with_another_sweep_is_refused_and_left_alone(tmp_path: Path) -> None:
    out = tmp_path / "a"
    assert finished([*TINY, f"out={out}"]) == 0
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    answer = command(*TINY, f"out={out}", "optim.lr=0.01")
    assert answer.returncode == 2
    assert "optim.lr: 0.02 there, 0.01 asked" in answer.stderr
    assert "out=DIR" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert before == {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    smaller = command(*TINY, f"out={out}", "train.steps=50")
    assert smaller.returncode == 2
    assert "train.steps: 100 there, 50 asked" in smaller.stderr


def test_reused_runs_go_on_in_packs_of_their_own_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained([*TINY, f"out={tmp_path / 'a'}"], monkeypatch)
    other, alone = tmp_path / "b", tmp_path / "elsewhere" / "b"
    assert trained([*TINY, "sweep.name=b", f"out={other}"], monkeypatch)[0] == 0
    # All rows came from a; some of them are censored, in four sizes of training set.
    assert trained([*TINY, "sweep.name=b", f"out={other}", "train.steps=200"], monkeypatch)[0] > 0
    trained([*TINY, "sweep.name=b", f"out={alone}", "train.steps=200"], monkeypatch)
    assert not differences(results(alone), results(other))


def test_a_sweep_over_another_key_finds_shared_runs_and_draws_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained([*TINY, f"out={tmp_path / 'a'}"], monkeypatch)
    asked = ["+sweep=quick", "launch=inline", "seeds=1", "train.steps=100", "sweep.name=b",
             "sweep.y.param=optim.eps", "sweep.y.values=[1e-8,1e-3]", "optim.weight_decay=0.3",
             f"out={tmp_path / 'b'}"]  # fmt: skip
    assert trained(asked, monkeypatch)[0] == 4, "half of the runs have the eps of the first sweep"
    assert sorted(set(column(tmp_path / "b", "optim.eps"))) == [1e-8, 1e-3]


def test_a_kept_state_whose_row_was_lost_ends_where_it_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = [*TINY, "train.keep_state=true"]
    calm, hurt = tmp_path / "c" / "q", tmp_path / "h" / "q"
    trained([*kept, f"out={calm}"], monkeypatch)
    trained([*kept, f"out={hurt}"], monkeypatch)
    trained([*kept, f"out={hurt}", "train.steps=200"], monkeypatch)
    trained([*kept, f"out={calm}", "train.steps=200"], monkeypatch)
    # The rows of the longer budget are lost; the states of the shorter one are still named.
    (hurt / "results.parquet").unlink()
    newest = max((hurt / "parts").glob("*.parquet"), key=lambda path: path.stat().st_mtime)
    newest.unlink()
    trained([*kept, f"out={hurt}", "train.steps=200"], monkeypatch)
    assert not differences(results(calm), results(hurt))


def test_an_off_ladder_stop_accuracy_survives_a_resume() -> None:
    from phasegrok.engine.record import Record, Watch

    watch = Watch(stop_train=0.97, stop_val=0.97)
    state = Record(watch, {"train": 10, "val": 10}).state()
    assert Record.answers(state, watch)
    assert Record.answers(state, Watch(stop_train=None, stop_val=None))
    assert not Record.answers(state, Watch(stop_train=0.96, stop_val=0.97))
