"""What the page is made of: the same bytes for the same runs, exact counts, and clear refusals."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

from phasegrok import tasks
from phasegrok.__main__ import main
from phasegrok.report import payload, write
from phasegrok.report.curves import MOST_POINTS, counted, thinned, totals
from phasegrok.report.packing import packed
from phasegrok.store import Store
from tests.report.stores import invented


def test_the_same_runs_give_the_same_bytes(tmp_path: Path) -> None:
    store = invented(tmp_path / "store")
    first = write(store).read_bytes()
    assert write(Store(store.path)).read_bytes() == first


def test_the_page_names_no_other_place(small: Path) -> None:
    text = small.read_text()
    head = text[: text.index('id="payload"')] + text[text.rindex("<script>") :]
    assert not re.findall(r"https?://|src=|@import|url\(", head)
    assert "default-src 'none'" in head and "connect-src 'none'" in head


def test_the_example_is_json_that_ends_no_script(small: Path) -> None:
    text = small.read_text()
    inside = text.split('id="payload">')[1].split("</script>")[0]
    assert "<" not in inside and json.loads(inside)["runs"] == 34


@pytest.mark.parametrize(
    ("values", "kind"),
    [([0, 255], "Uint8"), ([-2, 100], "Int8"), ([-2, 200], "Int16"), ([0, 65_536], "Uint32"),
     ([-2, 40_000], "Int32"), ([0, 2**40], "Float64"), ([], "Uint8")],
)  # fmt: skip
def test_whole_numbers_take_the_smallest_type_that_holds_them(values: list[int], kind: str) -> None:
    found = packed({"a": np.array([1.5]), "b": np.array(values, dtype=np.int64)})["arrays"]
    assert found == {"a": {"type": "Float64", "offset": 0, "length": 1},
                     "b": {"type": kind, "offset": 8, "length": len(values)}}  # fmt: skip


def test_a_short_curve_is_kept_whole() -> None:
    lengths = np.array([0, MOST_POINTS, 3, 0])
    kept = thinned(lengths, np.arange(35), np.full((4, 2), np.inf))
    assert kept.all() and len(kept) == 35


def test_no_curves_at_all_are_thinned_to_none() -> None:
    assert not len(thinned(np.zeros(3, int), np.zeros(0, int), np.full((3, 2), np.inf)))


def test_a_long_curve_keeps_its_ends_its_crossings_and_an_even_choice() -> None:
    steps = np.concatenate([np.arange(0, 2000, 5), np.arange(0, 500, 5)])
    lengths = np.array([400, 100])
    crossings = np.array([[1000.0, 1003.0, np.nan, np.inf], [np.inf, 0.0, 495.0, 9999.0]])
    kept = thinned(lengths, steps, crossings)
    first, second = steps[:400][kept[:400]], steps[400:][kept[400:]]
    assert len(first) == len(second) == MOST_POINTS
    assert {0, 1000, 1005, 1995} <= set(first) and {0, 495} <= set(second)
    assert np.diff(first).max() < 2.5 * 2000 / MOST_POINTS


def test_eighteen_crossings_still_leave_room() -> None:
    steps = np.arange(0, 400)
    crossings = np.arange(10, 170, 10, dtype=float)[None]
    kept = thinned(np.array([400]), steps, crossings)
    assert set(range(10, 170, 10)) | {0, 399} <= set(steps[kept]) and kept.sum() == MOST_POINTS


@pytest.mark.parametrize("total", [0, 97 * 97, 7])
def test_accuracies_are_counts_to_the_last_bit(total: int) -> None:
    of = total or 3331
    counts = np.random.default_rng(0).integers(0, of + 1, 40)
    found = counted(counts / of, total)
    assert found is not None
    assert np.array_equal(found[0] / found[1], counts / of)
    assert not total or found[1] == total


def test_what_is_no_share_of_that_many_is_no_count() -> None:
    assert counted(np.array([0.5, 1 / 3]), 4) is None
    assert counted(np.array([np.nan]), 4) is None


def test_the_examples_of_a_run_are_those_of_its_task() -> None:
    task = {"name": "binary_operation", "operation": "x+y", "p": 23, "train_fraction": 0.3}
    configs = [json.dumps({"task": task}), json.dumps({"task": {**task, "operation": "mine"}}), ""]
    train = tasks.train_size(task)
    assert totals(configs)[0].tolist() == [train, 23 * 23 - train]
    assert totals(configs)[2].tolist() == [0, 0]


@pytest.mark.parametrize(
    "axis", ["model.bias, values: [true, false]", "model.init_scale, values: [2, 4]"]
)
def test_every_run_has_its_place_on_an_axis_of_any_values(axis: str, tmp_path: Path) -> None:
    store = invented(tmp_path / "store", "model=mlp", f"+sweep.row={{param: {axis}}}")
    told = payload(store)
    at = told["arrays"]["at.row"]
    block = zlib.decompress(base64.b64decode(told["block"]))
    places = np.frombuffer(block, at["type"].lower(), at["length"], at["offset"])
    assert told["runs"] == len(places) == len(store.rows()) and set(places) == {0, 1}


# ------------------------------------------------------------------------------------- bad input


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What a command says that ends with 2: one sentence."""
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert not said.out and said.err.startswith("phasegrok: ")
    return said.err


@pytest.mark.parametrize("command", ["report", "watch"])
def test_a_directory_that_is_no_sweep_is_refused(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "is not a sweep's directory" in refused(capsys, command, str(tmp_path))
    assert "is not a sweep's directory" in refused(capsys, command, str(tmp_path / "none"))
    assert not list(tmp_path.iterdir())


def test_a_sweep_without_a_finished_run_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = invented(tmp_path / "store", runs=slice(0, 0))
    assert "holds no finished run yet" in refused(capsys, "report", str(store.path))
    assert not (store.path / "report.html").exists()


def test_an_unreadable_file_is_passed_over_and_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = invented(tmp_path / "store")
    (store.parts / "part-1.parquet").write_bytes(b"PAR1 and nothing else")
    assert payload(Store(store.path, own=False))["runs"] == 34
    assert "part-1.parquet is damaged" in caplog.text


def test_a_running_sweep_has_a_report_that_says_so(tmp_path: Path) -> None:
    store = invented(tmp_path / "store", runs=slice(0, 10))
    told = payload(store)
    assert 0 < told["runs"] <= 10 and told["planned"] == 36
    assert write(store).exists()


def test_the_command_says_what_it_wrote(tmp_path: Path) -> None:
    store = invented(tmp_path / "store")
    command = [sys.executable, "-m", "phasegrok", "report", str(store.path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"{store.path / 'report.html'}\n"
