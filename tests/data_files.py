"""Small files in the formats of those that some tasks read, for `task.path`."""

from __future__ import annotations

import struct
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from phasegrok.tasks import images

# The first six molecules of QM9: elements, bonds (atoms from 1, and their order), mu, alpha.
MOLECULES = (
    ("CHHHH", [(1, 2, 1), (1, 3, 1), (1, 4, 1), (1, 5, 1)], 0.0, 13.21),
    ("NHHH", [(1, 2, 1), (1, 3, 1), (1, 4, 1)], 1.6256, 9.46),
    ("OHH", [(1, 2, 1), (1, 3, 1)], 1.8511, 6.31),
    ("CCHH", [(1, 2, 3), (1, 3, 1), (2, 4, 1)], 0.0, 16.28),
    ("CNH", [(1, 2, 3), (1, 3, 1)], 2.8937, 12.99),
    ("COHH", [(1, 2, 2), (1, 3, 1), (1, 4, 1)], 2.1089, 14.18),
)
COLUMNS = (
    "mol_id,A,B,C,mu,alpha,homo,lumo,gap,r2,zpve,u0,u298,h298,g298,cv,"
    "u0_atom,u298_atom,h298_atom,g298_atom"
)


def write_qm9(folder: Path, count: int = len(MOLECULES)) -> Path:
    """gdb9.sdf and gdb9.sdf.csv of so many molecules, the six again and again."""
    folder.mkdir(parents=True, exist_ok=True)
    blocks, rows = [], [COLUMNS]
    for number, (atoms, bonds, mu, alpha) in enumerate(islice(cycle(MOLECULES), count), 1):
        blocks.append(_block(f"gdb_{number}", atoms, bonds))
        rows.append(f"gdb_{number},157.7,157.7,157.7,{mu},{alpha}" + 14 * ",0.1")
    (folder / "gdb9.sdf").write_text("".join(blocks))
    (folder / "gdb9.sdf.csv").write_text("\n".join(rows) + "\n")
    return folder


def _block(name: str, atoms: str, bonds: list[tuple[int, int, int]]) -> str:
    """One molecule as a V2000 record; the program and the places of the atoms are not read."""
    lines = [name, " -OEChem-03231823243D", ""]
    lines.append(f"{len(atoms):3d}{len(bonds):3d}  0     0  0  0  0  0  0999 V2000")
    lines += [
        f"{0.1 * i:10.4f}{1.2 * i:10.4f}{0.0:10.4f} {atom}  " + 12 * "  0"
        for i, atom in enumerate(atoms)
    ]
    lines += [f"{one:3d}{other:3d}{order:3d}  0  0  0  0" for one, other, order in bonds]
    return "\n".join([*lines, "M  END", "$$$$", ""])


def write_imdb(folder: Path, count: int) -> Path:
    """IMDB Dataset.csv of so many reviews of two words, every other positive."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [f'"A <br /> review, {n}.",{"negative" if n % 2 else "positive"}' for n in range(count)]
    path = folder / "IMDB Dataset.csv"
    path.write_text("\n".join(["review,sentiment", *rows]) + "\n")
    return path


def idx(array: np.ndarray, magic: int | None = None) -> bytes:
    """As Yann LeCun's page has it: a magic number (2051, 2049), sizes, and bytes, big-endian."""
    magic = {3: 2051, 1: 2049}[array.ndim] if magic is None else magic
    return struct.pack(f">{1 + array.ndim}i", magic, *array.shape) + array.tobytes()


def write_mnist(folder: Path, count: int) -> Path:
    """MNIST's four files, of so many images of 4 x 3 pixels, a fifth of them to test on."""
    folder.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0).integers(256, size=(count, 4, 3), dtype=np.uint8)
    labels = np.arange(count, dtype=np.uint8) % 7
    training = count - max(count // 5, 1)
    for pair, part in zip(images.FILES, (slice(training), slice(training, None)), strict=True):
        for name, array in zip(pair, (pixels, labels), strict=True):
            (folder / name).write_bytes(idx(array[part]))
    return folder


WRITERS = {"qm9": write_qm9, "imdb": write_imdb, "mnist": write_mnist}
"""By the name of a task that needs files: writes so many examples, and gives `task.path`."""
