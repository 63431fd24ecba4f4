"""What every test shares: one torch thread, no window, closed figures, and no silent skip in CI."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Iterator
from typing import TypeVar

import pytest

# Before anything imports torch or matplotlib; the processes that tests start inherit it. One
# thread, because that is what a worker has, and sums must come out the same.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MPLBACKEND"] = "Agg"

IN_CI = os.environ.get("CI", "").lower() not in ("", "0", "false")

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)

# The only components that a continuous-integration machine may lack: a GPU, and what only the
# benchmark compares with.
EXCUSED_IN_CI = ("cuda", "jax")


@pytest.fixture(scope="session")
def require() -> Callable[[str, object, str], None]:
    """`require("slurm", shutil.which("sbatch"), "apt-get install slurmctld")` at a test's start.

    Where the component is missing the test is skipped with that advice, and in CI (CI=true) it
    fails: there everything that the project claims has to be tried. `EXCUSED_IN_CI` excepted.
    """

    def require_component(component: str, present: object, advice: str) -> None:
        if not present:
            pytest.skip(f"needs {component}: {advice}")

    return require_component


def _excused(reason: str) -> bool:
    return any(f"needs {component}:" in reason for component in EXCUSED_IN_CI)


def _fail_if_skipped_in_ci(report: Report) -> Report:
    """Turn a skip into a failure in CI, however it came about (marker, importorskip, `require`)."""
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not _excused(reason):
            report.outcome = "failed"
            report.longrepr = f"In CI no test may be skipped: {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return _fail_if_skipped_in_ci((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return _fail_if_skipped_in_ci((yield))


@pytest.fixture(autouse=True)
def closed_figures() -> Iterator[None]:
    """A figure left open by one test is not drawn into by the next."""
    yield
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close("all")
