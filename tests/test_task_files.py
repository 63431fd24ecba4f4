"""Examples read from files: what names them, where they lie, and when they are read."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sklearn.datasets

from phasegrok import InputError, cells, replay, sweep, tasks
from phasegrok.answers import refuse_another_sweep
from phasegrok.config import check, compose
from phasegrok.plan import Plan, prepare
from phasegrok.worker import run_packs
from tests.data_files import WRITERS

EXAMPLES = 12
READERS = {"mnist": "vector_mlp", "imdb": "lstm", "qm9": "message_passing"}
# What else they might hold: one label of the test set, one word, one target.
OTHERWISE: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "mnist": ("t10k-labels-idx1-ubyte", lambda held: held[:-1] + b"\0"),
    "imdb": ("", lambda held: held.replace(b"review, 1.", b"review, one.")),
    "qm9": ("gdb9.sdf.csv", lambda held: held.replace(b"13.21", b"13.22", 1)),
}

every_task = pytest.mark.parametrize("name", READERS)


def asked(name: str, path: Path | str, *more: str) -> dict[str, Any]:
    """A small sweep of the task, composed and found right."""
    overrides = ["+sweep=quick", f"task={name}", "task.p=null", f"task.path='{path}'"]
    overrides += [f"task.examples={EXAMPLES}", f"model={READERS[name]}", "model.width=4", "seeds=1"]
    overrides += ["sweep.x={param: optim.lr, values: [0.01]}", "train.steps=2"]
    overrides += ["sweep.y={param: optim.weight_decay, values: [0.1]}", "train.eval_every=1"]
    overrides += ["train.lanes=1", "train.compile=false", *more]
    config = compose(overrides)
    check(config)
    return config


def ids(config: dict[str, Any]) -> list[str]:
    return [run.run_id for run in cells.runs(config)]


def held_otherwise(name: str, path: Path) -> None:
    file, change = OTHERWISE[name]
    file = path / file if file else path
    before = file.read_bytes()
    file.write_bytes(change(before))
    assert file.read_bytes() != before


def trained(planned: Plan) -> None:
    packs = iter([pack.pack_id for pack in planned.packs])
    run_packs(planned.store, lambda: next(packs, None), lambda event: None, lambda: False)


# ------------------------------------------------------------------------ what they hold, and where


@every_task
def test_runs_are_named_by_what_the_files_hold_and_not_by_where_they_lie(
    name: str, tmp_path: Path
) -> None:
    here, there = (WRITERS[name](tmp_path / place, EXAMPLES) for place in ("here", "there"))
    assert ids(asked(name, here)) == ids(asked(name, there))
    held_otherwise(name, there)
    assert not set(ids(asked(name, here))) & set(ids(asked(name, there)))
    assert str(tmp_path) not in cells.canonical(cells.runs(asked(name, here))[0].config)


def test_packed_files_hold_the_same(tmp_path: Path) -> None:
    plain, packed = (WRITERS["mnist"](tmp_path / place, EXAMPLES) for place in ("plain", "packed"))
    for file in packed.iterdir():
        file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    assert ids(asked("mnist", plain)) == ids(asked("mnist", packed))


@every_task
def test_other_data_are_refused_by_who_asks_and_by_who_trains(name: str, tmp_path: Path) -> None:
    path = WRITERS[name](tmp_path / "data", EXAMPLES)
    planned = prepare(asked(name, path, f"out={tmp_path / 'out'}"))
    data = planned.config["task"]["data"]
    held_otherwise(name, path)
    other = f"task.data = {data}: the files in task.path hold other data, "
    with pytest.raises(InputError, match=other):
        asked(name, path, f"task.data='{data}'")
    with pytest.raises(InputError, match=rf"task\.data: {data} there, "):
        refuse_another_sweep(planned.store, asked(name, path))
    with pytest.raises(InputError, match=other):
        trained(planned)
    assert not list(planned.store.errors.glob("*"))  # it is no run's fault


@every_task
def test_a_worker_that_does_not_find_the_files_says_where_they_should_be(
    name: str, tmp_path: Path
) -> None:
    path = WRITERS[name](tmp_path / "data", EXAMPLES)
    planned = prepare(asked(name, path, f"out={tmp_path / 'out'}"))
    shutil.rmtree(tmp_path / "data")
    tasks._refuse_other_data.cache_clear()  # as in a process of its own
    with pytest.raises(InputError, match=f"^{path}.* is (no folder here|not there); "):
        trained(planned)


@every_task
def test_a_relative_path_is_meant_from_where_the_sweep_is_asked(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = WRITERS[name](tmp_path / "data", EXAMPLES)
    monkeypatch.chdir(tmp_path)
    planned = prepare(asked(name, path.relative_to(tmp_path), f"out={tmp_path / 'out'}"))
    assert planned.config["task"]["path"] == str(path)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    trained(planned)
    assert [row["status"] for row in planned.store.compact().to_pylist()] == ["finished"]


def test_a_run_is_replayed_on_data_that_have_moved_since(tmp_path: Path) -> None:
    path, out = WRITERS["mnist"](tmp_path / "old", EXAMPLES), f"out={tmp_path / 'out'}"
    planned = prepare(asked("mnist", path, out))
    trained(planned)
    store = planned.store
    (row,) = store.compact().to_pylist()
    path.rename(tmp_path / "new")
    tasks._refuse_other_data.cache_clear()
    prepare(asked("mnist", tmp_path / "new", out))  # nothing is left to train, but it is noted
    assert replay.repeat(store, row).differing == {}


# ------------------------------------------------------------------------------- when they are read


@pytest.mark.parametrize("name", tasks.KINDS)
def test_sizes_are_those_of_the_examples(name: str, tmp_path: Path) -> None:
    own = {"operation": "x+y", "p": 5} if name == "binary_operation" else {}
    if name in WRITERS:
        own = {"path": str(WRITERS[name](tmp_path / "data", EXAMPLES)), "examples": EXAMPLES}
    task = {"name": name, "train_fraction": 0.5, **own}
    assert tasks.sizes(task, 0) == tasks.dataset(task, 0).sizes


@pytest.mark.parametrize("name", [*READERS, "digits"])
def test_a_plan_builds_no_examples(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def built(task: Any) -> Any:
        raise AssertionError("the examples were read")

    monkeypatch.setitem(tasks.KINDS, name, replace(tasks.KINDS[name], table=built))
    if name == "digits":
        assert sweep.main(["+sweep=omnigrok_digits", "dry_run=true"]) == 0
    else:
        path = WRITERS[name](tmp_path / "data", EXAMPLES)
        assert prepare(asked(name, path, f"out={tmp_path / 'out'}", "dry_run=true")).packs


def test_a_dry_run_downloads_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    monkeypatch.setattr(sklearn.datasets, "fetch_openml", lambda *_, **__: pytest.fail("download"))
    assert sweep.main(["+sweep=omnigrok_mnist", "dry_run=true", f"out={tmp_path / 'out'}"]) == 0
    assert "147 runs" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())
