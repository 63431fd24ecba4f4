"""The report's benchmark measures what it says, and a page of many cells stays small."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.report.conftest import CHROMIUM

ROOT = Path(__file__).resolve().parents[2]


def test_the_benchmark_times_every_reaction_on_a_page_with_all_its_runs(require: Any) -> None:
    """In a process of its own, since a browser of the tests may be open in this one."""
    require("chromium", CHROMIUM, "apt-get install -y chromium")
    command = [sys.executable, "-m", "benchmarks.report", "--cells", "9", "--seeds", "2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=570)
    assert done.returncode == 0, done.stderr
    rows = {line[:44].rstrip(): float(line[44:54]) for line in done.stdout.splitlines()}
    for reaction in ("hover", "slide gap, map phase", "slide val, map val", "click, with curves"):
        assert rows[f"{reaction}, busy: median"] > 0 and rows[f"{reaction}: largest"] > 0
    parts = [value for what, value in rows.items() if what.startswith("  of it")]
    assert 0 < rows["size of the page"] - sum(parts) < 0.2


def test_a_run_takes_less_than_half_a_kilobyte(tmp_path: Any) -> None:
    """15 MB for 30,000 runs: what is in the page besides runs is Plotly, 2 MB."""
    from benchmarks.report import invented
    from phasegrok.report import write

    few, many = (write(invented(tmp_path / str(n), n, 3)).stat().st_size for n in (4, 100))
    assert (many - few) / (96 * 3) < 13e6 / 30_000
