"""How this process computes on a CPU while it trains."""

from __future__ import annotations

import ctypes
import sys

import torch

# mallopt's numbers (malloc.h) and what they are set to: memory up to 32 MiB, the most that is
# allowed, comes from the heap, which keeps what is freed and grows by 64 MiB at a time.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
KEPT = {M_MMAP_THRESHOLD: 32 << 20, M_TOP_PAD: 64 << 20, M_TRIM_THRESHOLD: 2**31 - 1}


class cpu_numerics:
    """A set number of threads and flushed denormals while training, and the caller's settings
    afterwards; how memory is kept stays as it is set here.

    A number that is set makes a run's bits independent of the machine's load and core count;
    weights that decay towards zero would otherwise spend most of the time in denormal arithmetic.
    """

    def __init__(self, threads: int = 1):
        self._wanted = threads

    def __enter__(self) -> None:
        self._threads = torch.get_num_threads()
        tiny = torch.tensor(1e-310, dtype=torch.float64)
        self._flushed = bool(tiny * 1.0 == 0)
        torch.set_num_threads(self._wanted)
        torch.set_flush_denormal(True)
        keep_freed_memory()

    def __exit__(self, *exception: object) -> None:
        torch.set_num_threads(self._threads)
        torch.set_flush_denormal(self._flushed)


def keep_freed_memory() -> None:
    """Let glibc keep what a step frees for the next step; other C libraries do as they do.

    As it comes, glibc hands larger pieces back to the kernel, which fills them with zeros, page
    by page, when the next step asks for them again: a third of the time of a small network's step.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        for parameter, value in KEPT.items():
            mallopt(parameter, value)
