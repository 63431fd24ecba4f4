"""The page in a real browser: pointing, choosing, keys, links, narrow and dark screens."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from phasegrok.report import write
from phasegrok.store import Store
from tests.report.conftest import Open, until
from tests.report.stores import invented

PHONE = {"width": 390, "height": 844}


def cell_box(page: Any, i: int, j: int) -> dict[str, float]:
    """Where the cell at these places is on the screen."""
    page.locator("#map").scroll_into_view_if_needed()
    box = page.evaluate("([i, j]) => boxOf(phasegrok.page.plan, i, j)", [i, j])
    map_box = page.locator("#map").bounding_box()
    return {"x": map_box["x"] + box["x"] + box["width"] / 2,
            "y": map_box["y"] + box["y"] + box["height"] / 2}  # fmt: skip


def curves(page: Any) -> list[dict[str, Any]]:
    """What is drawn for the chosen cell: Plotly's own traces."""
    until(page, "document.querySelector('#curves')?.data?.length > 0")
    return page.evaluate("""() => document.querySelector('#curves').data
        .map(({ name, mode, y, text }) => ({ name, mode, y, text }))""")


def first_full_cell(report: Path) -> tuple[int, int, pd.DataFrame]:
    """Places and rows of a cell with three seeds that all have curves."""
    frame = Store(report.parent).collected().to_pandas()
    frame = frame[frame["status"] != "failed"]
    keys = ["task.train_fraction", "optim.weight_decay"]
    at = [frame[key].rank(method="dense").astype(int) - 1 for key in keys]
    for (i, j), rows in frame.groupby(at):
        if len(rows) == 3:
            return i, j, rows
    raise AssertionError("no cell has three seeds")


def test_pointing_at_a_cell_tells_of_its_seeds(small: Path, opened: Open) -> None:
    i, j, rows = first_full_cell(small)
    with opened(small.as_uri()) as page:
        page.mouse.move(**cell_box(page, i, j))
        tip = page.locator("#tip").inner_text()
        assert f"weight decay {rows['optim.weight_decay'].iloc[0]:g}" in tip
        for phase, count in rows["phase"].value_counts().items():
            assert phase == "undecided" or f"{phase} {count} of" in tip
        assert re.search(r"\d+ %; 95 %: \d+ to \d+ %", tip)
        assert "Steps to fit: " in tip and "Steps to generalise: " in tip
        never = rows["val_step"].isna().tolist().count(True)
        assert not never or f"{never} of 3 censored" in tip
        page.mouse.move(5, 5)
        assert page.locator("#tip").is_hidden()


def test_clicking_a_cell_shows_the_curves_of_all_its_seeds(small: Path, opened: Open) -> None:
    i, j, rows = first_full_cell(small)
    with opened(small.as_uri()) as page:
        page.mouse.click(**cell_box(page, i, j))
        drawn = {one["name"]: one for one in curves(page) if one["mode"] == "lines"}
        for side, word in (("train", "training"), ("val", "validation")):
            for seed, curve in zip(rows["seed"], rows[f"curve.{side}_acc"], strict=True):
                shown = drawn.pop(f"{word}, seed {seed}")["y"]
                assert len(shown) == min(len(curve), 32)
                assert set(shown) <= set(curve) and shown[-1] == curve[-1]  # to the last bit
        assert not drawn
        panel = page.locator("#cell").inner_text()
        assert all(run_id[:8] in panel for run_id in rows["run_id"])
        page.get_by_role("button", name="Close").click()
        assert "No cell chosen" in page.locator("#cell").inner_text()


def test_without_curves_the_seeds_are_still_told(opened: Open, tmp_path: Path) -> None:
    report = write(invented(tmp_path / "store", curves=False))
    i, j, rows = first_full_cell(report)
    with opened(report.as_uri()) as page:
        page.mouse.click(**cell_box(page, i, j))
        panel = page.locator("#cell").inner_text()
        assert "No curves are stored" in panel
        assert all(run_id[:8] in panel for run_id in rows["run_id"])


def test_all_of_it_can_be_reached_by_keyboard(small: Path, opened: Open) -> None:
    with opened(small.as_uri()) as page:
        reached = []
        for _ in range(30):
            page.keyboard.press("Tab")
            reached.append(page.evaluate("document.activeElement.id"))
        for one in ("map-kind", "axis-x", "axis-y", "copy", "rule-train", "rule-val", "rule-gap",
                    "gap-unit", "rule-budget", "own-rule", "map"):  # fmt: skip
            assert one in reached
        page.locator("#map").focus()
        assert page.evaluate("getComputedStyle(document.activeElement).outlineWidth") == "3px"
        page.keyboard.press("ArrowRight")  # shows where the keyboard is: at first, at [0, 0]
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowUp")
        assert page.evaluate("phasegrok.page.focus") == [1, 1]
        told = page.locator("#told").inner_text()
        assert told.startswith("training fraction ") and page.locator("#tip").is_visible()
        for key in ["End", *["ArrowRight", "ArrowUp"] * 9]:
            page.keyboard.press(key)
        assert page.evaluate("phasegrok.page.focus") == [3, 2]  # the edge is the edge
        page.keyboard.press("Enter")
        link = "task.train_fraction=0.9&optim.weight_decay=30"
        until(page, "link => location.hash === `#${link}`", link)
        assert curves(page)
        page.keyboard.press("Escape")
        until(page, "!location.hash")


def test_any_two_axes_can_be_shown_and_the_others_fixed(large: Path, opened: Open) -> None:
    frame = Store(large.parent).collected(curves=False).to_pandas()
    with opened(large.as_uri()) as page:
        page.select_option("#axis-x", label="width (neurons)")
        page.select_option("#axis-y", label="operation")
        page.select_option("#axis-y", label="weight decay")
        page.select_option("#axis-x", label="weight decay")  # the two change places
        assert page.evaluate("phasegrok.page.plan.x.key") == "optim.weight_decay"
        assert page.evaluate("phasegrok.page.plan.y.key") == "model.width"
        page.select_option("#fixed-row", label="x-y")
        page.select_option("#axis-x", label="training fraction")
        page.select_option("#axis-y", label="weight decay")
        page.select_option("#fixed-col", label="64")
        page.mouse.click(**cell_box(page, 2, 0))
        panel = page.locator("#cell").inner_text()
        assert "operation x-y" in panel and "width (neurons) 64" in panel
        fraction = sorted(frame["task.train_fraction"].unique())[2]
        cell = {"task.operation": "x-y", "model.width": 64, "optim.weight_decay": 0,
                "task.train_fraction": fraction}  # fmt: skip
        here = frame[(frame[list(cell)] == pd.Series(cell)).all(axis=1)]
        assert len(here) and all(run_id[:8] in panel for run_id in here["run_id"])


def test_cells_lie_at_the_borders_of_their_values(large: Path, opened: Open) -> None:
    with opened(large.as_uri()) as page:
        plan = page.evaluate("""() => { const { x, across, frame } = phasegrok.page.plan;
            return { x, from: across.from, to: across.to, frame }; }""")
    fractions = [float(text) for text in plan["x"]["values"]]
    middle = [(a + b) / 2 for a, b in pairwise(fractions)]
    width, left = plan["frame"]["width"], plan["frame"]["left"]
    low, high = plan["x"]["low"][0], plan["x"]["high"][-1]
    expected = [left + (value - low) / (high - low) * width for value in middle]
    assert plan["to"][:-1] == pytest.approx(expected, abs=1e-2)
    assert plan["from"][1:] == pytest.approx(expected, abs=1e-2)


def test_the_link_restores_the_view(large: Path, opened: Open) -> None:
    with opened(large.as_uri()) as page:
        page.select_option("#axis-x", label="width (neurons)")
        page.select_option("#fixed-row", label="x-y")
        page.select_option("#map-kind", "delay")
        page.locator("#rule-val").press("ArrowLeft")
        page.locator("#rule-budget").press("ArrowLeft")
        page.select_option("#gap-unit", "steps")
        page.mouse.click(**cell_box(page, 1, 1))
        state = page.evaluate("phasegrok.page.state")
        until(page, "location.hash.includes('optim.weight_decay')")
        link = page.url
    assert state["rule"]["val"] != 0.9 and state["picked"] is not None
    with opened(link) as page:
        assert page.evaluate("phasegrok.page.state") == state
        assert page.locator("#map-kind").input_value() == "delay"
        assert "width (neurons)" in page.locator("#cell").inner_text()
        page.evaluate("location.hash = ''")
        until(page, "phasegrok.page.state.map === 'phase'")
        assert page.evaluate("phasegrok.page.state.rule.val") == 0.9


def test_a_link_to_a_cell_leads_there_after_the_axis_was_refined(
    small: Path, opened: Open, tmp_path: Path
) -> None:
    with opened(small.as_uri()) as page:
        page.mouse.click(**cell_box(page, 2, 1))
        heading = page.locator("#cell h2").inner_text()
        until(page, "location.hash.includes('optim.weight_decay')")
        hash_ = page.evaluate("location.hash")
    finer = write(invented(tmp_path / "store", "sweep.x.num=7"))
    with opened(finer.as_uri() + hash_) as page:
        assert page.locator("#cell h2").inner_text() == heading


def test_a_link_tells_values_apart_that_agree_to_six_digits(opened: Open, tmp_path: Path) -> None:
    near = "+sweep.row={param: optim.lr, values: [0.0010000001, 0.0010000002]}"
    report = write(invented(tmp_path / "store", near))
    with opened(report.as_uri()) as page:
        page.select_option("#fixed-row", index=1)
        page.mouse.click(**cell_box(page, 0, 0))
        state = page.evaluate("phasegrok.page.state")
        until(page, "location.hash.includes('task.train_fraction=')")
        link = page.url
    assert state["places"][2] == 1 and state["picked"] is not None
    with opened(link) as page:
        assert page.evaluate("phasegrok.page.state") == state


@pytest.mark.parametrize(
    "hash_", ["map=none&x=none&train=7&gap=x&optim.weight_decay=0.3", "%E0%A4%A", "model.width"]
)
def test_a_link_that_says_nonsense_shows_the_first_view(
    hash_: str, large: Path, opened: Open
) -> None:
    with opened(large.as_uri()) as page:
        first = page.evaluate("phasegrok.page.state")
    with opened(f"{large.as_uri()}#{hash_}") as page:
        assert page.evaluate("phasegrok.page.state") == first


def test_a_threshold_that_cannot_be_is_refused_where_it_is_typed(small: Path, opened: Open) -> None:
    with opened(small.as_uri()) as page:
        box = page.get_by_label("Gap from which a run groks (share of the budget), exactly")
        before = page.evaluate("phasegrok.page.state.rule")
        for wrong in ("1.5", "-0.1", "much", ""):
            box.fill(wrong)
            box.blur()
            assert page.evaluate("phasegrok.page.state.rule") == before
        assert not box.evaluate("box => box.validity.valid")
        box.fill("0.123")
        box.blur()
        assert page.evaluate("phasegrok.page.state.rule.gap") == "0.123"
        page.click("#own-rule")
        assert page.evaluate("phasegrok.page.state.rule") == before


def test_what_the_data_cannot_answer_is_undecided(small: Path, opened: Open) -> None:
    with opened(small.as_uri()) as page:
        page.get_by_label("Validation accuracy that counts as generalised, exactly").fill("0.987")
        page.keyboard.press("Tab")
        assert "undecided" in page.locator("#legend").inner_text()
        assert "undecided" in page.locator("#counts").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_everything_without_scrolling_sideways(
    scheme: str, large: Path, opened: Open
) -> None:
    phone = {"viewport": PHONE, "has_touch": True, "is_mobile": True, "color_scheme": scheme}
    with opened(large.as_uri(), **phone) as page:
        page.touchscreen.tap(**cell_box(page, 1, 1))
        assert curves(page)
        page.locator("summary").nth(2).click()
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        for one in ("#map", "#curves", "#rule-gap", "#fixed-col"):
            box = page.locator(one).bounding_box()
            assert box["x"] >= 0 and box["x"] + box["width"] <= PHONE["width"]


def test_an_axis_is_broken_where_zero_is_set_off(large: Path, opened: Open) -> None:
    """Ink on the axis between the cells for zero and the rest, and nowhere else between cells."""
    inked = """([side, at]) => {
        const { frame, up, across } = phasegrok.page.plan;
        const { to, from } = side === 'x' ? across : up;
        const [low, high] = [to[at], from[at + 1]].sort((a, b) => a - b);
        const box = side === 'x' ? [low - 3, frame.top + frame.height + 1, high - low + 6, 3]
            : [frame.left - 4, low - 3, 3, high - low + 6];
        const context = document.querySelector('#map canvas').getContext('2d');
        return context.getImageData(...box.map(Math.round)).data.some((byte) => byte > 0); }"""
    with opened(large.as_uri(), expected="willReadFrequently") as page:
        assert [page.evaluate(inked, ["y", j]) for j in range(3)] == [True, False, False]
        page.select_option("#axis-x", label="weight decay")
        assert [page.evaluate(inked, ["x", i]) for i in range(3)] == [True, False, False]
