"""The task `qm9`: regress on a property of small molecules, read from QM9's own files.

Ramakrishnan et al. 2014: 133,885 molecules of H, C, N, O and F. `task.path` is the folder of
gdb9.sdf and gdb9.sdf.csv, the files that DeepChem and PyTorch Geometric download as qm9.zip; the
examples are the first of them. Omnigrok (Liu et al. 2023) took 100 and PyTorch Geometric's
features, which are repeated here: of an atom one-hot H, C, N, O, F, atomic number, aromatic, sp,
sp2, sp3, number of hydrogens bound; of a bond one-hot single, double, triple, aromatic. As there,
RDKit reads the file without sanitising, for it would reject some of the molecules; so nothing is
said to be aromatic or hybridised, and those columns are 0.

Targets are as they stand in the csv, so that losses are in squared units of it, as published: of
the polarisability alpha, Bohr^3. Its default threshold lies between the plateau of their run with
init_scale 3 (an error of about 125) and its end (about 2.5); other targets have none.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from phasegrok.errors import InputError
from phasegrok.options import filled, integer, suggestion, text
from phasegrok.tasks import files
from phasegrok.tasks.graphs import regression
from phasegrok.tasks.tables import Dataset, FloatArray, Kind, Task, error_threshold

SDF, CSV = "gdb9.sdf", "gdb9.sdf.csv"
ELEMENTS = ("H", "C", "N", "O", "F")
HYBRIDS = ("SP", "SP2", "SP3")
BONDS = ("SINGLE", "DOUBLE", "TRIPLE", "AROMATIC")
ALPHA, ALPHA_THRESHOLD = "alpha", 10.0
INSTEAD = "task=random_graphs needs no file"

OPTIONS = {
    "path": text(f"the folder of {SDF} and {CSV} (or choose task=random_graphs, which needs none)"),
    "data": files.DATA,
    "target": text(default=ALPHA),
    "examples": integer(2, default=100),
    "error_threshold": error_threshold(None),
}


class Molecule(NamedTuple):
    """Features of the atoms, [atoms, 11], and of the bonds, [atoms, atoms, 4]."""

    name: str
    atoms: FloatArray
    bonds: FloatArray


def table(task: Task) -> Dataset:
    values = filled(task, OPTIONS)
    return _table(*_asked(values))


def sizes(task: Task) -> dict[str, int]:
    """As large as the largest molecule, which nothing but the file tells."""
    found, _ = _read(*_asked(filled(task, OPTIONS)))
    nodes, features = max(len(molecule.atoms) for molecule in found), found[0].atoms.shape[-1]
    return {"nodes": nodes, "node_features": features, "edge_features": len(BONDS), "outputs": 1}


def _asked(values: Mapping[str, Any]) -> tuple[Path, str | None, str, int]:
    path, data, target, examples = (values[key] for key in ("path", "data", "target", "examples"))
    return files.absolute(path), data, target, examples


def faults(task: Task) -> list[str]:
    """Whatever is wrong with the files is said before anything trains."""
    values = filled(task, OPTIONS)
    if not all(OPTIONS[key].allows(value) for key, value in values.items() if value is not None):
        return []
    try:
        _read(*_asked(values))
    except InputError as error:
        return error.faults
    if values["target"] == ALPHA or values["error_threshold"] is not None:
        return []
    return [
        f"task.error_threshold is missing: task.target = {values['target']} needs a number > 0, in "
        f"its unit squared, below which the squared error of a right answer is; only {ALPHA} has "
        f"one, {ALPHA_THRESHOLD:g}"
    ]


@lru_cache(maxsize=4)
def _table(folder: Path, data: str | None, target: str, examples: int) -> Dataset:
    found, targets = _read(folder, data, target, examples)
    most = max(len(molecule.atoms) for molecule in found)
    nodes = np.zeros((examples, most, found[0].atoms.shape[-1]))
    edges = np.zeros((examples, most, most, len(BONDS)))
    for i, (_, atoms, bonds) in enumerate(found):
        nodes[i, : len(atoms)] = atoms
        edges[i, : len(atoms), : len(atoms)] = bonds
    own = ALPHA_THRESHOLD if target == ALPHA else None
    return replace(regression(nodes, edges, targets), within=own)


@lru_cache(maxsize=32)
def _read(
    folder: Path, data: str | None, target: str, examples: int
) -> tuple[list[Molecule], FloatArray]:
    """The first molecules and their targets, [examples].

    Raises:
        InputError: a file is missing or damaged, the two do not fit together, or hold too little.
    """
    for name in (SDF, CSV):
        try:
            with (folder / name).open("rb") as file:
                file.read(1)
        except (FileNotFoundError, NotADirectoryError) as error:
            words = f"no file {name} in it; unpack qm9.zip there, or choose another"
            raise _fault(folder, words) from error
        except OSError as error:
            raise _fault(folder, f"{name} cannot be read: {error.strerror}") from error
    names, targets = _targets(folder, target, examples)
    found = list(_molecules(folder, examples))
    if len(found) < examples or len(names) < examples:
        name, there = (SDF, len(found)) if len(found) < examples else (CSV, len(names))
        raise InputError(
            f"task.examples = {examples}: {name} in {folder} has {there} molecules only"
        )
    for row, (molecule, name) in enumerate(zip(found, names, strict=True), 1):
        if molecule.name != name:
            raise _fault(
                folder,
                f"molecule {row} is {molecule.name} in {SDF} and {name} in {CSV}; take both files "
                "from one qm9.zip",
            )
    return found, np.array(targets)


def _fault(folder: Path, words: str) -> InputError:
    return InputError(f"task.path = {folder}: {words}; {INSTEAD}")


# ------------------------------------------------------------------------------------- the table


def _targets(folder: Path, target: str, examples: int) -> tuple[list[str], list[float]]:
    """The names of the molecules and one column of their properties."""
    try:
        with (folder / CSV).open(newline="", encoding="utf-8") as file:
            rows = csv.DictReader(file)
            properties = list(rows.fieldnames or [])
            first = list(islice(rows, examples))
    except (UnicodeDecodeError, csv.Error) as error:
        raise _fault(folder, f"{CSV} is damaged: {error}") from error
    if "mol_id" not in properties:
        raise _fault(folder, f"{CSV} is damaged: its first line names no column mol_id")
    properties.remove("mol_id")
    if target not in properties:
        hint = suggestion(target, properties) or f"; there are {', '.join(properties)}"
        raise InputError(f"task.target = {target}: is no property in {folder / CSV}{hint}")
    return [row["mol_id"] for row in first], [
        _number(folder, line, row[target]) for line, row in enumerate(first, 2)
    ]


def _number(folder: Path, line: int, value: str | None) -> float:
    try:
        number = float(value or "")
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise _fault(folder, f"{CSV} is damaged: in line {line} {value!r} is no number")
    return number


# ---------------------------------------------------------------------------------- the molecules


def _molecules(folder: Path, examples: int) -> Iterator[Molecule]:
    try:
        from rdkit import Chem, rdBase
    except ImportError as error:
        raise InputError(
            "task.name = qm9: RDKit, which reads it, is not installed; pip install "
            f"'phasegrok[molecules]' brings it; {INSTEAD}"
        ) from error
    with rdBase.BlockLogs():  # what RDKit says of a damaged file, we say ourselves
        try:
            supplier: Any = Chem.SDMolSupplier(str(folder / SDF), sanitize=False, removeHs=False)
        except OSError as error:
            raise _fault(folder, f"{SDF} cannot be read: it is empty or damaged") from error
        for number, molecule in enumerate(islice(supplier, examples), 1):
            if molecule is None:
                raise _fault(folder, f"{SDF} is damaged: molecule {number} cannot be read")
            yield _features(folder, number, molecule)


def _features(folder: Path, number: int, molecule: Any) -> Molecule:
    atoms, between = list(molecule.GetAtoms()), list(molecule.GetBonds())
    elements = [atom.GetSymbol() for atom in atoms]
    kinds = [bond.GetBondType().name for bond in between]
    strange = sorted({*elements, *kinds} - {*ELEMENTS, *BONDS}) or ["no atoms"] * (not atoms)
    if strange:
        raise _fault(
            folder,
            f"{SDF} is damaged: molecule {number} has {', '.join(strange)}, where QM9 has "
            f"{', '.join(ELEMENTS)} and {', '.join(BONDS)} bonds",
        )
    bonds = np.zeros((len(atoms), len(atoms), len(BONDS)))
    for bond, kind in zip(between, kinds, strict=True):
        ends = [bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()]
        bonds[ends, ends[::-1], BONDS.index(kind)] = 1
    of_atoms = np.array(
        [
            [element == known for known in ELEMENTS]
            + [atom.GetAtomicNum(), atom.GetIsAromatic()]
            + [atom.GetHybridization().name == hybrid for hybrid in HYBRIDS]
            for atom, element in zip(atoms, elements, strict=True)
        ],
        dtype=np.float64,
    )
    hydrogens = bonds.sum(axis=-1) @ of_atoms[:, :1]
    of_atoms = np.concatenate([of_atoms, hydrogens], axis=1)
    return Molecule(molecule.GetProp("_Name"), of_atoms, bonds)


KIND = Kind(
    OPTIONS,
    size=lambda task: filled(task, OPTIONS)["examples"],
    table=table,
    faults=faults,
    inputs="graphs",
    regression=True,
    sizes=sizes,
    files=lambda path: [files.absolute(path) / SDF, files.absolute(path) / CSV],
)
