"""What the page says of what it shows: caption, legend, tip and panel follow what is chosen."""

from __future__ import annotations

from pathlib import Path

import pytest

from phasegrok import Rule, cells
from phasegrok.diagram import colors, data_hash
from phasegrok.frames.captions import caption, rule_text
from phasegrok.phases import LADDER
from phasegrok.report import write
from phasegrok.store import Store
from tests.report.conftest import Open
from tests.report.stores import BUDGET, invented, planned
from tests.report.test_page import cell_box
from tests.report.test_rules import frame_of, slid


def test_the_caption_is_that_of_the_figure_until_something_is_chosen(
    small: Path, opened: Open
) -> None:
    frame, config = frame_of(small), Store(small.parent).config()
    with opened(small.as_uri()) as page:
        told = page.locator("#caption").inner_text()
    assert told == caption(frame, config, data_hash(frame))


@pytest.mark.parametrize(
    "rule", [Rule(0.6, 0.99, gap=0.2, budget=500), Rule(0.9, 0.9, gap=0.05, budget=700)]
)
def test_the_caption_states_the_rule_in_force_and_that_it_is_not_the_sweeps_own(
    rule: Rule, small: Path, opened: Open
) -> None:
    assert rule.budget is not None
    with opened(small.as_uri()) as page:
        first = page.locator("#caption").inner_text()
        for name, value in (("train", rule.train_accuracy), ("val", rule.val_accuracy),
                            ("gap", rule.gap), ("budget", rule.budget)):  # fmt: skip
            slid(page, name, value)
        told = page.locator("#caption").inner_text()
        assert f"Not the sweep's own rule. {rule_text(rule, rule.budget)}" in told
        assert f"within {BUDGET} steps" not in told
        page.click("#own-rule")
        assert page.locator("#caption").inner_text() == first


def test_the_page_tells_one_step_as_one(small: Path, opened: Open) -> None:
    with opened(small.as_uri()) as page:
        told = page.evaluate("ruleText({train: 0.9, val: 0.9, gap: 1, share: false, budget: 2})")
    assert told == rule_text(Rule(gap=1), 2) and "generalised 1 step or more" in told


def test_the_caption_states_the_map_and_the_slice(large: Path, opened: Open) -> None:
    with opened(large.as_uri()) as page:
        page.select_option("#map-kind", "weight_norm")
        page.select_option("#fixed-row", label="x-y")
        told = page.locator("#caption").inner_text()
    assert "Here operation = x-y, width (neurons) = 16." in told
    assert "cells show weight norm at the end: median over seeds." in told
    assert "majority" not in told


@pytest.mark.parametrize(
    ("stops", "reached", "told"),
    [
        ([200, 300, 400], [None, None, None], "at least 300 (3 of 3 censored)"),
        # The median is 300 if the first went on to 250: "more than 300" would be wrong.
        ([200, 300, 400], [None, 300, 400], "at least 300 (1 of 3 censored)"),
        ([200, 300, 400], [200, 300, None], "300 (1 of 3 censored)"),
    ],
)
def test_a_median_that_runs_stopped_early_may_have_moved_is_told_as_a_bound(
    stops: list[int], reached: list[int | None], told: str, opened: Open, tmp_path: Path
) -> None:
    store = invented(tmp_path / "store", runs=slice(0, 0))
    seeds = cells.runs(store.config())[:3]
    rows = [
        planned(run, status="decided", steps=stop, train_step=100, val_step=stop,
                train_steps=[100] * len(LADDER), val_steps=[stop] * 5 + [at] * 2)
        for run, stop, at in zip(seeds, stops, reached, strict=True)
    ]  # fmt: skip
    store.write_part("part-0", rows, store.config())
    with opened(write(store).as_uri()) as page:
        slid(page, "val", 0.99)
        page.mouse.click(**cell_box(page, 0, 0))
        for place in ("#tip", "#cell"):
            assert f"Steps to generalise: {told}" in page.locator(place).inner_text()


def test_the_legend_lists_phases_that_only_share_ties_and_paints_the_tie_there_is(
    opened: Open, tmp_path: Path
) -> None:
    store = invented(tmp_path / "store", "seeds=2", runs=slice(0, 0))
    rows = [
        planned(run, status="finished", steps=BUDGET, train_step=100 if run.seed else None)
        for run in cells.runs(store.config())[:2]
    ]
    store.write_part("part-0", rows, store.config())
    with opened(write(store).as_uri()) as page:
        told = page.locator("#legend .key").all_inner_texts()
        assert told == ["memorization 0", "confusion 0", "tie 1", "missing 11"]
        painted = page.evaluate("""() => {
            const context = document.querySelectorAll('#legend canvas')[2].getContext('2d');
            const { data } = context.getImageData(0, 0, 18, 14);
            const hex = (byte) => byte.toString(16).padStart(2, '0').toUpperCase();
            return [[2, 11], [15, 2]].map(([x, y]) => 4 * (18 * y + x)).map((at) =>
                `#${Array.from(data.slice(at, at + 3), hex).join('')}`); }""")
        shared = ("memorization", "confusion")
        assert painted == [colors.PHASE_COLORS[phase] for phase in shared]


def test_a_curve_that_is_not_of_counts_is_told_from_one_that_is_not_stored(
    opened: Open, tmp_path: Path
) -> None:
    store = invented(tmp_path / "store", runs=slice(0, 0))
    curves = [[0.0, 0.1234567891234567], [0.0, 1.0], None]
    rows = [
        planned(run, status="finished", steps=BUDGET,
                **({"curve.step": [0, BUDGET], "curve.train_acc": curve,
                    "curve.val_acc": curve} if curve else {}))
        for run, curve in zip(cells.runs(store.config()), curves, strict=False)
    ]  # fmt: skip
    store.write_part("part-0", rows, store.config())
    with opened(write(store).as_uri()) as page:
        page.mouse.click(**cell_box(page, 0, 0))
        told = page.locator("#cell").inner_text()
        assert "Seed 0: a curve is stored, whose accuracies are no counts" in told
        assert "No curves are stored" not in told
