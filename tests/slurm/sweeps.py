"""A sweep on the test cluster: submitted, watched, disturbed, and compared with one left alone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from PIL import Image

from phasegrok import claims, submitted
from phasegrok.claims import Attempt
from phasegrok.store import Store
from tests.slurm.cluster import Cluster
from tests.sweeping import differences, results, unfinished

# A CPU job of the test cluster, whose nodes have no GPU.
ON_CLUSTER = ("launch=slurm", "launch.gpus_per_node=0", "launch.mem_gb=0.9")
# Nothing that takes long, and nothing that depends on where it is planned.
PLAIN = ("train.compile=false", "train.lanes=50")


class Sweep:
    """A directory, and the commands that a user gives about it."""

    def __init__(self, cluster: Cluster, out: Path, *settings: str,
                 on: Sequence[str] = ON_CLUSTER, cwd: Path | None = None):  # fmt: skip
        self.cluster, self.out, self.settings = cluster, out, (*on, *settings)
        self.cwd = cwd
        self.store = Store(out)

    def submit(self, *more: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        return self._python("phasegrok.sweep", *self.settings, f"out={self.out}", *more,
                            timeout=timeout)  # fmt: skip

    def command(self, name: str, *more: str, timeout: float = 120) -> Any:
        """`phasegrok NAME DIR`."""
        return self._python("phasegrok", name, str(self.out), *more, timeout=timeout)

    def _python(self, module: str, *arguments: str, timeout: float) -> Any:
        return subprocess.run(
            [sys.executable, "-m", module, *arguments],
            env=self.cluster.env, capture_output=True, text=True, timeout=timeout, cwd=self.cwd,
        )  # fmt: skip

    # ------------------------------------------------------------------------------- looking

    def attempts(self) -> dict[str, list[Attempt]]:
        return claims.attempts(self.store)

    def in_flight(self) -> int:
        """Runs that have begun and not ended, of all packs that are being trained."""
        alive = [each[-1] for each in self.attempts().values() if each[-1].alive]
        return sum(attempt.of - attempt.runs for attempt in alive if attempt.run_steps)

    def job_ids(self) -> list[str]:
        return [name for made in submitted.submissions(self.store) for name, _ in made.jobs()]

    def states(self) -> set[str]:
        """SLURM's states of this sweep's jobs."""
        found = self.cluster.job_states()
        return {found[name] for name in self.job_ids() if name in found}

    def until(self, condition: Callable[[], object], what: str, timeout: float = 90) -> None:
        self.cluster.until(condition, what, timeout)

    def until_checkpointed(self, packs: int) -> None:
        """Until so many packs are being trained and have a checkpoint behind them."""

        def checkpointed() -> bool:
            return len(list(self.store.checkpoints.glob("[!.]*.pt"))) >= packs

        self.until(lambda: self.in_flight() and checkpointed(), f"{packs} packs are under way")

    def until_queue_is_empty(self, timeout: float = 240) -> None:
        waiting = {"PENDING", "RUNNING", "COMPLETING", "CONFIGURING", "REQUEUED", "SUSPENDED"}
        self.until(lambda: not self.states() & waiting, "the queue is empty", timeout)

    def complete(self, tries: int = 4) -> int:
        """Wait for the queue and retry what is missing; how often that was needed."""
        for retries in range(tries):
            self.until_queue_is_empty()
            if not unfinished(self.out):
                return retries
            answer = self.command("retry")
            assert answer.returncode == 0, answer.stderr
        raise AssertionError(f"{unfinished(self.out)} runs are missing after {tries} retries")

    # ----------------------------------------------------------------------------- comparing

    def collected(self) -> Sweep:
        answer = self.command("collect")
        assert answer.returncode == 0, answer.stderr
        return self

    def assert_equals(self, other: Path) -> None:
        """Every result column, bit for bit, one row per run."""
        assert not differences(results(self.out), results(other))

    def trained_again(self) -> tuple[int, int]:
        """Run-steps that were trained, over all attempts, beyond those that the results hold."""
        trained = sum(each.run_steps for of in self.attempts().values() for each in of)
        needed = sum(
            pq.read_table(self.out / "results.parquet", columns=["steps"])["steps"].to_pylist()
        )
        return trained - needed, needed


def figure_hash(out: Path) -> str:
    """The hash of the data shown, as the figure itself says."""
    return Image.open(out / "phase_diagram.png").info["Data hash"]
