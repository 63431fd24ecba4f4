"""Carries a plan out: trains what is missing, then makes results, figure and summary of all."""

from __future__ import annotations

import shlex
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

from phasegrok import phases, sizing
from phasegrok.answers import Asked, answered_ids
from phasegrok.cells import Config
from phasegrok.errors import FAILED, INTERRUPTED, OK, InputError
from phasegrok.launch.local import Pool, WorkerLost
from phasegrok.plan import Plan
from phasegrok.progress import Progress
from phasegrok.store import Store, load
from phasegrok.words import counted

Event = dict[str, Any]
Take = Callable[[Event], None]


class Interrupt(threading.Event):
    """Set once an orderly end is asked for; calls `then`."""

    then: Callable[[], None] = staticmethod(lambda: None)


def run(planned: Plan, command: Sequence[str] = ()) -> int:
    """Train a plan's packs, then collect and draw.

    Args:
        command: the words that, given again, go on with what is left.

    Returns:
        The exit code: 0; 1 if a run or worker failed (the rest is kept and drawn); 130 after
        Ctrl-C, once everything that ended is written. SLURM jobs are waited for only if asked to.
    """
    if planned.packs and planned.config["launch"].get("wait") is False:
        return submit_and_leave(planned)
    with interrupts(planned.config) as interrupted:
        progress, problem = train(planned, interrupted)
    speed = progress.speed() if progress.run_steps else ""
    return last_words(planned, speed, problem, interrupted.is_set(), command)


def train(planned: Plan, interrupted: Interrupt) -> tuple[Progress, Exception | None]:
    """Train a plan's packs; how it went, and what went wrong with the workers."""
    progress = Progress(sum(len(pack.runs) for pack in planned.packs))
    problem: Exception | None = None
    if planned.packs:
        try:
            _LAUNCHERS[planned.config["launch"]["name"]](planned, progress, interrupted)
        except (WorkerLost, OSError) as error:
            problem = error
        progress.close()
    return progress, problem


def last_words(
    planned: Plan,
    speed: str,
    problem: Exception | None,
    interrupted: bool,
    command: Sequence[str],
) -> int:
    """Collect and draw, say how it ended, and give the exit code."""
    rows = collect(planned.store)
    failed = _print_summary(planned, rows, speed)
    if problem is not None:
        print(f"phasegrok: {problem}", file=sys.stderr)
    missing = unanswered(planned) - failed
    if missing:
        _print_how_to_go_on(planned, missing, command)
    if interrupted:
        return INTERRUPTED
    return FAILED if failed or missing or problem is not None else OK


def refuse(planned: Plan) -> None:
    """Asked before a plan is written.

    Raises:
        InputError: it cannot be carried out from here, or not beside what is in flight.
    """
    from phasegrok.launch.in_flight import refuse_replacing

    if planned.packs and planned.config["launch"]["name"] == "slurm":
        from phasegrok.launch.refusal import refuse_hopeless

        refuse_hopeless(planned.config["launch"])
    refuse_replacing(planned)
    if planned.packs:
        _refuse_missing_gpus(planned)


def _refuse_missing_gpus(planned: Plan) -> None:
    there = sizing.visible_gpus()
    missing = [gpu for gpu in sizing.gpus(planned.config) if gpu not in there]
    if missing:
        found = f"are {', '.join(there)}" if there else "are none"
        raise InputError(
            f"launch.devices: no GPU {', '.join(missing)} for this process; there {found} "
            "(nvidia-smi lists a machine's GPUs, CUDA_VISIBLE_DEVICES narrows them)"
        )
    if planned.config["launch"]["name"] == "inline":
        from phasegrok.worker import refuse_missing_gpu

        asked = f"launch.device = {planned.config['launch']['device']}"
        refuse_missing_gpu(asked, sizing.device_of(planned.config), "launch.device=cpu")


def unanswered(planned: Plan) -> int:
    """Planned runs of which the store does not tell what the sweep asks."""
    return len(unanswered_ids(planned))


def unanswered_ids(planned: Plan) -> set[str]:
    known = answered_ids(planned.store, Asked.of(planned.config, planned.store))
    return {run.run_id for run in planned.runs} - known


def collect(store: Store) -> list[dict[str, Any]]:
    """Compact all parts and draw the diagram; the status and phase of every planned run."""
    table = store.compact()
    asked = {row["run_id"] for row in store.plan(["run_id"])}
    rows = table.select(["run_id", "status", "phase"]).to_pylist()
    rows = [row for row in rows if row["run_id"] in asked]
    if rows:
        from phasegrok import diagram

        diagram.save(load(store.path), store.config(), store.path)
    return rows


# ----------------------------------------------------------------------------- ways to train


def _inline(planned: Plan, progress: Progress, interrupted: Interrupt) -> None:
    """All packs in this process, for debugging."""
    import torch

    from phasegrok.worker import run_packs

    ids, take = iter([pack.pack_id for pack in planned.packs]), _progress_only(progress.take)
    on_gpu = nullcontext()
    if planned.config["launch"].get("devices"):
        # By its place: this process may have been on another GPU, and what is visible is settled.
        (gpu,) = sizing.gpus(planned.config)
        on_gpu = torch.cuda.device(sizing.visible_gpus().index(gpu))
    with on_gpu:
        run_packs(planned.store, lambda: next(ids, None), take, interrupted.is_set)


def _local(planned: Plan, progress: Progress, interrupted: Interrupt) -> None:
    """A pool of worker processes."""
    config = planned.config
    gpus = sizing.gpus(config) if sizing.device_of(config) == "cuda" else []
    packs = [pack.pack_id for pack in planned.packs]
    pool = Pool(planned.store, packs, sizing.workers(config), gpus, threads=sizing.threads(config))
    interrupted.then = pool.stop
    if interrupted.is_set():
        pool.stop()
    try:
        pool.run(progress.take)
    except KeyboardInterrupt:
        pool.kill()
        raise


def _slurm(planned: Plan, progress: Progress, interrupted: Interrupt) -> None:
    """Job arrays, followed to their end."""
    from phasegrok.launch import waiting

    waiting.follow(planned, progress, interrupted.is_set)


_LAUNCHERS: dict[str, Callable[[Plan, Progress, Interrupt], None]] = {
    "inline": _inline,
    "local": _local,
    "slurm": _slurm,
}


def submit_and_leave(planned: Plan) -> int:
    """Submit job arrays, and say what to do next."""
    from phasegrok.launch import slurm
    from phasegrok.launch.in_flight import in_flight

    made = slurm.submit(planned)
    packs, jobs = in_flight(planned.store), sum(len(each.packs) for each in made)
    ids = ", ".join(each.array_id for each in made)
    waiting = sum(pack.pack_id not in packs for pack in planned.packs)
    where = shlex.quote(str(planned.store.path))
    in_all = f"{counted(jobs, 'job')} in {counted(len(made), 'array')}"
    print(f"submitted {in_all}: {ids}" if made else "nothing submitted")
    if len(packs) - sum(len(job) for each in made for job in each.packs) > 0 or not made:
        print(f"in flight: {counted(len(packs), 'pack')}")
    if waiting and planned.config["launch"]["max_queued"] is not None:
        print(f"no room in the queue for {counted(waiting, 'pack')} (launch.max_queued); later:")
        print(f"  phasegrok retry {where}        submits them; launch.wait=true does it by itself")
    print(f"  phasegrok status {where}       how far it is (--watch goes on looking)")
    print(f"  phasegrok collect {where}      results and figure of what there is")
    print(f"  phasegrok cancel {where}       ends its jobs; what is done is kept")
    return OK


def _progress_only(take: Take) -> Take:
    return lambda event: take(event) if event["event"] == "progress" else None


@contextmanager
def interrupts(config: Config) -> Iterator[Interrupt]:
    """The first Ctrl-C (or TERM) asks for an orderly end, the second ends at once."""
    asked = Interrupt()
    on_cluster = config["launch"]["name"] == "slurm"
    doing = "the jobs go on" if on_cluster else "writing what is done"

    def handle(number: int, frame: Any) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        print(f"\nstopping: {doing} (Ctrl-C again to stop at once)", file=sys.stderr)
        asked.then()

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, handle) for number in numbers]
    try:
        yield asked
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


# ---------------------------------------------------------------------------------- last words


def _print_summary(planned: Plan, rows: Sequence[dict[str, Any]], speed: str) -> int:
    """Counts, speed and files; returns how many runs failed."""
    counts = Counter(row["phase"] for row in rows if row["status"] != "failed")
    failed = len(rows) - counts.total()
    parts = [
        f"{name} {counts[name]}" for name in (*phases.PHASES, phases.UNDECIDED) if counts[name]
    ]
    parts += [f"failed {failed}"] * bool(failed)
    runs = counted(len(planned.runs), "run")
    print(f"{counts.total()} of {runs}: {', '.join(parts) or 'none yet'}")
    if speed:
        print(speed)
    store = planned.store
    names = ["results.parquet", "phase_diagram.png", "phase_diagram.pdf", "phase_diagram.svg"]
    written = [str(store.path / name) for name in names if (store.path / name).exists()]
    if failed:
        written.append(f"{store.errors}/ (why runs failed)")
    print("\n".join(written))
    return failed


def _print_how_to_go_on(planned: Plan, missing: int, command: Sequence[str]) -> None:
    print(
        f"still to train: {counted(missing, 'run')}; what ended is kept in {planned.store.path}; "
        f"go on with:\n  {shlex.join(command)}",
        file=sys.stderr,
    )
