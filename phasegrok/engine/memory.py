"""How many lanes fit into a GPU's memory, found by training a few."""

from __future__ import annotations

from dataclasses import replace

import torch

from phasegrok.cells import Run
from phasegrok.engine.lanes import Lanes, Mode
from phasegrok.engine.prepare import prepare

TRIED = 4  # lanes of the trial
SHARE = 0.8  # of the free memory; the rest is for what other programs and the allocator need


def fitted(mode: Mode, run: Run) -> Mode:
    """The mode with no more lanes than fit into the device's free memory.

    A few lanes take one step and are evaluated, eagerly, which needs at least the memory of a
    compiled program. On a CPU the mode is as it was. If memory runs out all the same, the pack
    goes on with half the lanes.
    """
    if torch.device(mode.device).type != "cuda" or mode.width <= TRIED:
        return mode
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    free, _ = torch.cuda.mem_get_info()
    before = torch.cuda.memory_allocated()
    try:
        Lanes(prepare(run), replace(mode, width=TRIED, compiled=False)).advance(1)
    except torch.OutOfMemoryError:
        return replace(mode, width=1)
    each = (torch.cuda.max_memory_allocated() - before) / TRIED
    torch.cuda.empty_cache()
    return replace(mode, width=lanes_within(SHARE * free, each, mode.width))


def lanes_within(memory: float, each: float, most: int) -> int:
    """How many lanes of `each` bytes fit into so many bytes: at least 1, at most `most`."""
    return max(1, min(most, int(memory / max(each, 1.0))))
