"""Named random streams: every draw of a run comes from (seed, purpose), never from global state.

Two purposes of one seed are independent, and adding a purpose moves no other draw. That is what
lets a run come out the same alone, in a pack, on another machine and after a resume.
"""

from __future__ import annotations

import hashlib

import numpy as np


def seed_for(seed: int, purpose: str) -> int:
    """The 63-bit seed of one purpose of a run.

    Purposes are "init", "split", "labels", "targets", "batches", and "dropout LAYER" for each layer
    that draws.
    """
    digest = hashlib.sha256(f"{seed}/{purpose}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def generator(seed: int, purpose: str) -> np.random.Generator:
    """A NumPy generator of its own for one purpose of a run."""
    return np.random.Generator(np.random.PCG64(seed_for(seed, purpose)))
