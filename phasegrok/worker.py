"""Trains packs of a store: as a process that a launcher feeds, or in this process.

`python -m phasegrok.worker STORE` reads pack ids from standard input, one a line, and reports
events as JSON lines on standard output. When its input closes, because the driver asked for it
or died, it finishes the step, writes what it has, keeps a checkpoint and ends.
Needs torch and pyarrow only.
"""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TextIO

from phasegrok import phases, sizing
from phasegrok.cells import Run
from phasegrok.engine import (
    Given,
    Mode,
    Outcome,
    Pack,
    Watch,
    cpu_numerics,
    fitted,
    matmul_peak,
    outcomes,
)
from phasegrok.errors import FAILED, OK, InputError
from phasegrok.jobs import Emit, Event, PackJob, progress_event
from phasegrok.plan import pack_key
from phasegrok.rows import result_row, watch
from phasegrok.store import Store

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("phasegrok")

# ------------------------------------------------------------------------- training in a process


def train(
    runs: Sequence[Run],
    *,
    lanes: int | Literal["auto"] = "auto",
    compiled: bool | Literal["auto"] = "auto",
    device: str = "cpu",
    rule: phases.Rule | None = None,
    stop_when_decided: bool = True,
    given: Mapping[str, Given] | None = None,
    curve_points_per_decade: int = 16,
) -> pd.DataFrame:
    """Train runs in this process and return one row per run, in the order of `runs`.

    Args:
        runs: of `phasegrok.runs`; runs of unequal shapes train one group after another.
        lanes: how many train side by side in one program, fewer if memory runs out; auto: as many
            as suit the device.
        compiled: torch.compile instead of eager vmap, which costs tens of seconds for each shape;
            auto: where that pays. The lanes of a row and whether it was compiled are its columns.
        device: cpu, cuda, or auto: cuda if there is one.
        rule: thresholds, gap and phase; default Liu et al. 2022 with the gap as 0.01 of the budget.
        stop_when_decided: stop a run once it has crossed both thresholds of the rule; by a rule
            that reads final accuracies nothing stops.
        given: explicit initial parameters, splits, labels or batches, by run_id.
        curve_points_per_decade: density of the stored curves; 0 keeps every evaluation.

    Returns:
        A DataFrame with the columns of a store's results, curves included.

    Raises:
        InputError: lanes, compiled or device is none of the above; there is no usable GPU; a run
            cannot start.
    """
    import pandas as pd

    _refuse_other_ways(lanes, compiled, device)
    rule = rule or phases.Rule()
    config = {
        "phase": rule.to_config(),
        "train": {"stop_when_decided": stop_when_decided, "lanes": lanes, "compile": compiled,
                  "curve_points_per_decade": curve_points_per_decade},
        "launch": {"device": device, "workers": 1},
    }  # fmt: skip
    place = sizing.device_of(config)
    refuse_missing_gpu(f"train: device = {device!r}", place, "device='cpu'")
    groups: dict[tuple[str, int], list[Run]] = {}
    for run in runs:
        groups.setdefault(pack_key(run), []).append(run)
    programs: dict[str, list[list[Run]]] = {}
    for (program, _), group in groups.items():
        programs.setdefault(program, []).append(group)
    rows: dict[str, dict[str, Any]] = {}
    with cpu_numerics():
        for of_program in programs.values():
            is_compiled = sizing.compiles(config, of_program)
            width = sizing.lanes(config, of_program, is_compiled)
            asked = Mode(min(width, max(map(len, of_program))), is_compiled, place)
            for group in of_program:
                for outcome, mode in _ended(group, fitted(asked, group[0]), watch(config), given):
                    if outcome.exception is not None:
                        raise outcome.exception
                    rows[outcome.run.run_id] = result_row(outcome, config, mode)
    return pd.DataFrame([rows[run.run_id] | dict(run.cell) for run in runs])


def _ended(
    runs: Sequence[Run], mode: Mode, watched: Watch, given: Mapping[str, Given] | None
) -> Iterator[tuple[Outcome, Mode]]:
    """How runs of equal shapes end; when memory runs out they go on in half the lanes."""
    import torch

    states: dict[str, Any] = {}
    while True:
        pack = None
        try:
            pack = Pack(runs, mode, watched, given=given, states=states)
            for outcome in outcomes(pack):
                yield outcome, mode
            return
        except torch.OutOfMemoryError:
            if mode.width == 1:
                raise
        if pack is not None:
            yield from ((outcome, mode) for outcome in pack.ended())
            runs, states = pack.unfinished(), states | pack.state()
        mode = replace(mode, width=mode.width // 2)
        log.warning("train: out of memory; going on with %d lanes", mode.width)


def _refuse_other_ways(lanes: Any, compiled: Any, device: Any) -> None:
    faults = []
    if lanes != "auto" and (not isinstance(lanes, int) or isinstance(lanes, bool) or lanes < 1):
        faults.append(f"train: lanes = {lanes!r}: must be auto or a whole number >= 1")
    if compiled not in ("auto", True, False):
        faults.append(f"train: compiled = {compiled!r}: must be auto, True or False")
    if device not in ("auto", "cpu", "cuda"):
        faults.append(f"train: device = {device!r}: must be auto, cpu or cuda")
    if faults:
        raise InputError(faults)


def refuse_missing_gpu(asked: str, device: str, instead: str) -> None:
    """InputError if training in this process, as asked, is on a GPU that PyTorch cannot use."""
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise InputError(
            f"{asked}: PyTorch {torch.__version__} finds no GPU that it can use here; "
            f"{instead} trains without one"
        )


# ------------------------------------------------------------------------------- as a process


def run_packs(store: Store, pack_ids: Callable[[], str | None], emit: Emit,
              stopping: Callable[[], bool]) -> None:  # fmt: skip
    """Train packs until there is no next one or a stop is asked for."""
    peak = None
    with cpu_numerics(sizing.threads(store.planned_config())):
        while not stopping():
            pack_id = pack_ids()
            if pack_id is None:
                return
            if peak is None:
                peak = matmul_peak(sizing.device_of(store.planned_config()))
                emit(progress_event(peak=peak))
            how = PackJob(store, pack_id, emit, stopping).run()
            emit({"event": "pack", "pack_id": pack_id, "how": how})


def main(arguments: Sequence[str] | None = None) -> int:
    """The process: see the module's docstring."""
    (path,) = sys.argv[1:] if arguments is None else arguments
    # Ctrl-C reaches the whole foreground group; the driver alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # SLURM's warning before the end of a job is its driver's affair too.
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    closed = threading.Event()
    packs: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=_read_packs, args=(packs, closed), daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: (closed.set(), packs.put(None)))
    # Events own the pipe; what a user's module or its subprocesses print goes to the log instead.
    events = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    emit = functools.partial(_write_event, events)
    sys.path.insert(0, str(Path.cwd()))
    try:
        run_packs(Store(path), packs.get, emit, closed.is_set)
    except (InputError, OSError) as error:
        of_input = isinstance(error, InputError)
        emit({"event": "error", "message": _message(error), "input": of_input})
        return FAILED
    return OK


def _read_packs(packs: queue.Queue[str | None], closed: threading.Event) -> None:
    for line in sys.stdin:
        packs.put(line.strip() or None)
    closed.set()
    packs.put(None)


def _write_event(stream: TextIO, event: Event) -> None:
    with contextlib.suppress(BrokenPipeError):  # the driver has died; what is done is written
        print(json.dumps(event), file=stream, flush=True)


def _message(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename or 'while writing'}"
    return str(error)


if __name__ == "__main__":
    sys.exit(main())
