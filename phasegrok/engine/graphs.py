"""Several updates as one CUDA graph: the host asks once, the GPU does all of their kernels.

A step of tiny networks is dozens of kernels of a few microseconds each; launched one by one, the
host is slower than the GPU.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

log = logging.getLogger("phasegrok")

# Updates in one graph, at most: the longer, the rarer the host is asked, the longer to capture.
MOST_UPDATES = 16

# Before a capture, code is compiled, libraries choose their algorithms and memory is set aside.
WARM_UP = 3

# A capture that failed may leave PyTorch's allocator in disorder; then this process tries no other.
_capturing_works = True


class Graph:
    """An in-place update of tensors on a GPU, captured once and replayed.

    Args:
        update: no arguments, no result; reads and writes tensors that stay where they are, and
            never waits for the GPU.
        state: the tensors that it changes. Capturing leaves them as they were.
    """

    def __init__(self, update: Callable[[], None], state: Any):
        self._update = update
        self._state = state
        self._captured: tuple[torch.cuda.CUDAGraph, int] | None = None
        self._plain = False

    def repeat(self, times: int) -> None:
        """Do the update so many times."""
        if self._captured is None and not self._plain and _capturing_works:
            self._capture(largest_divisor(times, MOST_UPDATES))
        if self._captured is not None:
            graph, each = self._captured
            replays, times = divmod(times, each)
            for _ in range(replays):
                graph.replay()
        for _ in range(times):
            self._update()

    def _capture(self, updates: int) -> None:
        global _capturing_works
        before = pytree.tree_map(torch.clone, self._state)
        capturing = False
        try:
            self._warm_up()
            self._refuse_to_wait()
            capturing = True
            graph = torch.cuda.CUDAGraph()
            # The outer context brings the stream back where a capture fails.
            with torch.cuda.stream(torch.cuda.current_stream()), torch.cuda.graph(graph):
                for _ in range(updates):
                    self._update()
            self._captured = graph, updates
        except torch.OutOfMemoryError:
            _capturing_works = not capturing
            raise
        except RuntimeError as error:
            log.warning("no CUDA graph of this network (%s): its kernels are launched one by one",
                        str(error).splitlines()[0])  # fmt: skip
            self._plain = True
            _capturing_works = not capturing
        finally:
            pytree.tree_map(Tensor.copy_, self._state, before)

    def _refuse_to_wait(self) -> None:
        """An update that waits for the GPU cannot be captured; better to see it before."""
        before = torch.cuda.get_sync_debug_mode()
        torch.cuda.set_sync_debug_mode("error")
        try:
            self._update()
        finally:
            torch.cuda.set_sync_debug_mode(before)

    def _warm_up(self) -> None:
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP):
                self._update()
        torch.cuda.current_stream().wait_stream(stream)


def largest_divisor(number: int, most: int) -> int:
    """The largest divisor of a number that is at most `most`."""
    return max(d for d in range(1, min(number, most) + 1) if number % d == 0)
