"""The most arithmetic that this device is seen to do: what a training's share is a share of."""

from __future__ import annotations

import time

import torch

# Squares whose product is large enough for the device, and takes no longer than it must.
SIZES = {"cpu": (1024,), "cuda": (4096, 8192)}
REPEATS = 5


def matmul_peak(device: str) -> float:
    """Floating-point operations per second of the fastest of a few float32 matrix products.

    On a CPU it is that of the threads torch is set to, one in a worker. 0 where they cannot be
    done: the memory is too full for them, or there is no such device, as training itself will tell.
    """
    try:
        return max(_rate(size, device) for size in SIZES[torch.device(device).type])
    except (RuntimeError, AssertionError):  # without CUDA, torch asserts
        return 0.0


def _rate(size: int, device: str) -> float:
    # No random numbers, which belong to the caller; no zeros, which some devices do faster.
    a = torch.linspace(-1, 1, size**2, device=device).view(size, size)
    b = a.T.contiguous()
    torch.mm(a, b)
    seconds = []
    for _ in range(REPEATS):
        _wait(device)
        began = time.perf_counter()
        torch.mm(a, b)
        _wait(device)
        seconds.append(time.perf_counter() - began)
    return 2 * size**3 / min(seconds)


def _wait(device: str) -> None:
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()
