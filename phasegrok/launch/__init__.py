"""Carries a plan out: trains what is missing, then makes results, figure and summary of all."""

from __future__ import annotations

import shlex
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from phasegrok import phases
from phasegrok.launch.local import Pool, WorkerLost, gpu_count
from phasegrok.plan import Plan, device_of, workers
from phasegrok.progress import Progress
from phasegrok.store import Store, load

Event = dict[str, Any]
Take = Callable[[Event], None]

INTERRUPTED = 130


def run(planned: Plan, argv: Sequence[str] = ()) -> int:
    """Train a plan's packs, then collect and draw.

    Returns:
        The exit code: 0; 1 if a run or worker failed (the rest is kept and drawn); 130 after
        Ctrl-C, once everything that ended is written.
    """
    runs = sum(len(pack.runs) for pack in planned.packs)
    steps = sum(pack.run_steps for pack in planned.packs)
    progress = Progress(runs, steps)
    problem: Exception | None = None
    interrupted = False
    if planned.packs:
        launcher = _LAUNCHERS[planned.config["launch"]["name"]]
        try:
            interrupted = launcher(planned, progress.take)
        except (WorkerLost, OSError) as error:
            problem = error
        progress.close()
    rows = collect(planned.store)
    failed = _print_summary(planned, rows, progress)
    if problem is not None:
        print(f"phasegrok: {problem}", file=sys.stderr)
    missing = len(planned.runs) - len(rows)
    if missing:
        _print_how_to_go_on(planned, missing, argv)
    if interrupted:
        return INTERRUPTED
    return 1 if failed or missing or problem is not None else 0


def collect(store: Store) -> list[dict[str, Any]]:
    """Compact all parts and draw the diagram; the status and phase of every planned run."""
    table = store.compact()
    asked = {row["run_id"] for row in store.plan()}
    rows = table.select(["run_id", "status", "phase"]).to_pylist()
    rows = [row for row in rows if row["run_id"] in asked]
    if rows:
        from phasegrok import diagram

        diagram.save(load(store.path), store.config(), store.path)
    return rows


# ----------------------------------------------------------------------------- ways to train


def _inline(planned: Plan, take: Take) -> bool:
    """All packs in this process, for debugging; True if interrupted."""
    from phasegrok.worker import run_packs

    ids = iter([pack.pack_id for pack in planned.packs])
    with _interrupts() as interrupted:
        run_packs(planned.store, lambda: next(ids, None), _progress_only(take), interrupted.is_set)
    return interrupted.is_set()


def _local(planned: Plan, take: Take) -> bool:
    """A pool of worker processes; True if interrupted."""
    gpus = gpu_count() if device_of(planned.config) == "cuda" else 0
    ids = [pack.pack_id for pack in planned.packs]
    pool = Pool(planned.store, ids, gpus or workers(planned.config), gpus)
    with _interrupts(pool.stop) as interrupted:
        try:
            pool.run(take)
        except WorkerLost:
            pool.wait(take)
            raise
    return interrupted.is_set()


_LAUNCHERS: dict[str, Callable[[Plan, Take], bool]] = {"inline": _inline, "local": _local}


def _progress_only(take: Take) -> Take:
    return lambda event: take(event) if event["event"] == "progress" else None


@contextmanager
def _interrupts(on_first: Callable[[], None] = lambda: None) -> Iterator[threading.Event]:
    """The first Ctrl-C (or TERM) asks for an orderly end, the second ends at once."""
    asked = threading.Event()

    def handle(number: int, frame: Any) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        print("\nstopping: writing what is done (Ctrl-C again to stop at once)", file=sys.stderr)
        on_first()

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, handle) for number in numbers]
    try:
        yield asked
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


# ---------------------------------------------------------------------------------- last words


def _print_summary(planned: Plan, rows: Sequence[dict[str, Any]], progress: Progress) -> int:
    """Counts, speed and files; returns how many runs failed."""
    counts = Counter(row["phase"] for row in rows if row["status"] != "failed")
    failed = len(rows) - counts.total()
    parts = [
        f"{name} {counts[name]}" for name in (*phases.PHASES, phases.UNDECIDED) if counts[name]
    ]
    parts += [f"failed {failed}"] * bool(failed)
    print(f"{counts.total()} of {len(planned.runs)} runs: {', '.join(parts) or 'none yet'}")
    if progress.run_steps:
        print(
            f"{progress.run_steps:,} run-steps in {progress.seconds():,.0f} s, "
            f"{progress.rate():,.0f} run-steps/s"
        )
    store = planned.store
    names = ["results.parquet", "phase_diagram.png", "phase_diagram.pdf", "phase_diagram.svg"]
    written = [str(store.path / name) for name in names if (store.path / name).exists()]
    if failed:
        written.append(f"{store.errors}/ (why runs failed)")
    print("\n".join(written))
    return failed


def _print_how_to_go_on(planned: Plan, missing: int, argv: Sequence[str]) -> None:
    command = shlex.join(["python", "-m", "phasegrok.sweep", *argv])
    print(
        f"{missing} runs are still to train; what ended is kept in {planned.store.path}; "
        f"go on with:\n  {command}",
        file=sys.stderr,
    )
