"""The store: rows in, rows out; what is damaged or old is told apart from what is whole."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from phasegrok import InputError, load
from phasegrok.cells import SEMANTICS
from phasegrok.config import compose
from phasegrok.plan import _plan_rows, prepare
from phasegrok.store import Store
from phasegrok.store.files import write_whole
from phasegrok.store.schema import (
    CURVES,
    HYPERPARAMETERS,
    OUTCOME,
    PROVENANCE,
    REPRESENTATION,
    column_type,
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A planned store without a row."""
    config = compose(["+sweep=quick", "seeds=1", f"out={tmp_path / 'quick'}"])
    return prepare(config).store


def row_of(store: Store, position: int, **changes) -> dict:
    """A result row for a planned run, as a worker would write it."""
    planned = store.plan()[position]
    config = json.loads(planned["config"])
    row = {
        "run_id": planned["run_id"], "sweep": "quick", "seed": 0, "status": "finished",
        "steps": 400, "budget": 400, "train_step": 20, "val_step": None,
        "task.train_fraction": config["task"]["train_fraction"],
        "optim.weight_decay": config["optim"]["weight_decay"],
        "train_steps": [5, 5, 10, 20, None, None, None], "val_steps": [None] * 7,
        "train_acc": 0.9, "val_acc": 0.1, "config": planned["config"], "written": 1.0,
        "curve.step": [0, 400], "curve.train_acc": [0.1, 0.9],
    }  # fmt: skip
    return row | changes


def test_rows_come_back_as_they_were_written(store: Store) -> None:
    store.write_part("a", [row_of(store, 0)], store.config())
    (back,) = store.rows().to_pylist()
    assert {k: back[k] for k in row_of(store, 0)} == row_of(store, 0)


def test_results_have_every_documented_column_in_a_fixed_order(store: Store) -> None:
    store.write_part("a", [row_of(store, 0)], store.config())
    names = store.compact().column_names
    expected = ["run_id", "sweep", "seed", *HYPERPARAMETERS]
    expected += [
        f"phase.{key}" for key in ("name", "train_accuracy", "val_accuracy", "gap", "slack")
    ]
    expected += ["config"]
    assert names == [*expected, *OUTCOME, *REPRESENTATION, *CURVES, *PROVENANCE]


def test_a_swept_key_of_its_own_gets_a_column(tmp_path: Path) -> None:
    overrides = ["+sweep=quick", "sweep.y.param=optim.eps", f"out={tmp_path / 'q'}"]
    store = prepare(compose(overrides)).store
    store.write_part("a", [row_of(store, 0, **{"optim.eps": 0.5})], store.config())
    assert store.compact()["optim.eps"].to_pylist() == [0.5]
    assert column_type([1, 2]) == column_type([None, 2.5]) == pa.float64()
    assert column_type(["relu", "gelu"]) == pa.string()


def test_the_last_valid_row_of_a_run_wins(store: Store) -> None:
    config = store.config()
    store.write_part("b", [row_of(store, 0, written=5.0, val_acc=0.5)], config)
    store.write_part("a", [row_of(store, 0, written=7.0, val_acc=0.7)], config)
    store.write_part("c", [row_of(store, 0, written=9.0, status="failed")], config)
    (row,) = store.rows().to_pylist()
    assert row["val_acc"] == 0.7, "a failure never hides a result"


def test_results_stand_in_plan_order_and_others_are_kept_at_the_end(store: Store) -> None:
    rows = [row_of(store, i) for i in (5, 2, 9)]
    stranger = row_of(store, 0, run_id="0000000000000000")
    store.write_part("a", [stranger, *rows], store.config())
    plan = [row["run_id"] for row in store.plan()]
    assert store.compact()["run_id"].to_pylist() == [plan[2], plan[5], plan[9], "0" * 16]


def test_compaction_decides_the_phase_anew(store: Store) -> None:
    store.write_part("a", [row_of(store, 0, phase="grokking")], store.config())
    assert store.compact()["phase"].to_pylist() == ["memorization"]
    store.write_config({**store.config(), "phase": {"name": "first_crossing", "gap": 0.1,
                        "train_accuracy": 0.95, "val_accuracy": 0.9}})  # fmt: skip
    row = row_of(store, 0, **{"phase.train_accuracy": 0.9, "phase.val_accuracy": 0.9})
    store.write_part("b", [row | {"written": 2.0}], store.config())
    assert store.compact()["phase"].to_pylist() == ["confusion"]  # .95 was never reached


def test_results_say_what_they_are(store: Store) -> None:
    store.write_part("a", [row_of(store, 0)], store.config())
    store.compact()
    metadata = pq.read_schema(store.results_file).metadata or {}
    about = json.loads(metadata[b"phasegrok"])
    assert about["schema"] == 2 and about["semantics"] == 1
    assert about["config"]["sweep"]["name"] == "quick"
    assert about["rule"]["val_accuracy"] == 0.9
    assert {"phasegrok", "torch", "commit"} <= about.keys()


def test_a_part_of_an_older_schema_still_loads(store: Store) -> None:
    old = pa.table({"run_id": [row_of(store, 0)["run_id"]], "status": ["finished"],
                    "written": [1.0], "steps": [400], "train_step": [20],
                    "val_step": pa.array([None], pa.int64())})  # fmt: skip
    store.parts.mkdir()
    pq.write_table(old, store.parts / "old.parquet")
    table = store.compact()
    assert table["steps"].to_pylist() == [400] and table["weight_norm"].to_pylist() == [None]


def damage(path: Path, column: str) -> None:
    """Change one byte of a column's data."""
    group = pq.read_metadata(path).row_group(0)
    (found,) = [
        c for c in map(group.column, range(group.num_columns)) if column in c.path_in_schema
    ]
    content = bytearray(path.read_bytes())
    content[found.data_page_offset + found.total_compressed_size - 2] ^= 255
    path.write_bytes(content)


def test_looking_for_answers_sees_damage_in_what_is_not_looked_at(store: Store) -> None:
    store.write_part("a", [row_of(store, 0)], store.config())
    assert len(Store(store.path).rows(["steps"])) == 1
    damage(store.parts / "a.parquet", "curve.train_acc")
    assert len(Store(store.path, own=False).rows(["steps"])) == 0
    assert store.part_names() == ["a"], "another's directory is left as it is"
    assert len(Store(store.path).rows(["steps"])) == 0
    assert (store.parts / "a.parquet.damaged").exists()


def test_where_a_part_is_damaged_the_results_made_of_it_are_believed(store: Store) -> None:
    store.write_part("a", [row_of(store, 0, val_acc=0.5)], store.config())
    store.compact()
    damage(store.parts / "a.parquet", "curve.train_acc")
    assert Store(store.path).rows(["val_acc"])["val_acc"].to_pylist() == [0.5]


def test_curves_are_neither_read_nor_verified_where_none_are_asked_for(store: Store) -> None:
    store.write_part("a", [row_of(store, 0)], store.config())
    store.compact()
    damage(store.results_file, "curve.train_acc")
    assert len(load(store.path)) == 1
    assert store.results_file.exists()
    assert list(load(store.path, curves=True)["curve.step"].iloc[0]) == [0, 400]  # of the part
    assert not store.results_file.exists()


def test_some_runs_are_found_with_the_rows_that_win_among_all(store: Store) -> None:
    config, looked_up = store.config(), row_of(store, 3)["run_id"]
    store.write_part("a", [row_of(store, i) for i in range(4)], config)
    store.write_part("b", [row_of(store, i, written=2.0, val_acc=0.7) for i in (3, 5)], config)
    (row,) = store.rows(["val_acc"], of=[looked_up, "unknown"]).to_pylist()
    assert (row["run_id"], row["val_acc"]) == (looked_up, 0.7)
    assert len(store.rows(of=[])) == 0


def test_a_store_sees_what_is_written_after_it_was_opened(store: Store) -> None:
    config, late = store.config(), Store(store.path)
    for number, name in enumerate("abc"):
        assert len(late.rows(["steps"])) == number
        store.write_part(name, [row_of(store, number)], config)
        store.compact()
    assert len(late.rows(["steps"])) == 3


def test_a_worker_reads_the_runs_of_its_pack_in_the_order_of_their_lanes(store: Store) -> None:
    for pack_id in {row["pack_id"] for row in store.plan()}:
        of_pack = [row for row in store.plan() if row["pack_id"] == pack_id]
        assert store.planned(pack_id) == sorted(of_pack, key=lambda row: row["lane_order"])
    assert store.planned("p9999") == []


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_whole(path, lambda file: file.write(b"whole"))

    def broken(file) -> None:
        file.write(b"ha")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_whole(path, broken)
    assert path.read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [path]


def test_load_takes_directories_and_files_and_says_what_it_cannot_take(
    store: Store, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="no finished run yet"):
        load(store.path)
    store.write_part("a", [row_of(store, 0)], store.config())
    running = load(store.path)  # not compacted yet: parts are read
    assert list(running.phase) == ["memorization"]
    store.compact()
    assert len(load([store.path, store.results_file])) == 1  # a run comes once
    assert not [c for c in load(store.path).columns if c.startswith("curve.")]
    assert list(load(store.path, curves=True)["curve.step"].iloc[0]) == [0, 400]
    with pytest.raises(InputError, match="does not exist"):
        load(tmp_path / "nowhere")
    foreign = tmp_path / "foreign.parquet"
    pq.write_table(pa.table({"a": [1]}), foreign)
    with pytest.raises(InputError, match=r"not written by phasegrok.*it has a"):
        load(foreign)
    (tmp_path / "text.parquet").write_text("text")
    with pytest.raises(InputError, match="not a readable Parquet file"):
        load(tmp_path / "text.parquet")


def test_a_plan_knows_every_run_and_its_place(store: Store) -> None:
    rows = store.plan()
    assert len(rows) == 16 == len({row["run_id"] for row in rows})
    assert all(row["width"] >= 1 and row["pack_id"].startswith("p") for row in rows)
    for pack in {row["pack_id"] for row in rows}:
        fractions = {row["task.train_fraction"] for row in rows if row["pack_id"] == pack}
        assert len(fractions) == 1, "lanes side by side need training sets of one size"


def test_a_plan_made_again_places_every_run_where_it_was(store: Store) -> None:
    again = prepare({**store.config(), "train": {**store.config()["train"], "lanes": 2}})
    assert [{**row, "round": None} for row in _plan_rows(again)] == store.plan()


def test_a_worker_refuses_a_plan_of_code_that_trains_otherwise(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job may wait for days while its checkout changes; its rows would not be equal."""
    assert store.planned_config()["sweep"]["name"] == "quick"
    monkeypatch.setattr("phasegrok.cells.SEMANTICS", SEMANTICS + 1)
    with pytest.raises(InputError, match=f"semantics {SEMANTICS}.* this one's .{SEMANTICS + 1}"):
        store.planned_config()
