"""Figures as files: what they say of themselves, and that they are whole and the same again."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

from phasegrok import diagram
from tests.diagram.cases import config_of, frame_of, stored

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The files of one sweep, by format. Tests leave them as they are."""
    config, folder = config_of(), tmp_path_factory.mktemp("saved")
    return {path.suffix[1:]: path for path in diagram.save(frame_of(config), config, folder)}


def test_a_sweep_is_saved_in_three_formats_and_nothing_else(saved: dict[str, Path]) -> None:
    assert list(saved) == ["png", "pdf", "svg"]
    folder = saved["png"].parent
    assert sorted(p.name for p in folder.iterdir()) == [
        "phase_diagram.pdf", "phase_diagram.png", "phase_diagram.svg"
    ]  # fmt: skip


def test_the_same_frame_gives_the_same_bytes_whatever_the_order_of_its_rows(
    saved: dict[str, Path], tmp_path: Path
) -> None:
    config = config_of()
    shuffled = frame_of(config).sample(frac=1, random_state=0)
    for path in diagram.save(shuffled, config, tmp_path):
        assert path.read_bytes() == saved[path.suffix[1:]].read_bytes()


def test_each_file_says_what_it_shows(saved: dict[str, Path]) -> None:
    frame = frame_of(config_of())
    data = diagram.data_hash(frame)
    png = Image.open(saved["png"]).info
    assert png["Data hash"] == data and png["Sweep"] == "little"
    assert png["Rule"].startswith("First crossing") and png["Software"].startswith("phasegrok 0")
    assert png["Description"] == (
        "Phase diagram over training fraction from 0.3 to 0.9; weight decay from 0.01 to 10. "
        "12 cells, 24 runs. Cells: 3 comprehension, 3 grokking, 3 memorization, 3 confusion."
    )
    svg = saved["svg"].read_text()
    assert f"data hash: {data}" in svg and "sweep: little" in svg and "First crossing" in svg
    # Text with other than ASCII letters is UTF-16 in a PDF.
    pdf = saved["pdf"].read_bytes()
    assert f"data hash: {data}".encode("utf-16-be") in pdf
    assert not re.search(rb"/(CreationDate|ModDate)", pdf)


def test_fonts_in_the_pdf_are_truetype_as_journals_ask(saved: dict[str, Path]) -> None:
    pdf = saved["pdf"].read_bytes()
    assert b"/FontFile2" in pdf and b"/Type3" not in pdf


def test_a_file_that_cannot_be_finished_leaves_the_old_one_and_nothing_beside_it(
    saved: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    old = saved["png"].read_bytes()

    def broken(self: Figure, file: Any, **kwargs: Any) -> None:
        file.write(b"half a file")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Figure, "savefig", broken)
    config = config_of()
    with pytest.raises(OSError, match="No space left"):
        diagram.save(frame_of(config), config, saved["png"].parent)
    assert saved["png"].read_bytes() == old
    assert len(list(saved["png"].parent.iterdir())) == 3


def test_the_hash_names_the_results_and_not_their_order() -> None:
    columns = ["run_id", "seed", "phase", "status", "steps", "budget", "train_step", "val_step"]
    rows = [("b", 1, "memorization", "finished", 2000, 2000, 5.0, None),
            ("a", 0, "grokking", "decided", 300, 2000, 10.0, 300.0)]  # fmt: skip
    frame = pd.DataFrame(rows, columns=pd.Index(columns))
    lines = "a,0,grokking,decided,300,2000,10,300\nb,1,memorization,finished,2000,2000,5,"
    expected = hashlib.sha256(lines.encode()).hexdigest()[:12]
    assert diagram.data_hash(frame) == expected
    assert diagram.data_hash(frame.iloc[::-1].assign(other=1)) == expected
    nullable = frame.astype({"train_step": "Int64", "val_step": "Int64"})
    assert diagram.data_hash(nullable) == expected
    nullable["steps"] = nullable["steps"].astype(float)
    assert diagram.data_hash(nullable) == expected
    for change in ({"phase": "confusion"}, {"status": "failed"}, {"steps": 9}, {"budget": 4000}):
        assert diagram.data_hash(frame.assign(**change)) != expected


def test_the_hash_of_a_figure_names_the_further_columns_that_it_draws() -> None:
    frame = frame_of(config_of()).assign(weight_norm=1.5, val_steps=[[1, None]] * 24)
    for name, value in {"weight_norm": 1.25, "val_steps": [[1, 2]] * 24}.items():
        changed = frame.assign(**{name: value})
        assert diagram.data_hash(changed) == diagram.data_hash(frame)
        assert diagram.data_hash(changed, [name]) != diagram.data_hash(frame, [name])
    arrays = frame.assign(val_steps=[np.array([1, np.nan])] * 24)
    assert diagram.data_hash(arrays, ["val_steps"]) == diagram.data_hash(frame, ["val_steps"])


def test_the_script_draws_a_sweep_again_from_its_directory_alone(tmp_path: Path) -> None:
    folder = stored(config_of(), tmp_path / "sweep")
    script = [sys.executable, ROOT / "analysis" / "phase_diagram.py"]
    done = subprocess.run([*script, folder], capture_output=True, text=True, check=True)
    assert [Path(line).name for line in done.stdout.splitlines()] == [
        "phase_diagram.png", "phase_diagram.pdf", "phase_diagram.svg"
    ]  # fmt: skip
    assert (folder / "phase_diagram.png").read_bytes().startswith(b"\x89PNG")
    lost = subprocess.run([*script, tmp_path / "none"], capture_output=True, text=True, check=False)
    assert lost.returncode == 2 and "sweep.yaml" in lost.stderr and "Traceback" not in lost.stderr
