"""The report's benchmark measures what it says, and a page of many cells stays small."""

from __future__ import annotations

from typing import Any

from tests.report.conftest import CHROMIUM


def test_the_benchmark_times_every_reaction_on_a_page_with_all_its_runs(
    require: Any, capsys: Any
) -> None:
    require("chromium", CHROMIUM, "apt-get install -y chromium")
    from benchmarks import report

    rows = {row["what"]: row["value"] for row in report.main(["--cells", "9", "--seeds", "2"])}
    for reaction in ("hover", "slide gap, map phase", "slide val, map val", "click, with curves"):
        assert rows[f"{reaction}, busy: median"] > 0 and rows[f"{reaction}: largest"] > 0
    parts = [value for what, value in rows.items() if what.startswith("  of it")]
    assert 0 < rows["size of the page"] - sum(parts) < 0.2
    assert "size of the page" in capsys.readouterr().out


def test_a_run_takes_less_than_half_a_kilobyte(tmp_path: Any) -> None:
    """15 MB for 30,000 runs: what is in the page besides runs is Plotly, 2 MB."""
    from benchmarks.report import invented
    from phasegrok.report import write

    few, many = (write(invented(tmp_path / str(n), n, 3)).stat().st_size for n in (4, 100))
    assert (many - few) / (96 * 3) < 13e6 / 30_000
