"""What the page says besides its map, that it says it safely, and that it can be read."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from phasegrok.report import payload, write
from phasegrok.store import Store
from tests.report.conftest import Open
from tests.report.stores import invented
from tests.report.test_page import cell_box, curves, first_full_cell


def test_names_from_configs_are_shown_and_not_run(opened: Open, tmp_path: Path) -> None:
    name = "</script><script>window.hurt = 1</script><img src=x onerror=hurt=1>%STYLE%"
    store = invented(tmp_path / "store")
    config = store.config()
    config["sweep"]["name"] = name
    store.write_config(config)
    with opened(write(store).as_uri()) as page:
        assert page.locator("#name").inner_text() == name
        assert page.title() == f"{name}: phase diagram"
        page.mouse.click(**cell_box(page, 1, 1))
        assert not page.evaluate("'hurt' in window")


def test_a_script_that_gets_into_the_page_is_not_run(small: Path, browser: Any) -> None:
    page = browser.new_page()
    page.goto(small.as_uri())
    page.evaluate("""() => { const script = document.createElement('script');
        script.textContent = 'window.hurt = 1'; document.body.append(script); }""")
    assert not page.evaluate("'hurt' in window")
    page.close()


def test_the_runs_can_be_taken_away_as_csv_and_parquet(
    small: Path, opened: Open, tmp_path: Path
) -> None:
    frame = Store(small.parent).collected(curves=False).to_pandas()
    with opened(small.as_uri()) as page:
        for kind in ("csv", "parquet"):
            with page.expect_download() as waiting:
                page.get_by_role("link", name=f".{kind}").click()
            waiting.value.save_as(tmp_path / f"runs.{kind}")
    taken = pd.read_parquet(tmp_path / "runs.parquet")
    pd.testing.assert_frame_equal(taken, frame.drop(columns="config"))
    rows = list(csv.DictReader(io.StringIO((tmp_path / "runs.csv").read_text())))
    assert [row["run_id"] for row in rows] == frame["run_id"].tolist()
    steps = ["" if pd.isna(step) else str(int(step)) for step in frame["val_step"]]
    assert [row["val_step"] for row in rows] == steps


def test_failed_runs_are_told_with_their_reasons(opened: Open, tmp_path: Path) -> None:
    store = invented(tmp_path / "store")
    frame = store.collected(curves=False).to_pandas()
    failed = frame.loc[frame["status"] == "failed", "run_id"].tolist()
    assert failed
    store.errors.mkdir()
    report = '{"failures": 2, "traceback": "Traceback\\nRuntimeError: <b>no room</b>\\n"}'
    (store.errors / f"{failed[0]}.json").write_text(report)
    with opened(write(store).as_uri()) as page:
        page.locator("#failed summary").click()
        told = page.locator("#failures").inner_text()
        assert all(run_id in told for run_id in failed)
        assert "RuntimeError: <b>no room</b>" in told


def test_settings_and_provenance_are_told(small: Path, opened: Open) -> None:
    with opened(small.as_uri()) as page:
        settings = page.locator("#settings").text_content()
        assert "optim.lr" in settings and "launch" not in settings
        swept = {key: text for key, text in payload(Store(small.parent))["settings"]
                 if key in ("task.train_fraction", "optim.weight_decay")}  # fmt: skip
        assert swept == {"task.train_fraction": "axis x", "optim.weight_decay": "axis y"}
        provenance = page.locator("#provenance").text_content()
        assert all(text in provenance for text in ("0123456789ab", "2.13.0", "n1", "cpu"))
        assert "planned runs have ended; the others are missing" in page.locator(
            "#standing").inner_text()  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(scheme: str, small: Path, opened: Open) -> None:
    with opened(small.as_uri(), color_scheme=scheme) as page:
        page.mouse.click(**cell_box(page, *first_full_cell(small)[:2]))
        worn = page.evaluate("""() => { const own = (element) => Array.from(element.childNodes)
                .some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim());
            const hex = (css) => '#' + css.match(/\\d+/g).slice(0, 3)
                .map((part) => Number(part).toString(16).padStart(2, '0')).join('');
            return Array.from(document.querySelectorAll('body *')).filter(own)
                .filter((one) => one.checkVisibility() && !one.closest('#curves'))
                .map((one) => hex(getComputedStyle(one).color)); }""")
        colors = page.evaluate("""() => { const css = getComputedStyle(document.documentElement);
            return ['page', 'panel', 'text', 'soft', 'accent'].map(
                (name) => css.getPropertyValue(`--${name}`).trim()); }""")
    grounds, inks = colors[:2], {*colors[2:], *worn}
    assert all(contrast(ink, ground) >= 4.5 for ink in inks for ground in grounds)
    assert (luminance(grounds[0]) < 0.1) == (scheme == "dark")


def test_each_row_of_a_seed_has_the_dash_of_its_curves(small: Path, opened: Open) -> None:
    i, j, rows = first_full_cell(small)
    with opened(small.as_uri()) as page:
        page.mouse.click(**cell_box(page, i, j))
        assert curves(page)
        drawn = page.evaluate("""() => document.querySelector('#curves').data
            .filter(({ mode }) => mode === 'lines').map(({ name, line }) => [name, line.dash])""")
        levels = page.evaluate("""() => document.querySelector('#curves').layout.shapes
            .map(({ line }) => line.dash)""")
        told = page.locator("#cell tbody tr").evaluate_all("""(rows) => rows.map((row) => [
            row.cells[0].innerText.trim(),
            row.querySelector('line').getAttribute('stroke-dasharray')])""")
    assert [seed for seed, _ in told] == [str(seed) for seed in sorted(rows["seed"])]
    dashes = {f"{word}, seed {seed}": dash.replace("none", "solid")
              for seed, dash in told for word in ("training", "validation")}  # fmt: skip
    assert dict(drawn) == dashes
    assert len({*dashes.values(), *levels}) == 4


def contrast(one: str, other: str) -> float:
    """WCAG 2: from 1 to 21; text should have 4.5."""
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def luminance(color: str) -> float:
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(part * c for part, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
