"""How large the report of a large sweep is, and how fast it answers in a browser.

    python -m benchmarks.report                        # 10,000 cells x 3 seeds, curves of 32 points
    python -m benchmarks.report --cells 2500 --seeds 5
    python -m benchmarks.report --record               # and benchmarks/results/report.json

Nothing is trained: outcomes are invented, with curves that no two runs share. The store is written
as workers write it and the page made of it; then a headless Chromium (apt-get install chromium)
opens the file. A reaction is timed in the page, from the event to the frame that shows what came
of it, for many different cells and slider stops: the median, and the largest. `busy` is the
processor time of the page meanwhile, which other work on the machine disturbs least.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import machine
from phasegrok import cells, config, tasks
from phasegrok.phases import LADDER, needed
from phasegrok.report import write
from phasegrok.store import Store

POINTS, PART, BUDGET = 32, 5_000, 2000
TIMES = 40

# Two frames after the event, what it changed is on the screen.
_REACTION = """async ([id, kind, make]) => {
    const target = document.getElementById(id);
    const shown = () => new Promise((done) =>
        requestAnimationFrame(() => requestAnimationFrame(() => done())));
    await shown();
    const began = performance.now();
    %s
    await shown();
    return performance.now() - began;
}"""
_HOVER = """target.dispatchEvent(new PointerEvent('pointermove',
    { clientX: kind, clientY: make, bubbles: true }));"""
_SLIDE = "target.value = kind; target.dispatchEvent(new Event('input', { bubbles: true }));"
_CHOOSE = "target.value = kind; target.dispatchEvent(new Event('change', { bubbles: true }));"


def main(argv: Sequence[str] | None = None) -> list[dict[str, Any]]:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--cells", type=int, default=10_000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--record", action="store_true", help="keep the table as JSON")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        store = invented(Path(folder) / "store", options.cells, options.seeds)
        began, busy = time.perf_counter(), time.process_time()
        page = write(store)
        rows = [
            {"what": "write the page", "value": time.perf_counter() - began, "unit": "s"},
            {"what": "write the page, busy", "value": time.process_time() - busy, "unit": "s"},
            {"what": "size of the page", "value": page.stat().st_size / 1e6, "unit": "MB"},
            *_parts(page),
            *_reactions(page),
        ]
    for row in rows:
        print(f"{row['what']:44}{row['value']:10.2f} {row['unit']}")
    if options.record:
        command = f"python -m benchmarks.report --cells {options.cells} --seeds {options.seeds}"
        print(machine.record("report", rows, command))
    return rows


def invented(path: Path, count: int, seeds: int) -> Store:
    """A store of about so many cells, all of whose runs have ended."""
    side = round(math.sqrt(count))
    overrides = ["+sweep=wd_vs_frac", f"sweep.x.num={side}", f"sweep.y.num={side}", "task.p=97",
                 f"seeds={seeds}", f"train.steps={BUDGET}", f"out={path}"]  # fmt: skip
    asked = config.compose(overrides)
    store = Store(path)
    store.write_config(asked)
    rows = _rows(cells.runs(asked))
    for part in range(0, side * side * seeds, PART):
        taken = list(itertools.islice(rows, PART))
        store.write_part(f"part-{part:09d}", taken, asked)
    return store


def _rows(runs: Sequence[cells.Run]) -> Iterator[dict[str, Any]]:
    """Outcomes whose curves rise from nothing to all with noise in every count."""
    draws = np.random.default_rng(0)
    steps = np.unique(np.geomspace(5, BUDGET, 3 * POINTS).astype(int))
    steps = np.append(0, steps[np.linspace(0, len(steps) - 1, POINTS - 1).astype(int)])
    for run in runs:
        train = tasks.train_size(run.config["task"])
        row = {
            "run_id": run.run_id, "sweep": "invented", "seed": run.seed, "budget": BUDGET,
            "phase.train_accuracy": 0.9, "phase.val_accuracy": 0.9, "phase.gap": 0.05,
            **{key: value for key, value in cells.leaves(run.config) if value is not None},
            "config": json.dumps(run.config), "steps": BUDGET, "status": "finished",
            "seconds": draws.random(), "weight_norm": draws.random(), "host": "n1",
            "train_loss": draws.random(), "val_loss": draws.random(), "written": draws.random(),
            "curve.step": steps.tolist(),
        }  # fmt: skip
        for name, total in (("train", train), ("val", tasks.size(run.config["task"]) - train)):
            middle = 10 ** draws.uniform(1, 3.6)
            shares = 1 / (1 + (middle / (steps + 1)) ** 3) * draws.uniform(0.98, 1, POINTS)
            counts = np.rint(shares * total).astype(int)
            ladder = [_first(steps, counts >= needed(accuracy, total)) for accuracy in LADDER]
            row |= {f"{name}_steps": ladder, f"{name}_step": ladder[LADDER.index(0.9)],
                    f"{name}_acc": counts[-1] / total,
                    f"curve.{name}_acc": (counts / total).tolist()}  # fmt: skip
        yield row


def _first(steps: np.ndarray, reached: np.ndarray) -> int | None:
    return int(steps[reached.argmax()]) if reached.any() else None


def _parts(page: Path) -> Iterator[dict[str, Any]]:
    """What the page's size is made of."""
    text = page.read_text()
    told = json.loads(text.split('id="payload">')[1].split("</script>")[0])
    pieces = {
        "packed results and curves": told["block"],
        "CSV": told["files"]["csv"],
        "Parquet": told["files"]["parquet"],
        "Plotly": text.split('id="plotly">')[1].split("</script>")[0],
    }
    for name, piece in pieces.items():
        yield {"what": f"  of it {name}", "value": len(piece) / 1e6, "unit": "MB"}


def _reactions(page: Path) -> Iterator[dict[str, Any]]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        tab = browser.new_page(viewport={"width": 1366, "height": 900})
        session = tab.context.new_cdp_session(tab)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        asked = tab, session
        began = time.perf_counter()
        tab.goto(page.as_uri())
        tab.wait_for_selector("body[data-ready]")
        yield {"what": "open", "value": 1e3 * (time.perf_counter() - began), "unit": "ms"}
        tab.wait_for_timeout(3000)  # Plotly is unpacked meanwhile
        box = tab.locator("#map").bounding_box()
        assert box is not None
        draws = np.random.default_rng(1)
        points = [
            (box["x"] + box["width"] * u, box["y"] + box["height"] * v)
            for u, v in draws.uniform(0.15, 0.8, (TIMES, 2))
        ]
        yield from _timed(asked, "hover", _HOVER, [("map", *point) for point in points])
        for kind in ("phase", "val", "weight_norm"):
            yield from _timed(asked, f"choose the map {kind}", _CHOOSE, [("map-kind", kind, 0)])
            for name in ("val", "gap", "budget"):
                last = int(tab.locator(f"#rule-{name}").get_attribute("max") or 0)
                stops = [(f"rule-{name}", i % (last + 1), 0) for i in range(TIMES // 2)]
                yield from _timed(asked, f"slide {name}, map {kind}", _SLIDE, stops)
        yield from _timed(asked, "click, with curves", _CLICK, [("map", *p) for p in points[:10]])
        browser.close()


_CLICK = """target.dispatchEvent(new PointerEvent('click',
    { clientX: kind, clientY: make, bubbles: true }));
    while (!document.querySelector('#curves')?.data) await shown();"""


def _timed(asked: Any, what: str, event: str, each: Sequence[Any]) -> Iterator[dict[str, Any]]:
    (tab, session), times, busy = asked, [], []
    for arguments in each:
        before = _busy(session)
        times.append(tab.evaluate(_REACTION % event, list(arguments)))
        busy.append(_busy(session) - before)
    for name, values in (("", times), (", busy", busy)):
        yield {"what": f"{what}{name}: median", "value": float(np.median(values)), "unit": "ms"}
        yield {"what": f"{what}{name}: largest", "value": max(values), "unit": "ms"}


def _busy(session: Any) -> float:
    """Processor time that the page's own thread has taken so far, in ms."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return 1e3 * next(one["value"] for one in metrics if one["name"] == "TaskDuration")


if __name__ == "__main__":
    main(sys.argv[1:])
