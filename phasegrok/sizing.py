"""How runs will be trained: on which device, compiled or not, in how many lanes, packs and workers.

Everything here is decided once, when a sweep is planned, and without torch.
"""

from __future__ import annotations

import importlib.util
import math
import os
import shutil
import sysconfig
from collections.abc import Sequence
from itertools import pairwise, takewhile
from pathlib import Path

from phasegrok import models, work
from phasegrok.cells import Config, Run

# Packs per worker: enough that the workers end together, few enough that lanes stay full.
PACKS_PER_WORKER = 4
MOST_RUNS_IN_A_PACK = 4096

# Of the time that a SLURM job may take: an estimate may be wrong by this much before the job is
# stopped and queued again.
SHARE_OF_A_JOB = 1 / 3

# On a GPU as many lanes as are worth having; how many fit into its memory the worker finds out.
GPU_LANES = 512

# On a CPU a program's call costs about 0.1 ms besides its arithmetic, so lanes are added until a
# step of all lanes is about 1 ms of arithmetic; more would only crowd the cache.
CPU_FLOP_PER_CALL = 8e7
MOST_CPU_LANES = 16
UNKNOWN_FLOP = 1e7  # what a step of a user's own network is taken for

# Runs that pass through a lane before the lanes of a pack run empty, at least.
RUNS_PER_LANE = 4

# What compiling saves of a run-step on a CPU, and what it must save of a worker's time to be worth
# its tens of seconds: eager, a core does 2,200 run-steps/s of 4.7 MFLOP and 12 of 1.4 GFLOP;
# compiled, 9,000 and 68 (torch 2.13). For a GPU it is a guess: nothing was measured there.
SAVED_S = 1e-4
SAVED_S_PER_FLOP = {"cpu": 5e-11, "cuda": 1e-12}
WORTH_COMPILING_S = 60.0


def device_of(config: Config) -> str:
    """`launch.device`; auto is a GPU if one is visible, or SLURM is asked for one. torch is not
    needed to tell."""
    launch = config["launch"]
    asked = launch.get("device", "auto")
    if asked != "auto":
        return asked
    if on_nodes(config):
        return "cuda" if launch["gpus_per_node"] else "cpu"
    return "cuda" if visible_gpus() else "cpu"


def on_nodes(config: Config) -> bool:
    """Whether the runs train on other machines than this, of which little is known here."""
    return config["launch"].get("name") == "slurm"


# --------------------------------------------------------------------------------------- compiling


def compiles(config: Config, groups: Sequence[Sequence[Run]]) -> bool:
    """`train.compile`; auto compiles where that pays. Never without a compiler.

    Args:
        groups: runs that share a program, which is what is compiled, each group of one size of the
            training set.
    """
    asked = config["train"]["compile"]
    vectorised = all(group[0].config["train"].get("vectorise", True) for group in groups[:1])
    if not groups or not vectorised or not able_to_compile(config):
        return False
    if asked != "auto":
        return asked
    return models.worth_compiling(groups[0][0].config["model"]) and compiling_pays(config, groups)


def compiling_pays(config: Config, groups: Sequence[Sequence[Run]]) -> bool:
    """Whether compiling saves a worker more than it costs, if no run ends before its budget."""
    per_flop, saved_s = SAVED_S_PER_FLOP[device_of(config)], 0.0
    for group in groups:
        run_steps = sum(run.config["train"]["steps"] for run in group)
        saved_s += (SAVED_S + per_flop * flop_of(group[0])) * run_steps
    return saved_s / workers(config) >= WORTH_COMPILING_S


def able_to_compile(config: Config) -> bool:
    """Whether there is a compiler. On nodes that cannot be seen from here there is taken to be one;
    a worker that finds none trains eagerly."""
    return on_nodes(config) or has_compiler(device_of(config))


def flop_of(run: Run) -> float:
    """Operations of one of its steps, or what they are taken for."""
    known = work.of_run(run.config)
    return known.step if known else UNKNOWN_FLOP


def has_compiler(device: str) -> bool:
    """What torch.compile needs: a C++ compiler, for a CPU Python's headers, for a GPU triton."""
    if shutil.which(os.environ.get("CXX") or "g++") is None:
        return False
    if device == "cpu":
        return Path(sysconfig.get_paths()["include"], "Python.h").exists()
    return importlib.util.find_spec("triton") is not None


# ------------------------------------------------------------------------------- lanes and packs


def lanes(config: Config, groups: Sequence[Sequence[Run]], compiled: bool) -> int:
    """`train.lanes`, or how many suit the device.

    Args:
        groups: runs that share a program, each group of one size of the training set.
    """
    asked = config["train"]["lanes"]
    if asked != "auto":
        return asked
    if device_of(config) == "cuda":
        return GPU_LANES
    most = max(flop_of(group[0]) for group in groups)
    suited = min(CPU_FLOP_PER_CALL / most, MOST_CPU_LANES)
    if compiled:  # eager, a call costs so much more that empty lanes matter less than few lanes
        suited = min(suited, sum(map(len, groups)) / len(groups) / RUNS_PER_LANE)
    return power_of_2(suited)


def power_of_2(number: float) -> int:
    """The power of two nearest in ratio, at least 1."""
    return 2 ** max(round(math.log2(max(number, 1e-9))), 0)


def pieces(
    runs: Sequence[Run], total: int, width: int, config: Config, size: int | None = None
) -> list[Sequence[Run]]:
    """Runs of equal shapes cut into packs of about equal size.

    Args:
        total: runs of the whole sweep, these among them.
        size: runs in a pack at most; None: as many as suit this machine's workers.
    """
    share = math.ceil(total / (workers(config) * PACKS_PER_WORKER))
    # Never so small that its lanes run empty for most of the time, if that leaves all workers busy.
    full = min(RUNS_PER_LANE * width, math.ceil(total / workers(config)))
    here = min(max(share, full, width), MOST_RUNS_IN_A_PACK)
    count = math.ceil(len(runs) / (size or here))
    cuts = [len(runs) * i // count for i in range(count + 1)]
    return [runs[low:high] for low, high in pairwise(cuts)]


def runs_per_pack(config: Config, seconds: float) -> int:
    """`launch.runs_per_pack` of SLURM jobs; auto fills a share of a job's time.

    Args:
        seconds: what a run is taken to need.
    """
    asked = config["launch"]["runs_per_pack"]
    if asked != "auto":
        return asked
    suited = SHARE_OF_A_JOB * 60 * config["launch"]["timeout_min"] / max(seconds, 1e-9)
    return min(max(int(suited), 1), MOST_RUNS_IN_A_PACK)


def workers(config: Config) -> int:
    """Worker processes: of a local launch one per GPU, or for as many cores as it has threads,
    unless told, never two on a GPU; of SLURM jobs as many as may run at a time."""
    launch = config["launch"]
    if on_nodes(config):
        return launch["array_parallelism"] * packs_at_a_time(config)
    asked = launch.get("workers", 1)
    usable = len(gpus(config)) if device_of(config) == "cuda" else 0
    if asked == "auto":
        return usable or max(len(os.sched_getaffinity(0)) // threads(config), 1)
    return min(asked, usable) if usable else asked


def threads(config: Config) -> int:
    """Threads of a worker; with more than one, sums are taken in another order."""
    return config["launch"].get("threads", 1)


def packs_at_a_time(config: Config) -> int:
    """Packs that a SLURM job trains side by side: one per GPU, or per CPU where there is none."""
    launch = config["launch"]
    return launch["gpus_per_node"] if device_of(config) == "cuda" else launch["cpus_per_task"]


def gpus(config: Config) -> list[str]:
    """The GPUs to train on, as CUDA_VISIBLE_DEVICES names them: `launch.devices`, else all."""
    chosen = config["launch"].get("devices")
    return visible_gpus() if chosen is None else [str(each) for each in chosen]


def visible_gpus() -> list[str]:
    """The GPUs a user may use: of those that the driver lists CUDA_VISIBLE_DEVICES's, else all."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None and _devices():
        names = [name.strip() for name in named.split(",")]
        # As CUDA reads it: what is no device ends the list.
        return list(takewhile(lambda name: name not in ("", "-1", "NoDevFiles"), names))
    return [str(number) for number in range(len(_devices()))]


def _devices() -> list[Path]:
    return list(Path("/dev").glob("nvidia[0-9]*"))
