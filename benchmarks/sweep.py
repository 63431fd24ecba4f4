"""How long a whole sweep takes on this machine, from the command to the figure.

    python -m benchmarks.sweep                                    # wd_vs_frac
    python -m benchmarks.sweep --sweep quick train.compile=true   # settings go to the sweep
    python -m benchmarks.sweep --repetitions 3 --record           # keep it in benchmarks/results/

Each repetition asks the sweep twice, from nothing: at first with an empty compile cache, as on the
day of installation, then with the cache that the first time has filled. Compared with a sweep on a
terminal, it prints lines instead of a bar; that is all.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import machine

CACHES = ("empty", "warm")
# Where torch.compile keeps programs; the second would lead it out of the first.
CACHE, OTHER_CACHE = "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR"
OURS = {"out", "reuse", "dry_run"}

PROGRESS = re.compile(r"\d+/\d+ runs, ")
PLANNED = re.compile(
    r"packs? of (?P<lanes>\d+(?: to \d+)?) lanes?.* on (?P<device>\w+)\n(?P<how>\w+)"
)
RUNS = re.compile(r"^(?P<runs>\d+) of (?P<planned>\d+) runs: ", re.MULTILINE)
SPEED = re.compile(r"^(?P<run_steps>[\d,]+) run-steps in .* s, (?P<rate>[\d,]+) run-steps/s"
                   r"(?:; (?P<gflops>[\d,]+) GFLOP/s, (?P<share>\d+)% of the matmul peak)?"
                   r"(?:; lanes (?P<full>\d+)% full)?", re.MULTILINE)  # fmt: skip

Row = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> list[Row]:
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = _parsed(given)
    rows: list[Row] = []
    print(HEAD, flush=True)
    for repetition in range(options.repetitions):
        with tempfile.TemporaryDirectory() as folder:
            for cache in CACHES:
                # A parent of its own: a sweep takes finished runs from the siblings of its out.
                out = Path(folder) / cache / "out"
                asked = [f"+sweep={options.sweep}", *options.overrides]
                row = {"sweep": options.sweep, "overrides": options.overrides, "cache": cache,
                       "repetition": repetition}  # fmt: skip
                rows.append(row | measured(asked, out, Path(folder) / "programs"))
                print(line(rows[-1]), flush=True)
    if options.record:
        command = shlex.join(["python", "-m", "benchmarks.sweep", *given])
        asked = "-".join([options.sweep, *options.overrides])
        name = f"sweep-{asked}-{machine.slug(gpu=rows[0]['device'] == 'cuda')}"
        print(f"recorded in {machine.record(name, rows, command)}")
    return rows


def _parsed(given: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sweep", default="wd_vs_frac")
    parser.add_argument("--repetitions", type=int, default=1)
    parser.add_argument("--record", action="store_true", help="write benchmarks/results/")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="settings of the sweep")
    options = parser.parse_intermixed_args(given)
    for setting in options.overrides:
        if setting.partition("=")[0].lstrip("+~") in OURS:
            parser.error(f"{setting}: {', '.join(sorted(OURS))} are not settings of a benchmark")
    return options


def measured(asked: Sequence[str], out: Path, cache: Path) -> Row:
    """A sweep into a fresh directory: what it took, and what it says of itself.

    `first_progress_s` is null if it ended before its first line of progress; `cpu_s` is that of
    the command with its workers; `share_of_peak` and `lanes_full` are null where it has none.

    Raises:
        SystemExit: it failed, or has not drawn its figure.
    """
    environment = {key: value for key, value in os.environ.items() if key != OTHER_CACHE}
    environment |= {CACHE: str(cache)}
    command = [sys.executable, "-m", "phasegrok.sweep", *asked, f"out={out}"]
    cpu, began, first = _cpu_of_children(), time.perf_counter(), None
    errors: list[str] = []
    with tempfile.TemporaryFile("w+") as said:
        with subprocess.Popen(command, stdout=said, stderr=subprocess.PIPE, text=True,
                              env=environment) as process:  # fmt: skip
            assert process.stderr is not None
            for text in process.stderr:
                if first is None and PROGRESS.match(text):
                    first = time.perf_counter() - began
                errors.append(text)
        wall = time.perf_counter() - began
        said.seek(0)
        words = said.read()
    if process.returncode != 0 or not (out / "phase_diagram.png").exists():
        raise SystemExit(f"{shlex.join(command)}\nended with code {process.returncode} and no "
                         f"figure:\n{words}{''.join(errors)}")  # fmt: skip
    return {"wall_s": wall, "first_progress_s": first, "cpu_s": _cpu_of_children() - cpu,
            **summary(words)}  # fmt: skip


def summary(words: str) -> Row:
    """What a sweep that trained prints of itself, as numbers."""
    planned, runs, speed = (found.search(words) for found in (PLANNED, RUNS, SPEED))
    if planned is None or runs is None or speed is None:
        raise SystemExit(f"the sweep's words are not those this benchmark reads:\n{words}")
    return {
        "device": planned["device"],
        "lanes": planned["lanes"],
        "compiled": planned["how"] == "compiled",
        "runs": int(runs["runs"]),
        "planned": int(runs["planned"]),
        "run_steps": _whole(speed["run_steps"]),
        "run_steps_per_s": _whole(speed["rate"]),
        "gflops": _whole(speed["gflops"]),
        "share_of_peak": _share(speed["share"]),
        "lanes_full": _share(speed["full"]),
    }


def _whole(digits: str | None) -> int | None:
    return None if digits is None else int(digits.replace(",", ""))


def _share(percent: str | None) -> float | None:
    return None if percent is None else int(percent) / 100


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


HEAD = (f"{'sweep':<16}{'cache':>6}{'wall s':>9}{'first s':>9}{'CPU s':>9}{'runs':>8}"
        f"{'run-steps/s':>13}{'of peak':>9}  lanes")  # fmt: skip


def line(row: Row) -> str:
    first = row["first_progress_s"]
    share = row["share_of_peak"]
    return (
        f"{row['sweep']:<16}{row['cache']:>6}{row['wall_s']:>9.1f}"
        f"{'-' if first is None else format(first, '.1f'):>9}{row['cpu_s']:>9.1f}{row['runs']:>8,}"
        f"{row['run_steps_per_s']:>13,}{'-' if share is None else format(share, '.0%'):>9}"
        f"  {row['lanes']}, {'compiled' if row['compiled'] else 'eager'}"
    )


if __name__ == "__main__":
    main()
