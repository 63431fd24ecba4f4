"""Helpers of the tests that run whole sweeps: commands, children to kill, rows to compare."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from phasegrok.store import Store
from phasegrok.store.schema import PROVENANCE

# Forked children inherit an imported torch, so that a sweep can be started and killed in a
# fraction of a second; nothing here has started a thread before the fork.
FORK = multiprocessing.get_context("fork")


def command(
    *arguments: str, timeout: float = 600, **options: Any
) -> subprocess.CompletedProcess[str]:
    """`python -m phasegrok.sweep ARGUMENTS`, its output captured."""
    return subprocess.run(
        [sys.executable, "-m", "phasegrok.sweep", *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        **options,
    )


def started(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    """The same, running."""
    return subprocess.Popen(
        [sys.executable, "-m", "phasegrok.sweep", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def ask(arguments: Sequence[str], before: Callable[[], None] = lambda: None) -> None:
    """What a child does: a sweep in this process, its words thrown away."""
    from phasegrok import sweep

    before()
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):  # noqa: SIM117
        with contextlib.redirect_stderr(nowhere):
            code = sweep.main(list(arguments))
    os._exit(code)


def child(arguments: Sequence[str], before: Callable[[], None] = lambda: None) -> Any:
    """A forked process that asks a sweep, started."""
    process = FORK.Process(target=ask, args=(arguments, before))
    process.start()
    return process


def finished(arguments: Sequence[str]) -> int:
    """Ask a sweep in a child to its end; its exit code."""
    process = child(arguments)
    process.join()
    return process.exitcode


def results(out: Path) -> pa.Table:
    """The results of a sweep without provenance: all that must not depend on what happened."""
    table = pq.read_table(out / "results.parquet")
    kept = [name for name in table.column_names if name not in PROVENANCE]
    return table.select(kept).replace_schema_metadata(None)


def differences(left: pa.Table, right: pa.Table) -> list[str]:
    """The columns in which two result tables differ, NaN being equal to NaN."""
    if left.column_names != right.column_names or len(left) != len(right):
        return [f"shape: {left.shape} and {right.shape}"]
    return [
        name
        for name in left.column_names
        if str(left[name].to_pylist()) != str(right[name].to_pylist())
    ]


def unfinished(out: Path) -> int:
    """Planned runs without a row."""
    store = Store(out)
    planned = {row["run_id"] for row in store.plan()}
    return len(planned - set(store.rows(["run_id"])["run_id"].to_pylist()))
