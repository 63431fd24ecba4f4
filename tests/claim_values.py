"""The functions that compute what the studies' claims are about.

Each takes the study's folder, its frame (one row per run) and the options of the claim.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis import liu2022
from analysis.liu2022 import keyed, read_published
from phasegrok import representation, tasks
from phasegrok.frames import phase_map, planned_axes, scaling
from phasegrok.phases import PHASES
from tests import doshi_values, omnigrok_values

# pandas frames and series, of which its stubs know too little to be of use here.
Frame = Any
Column = Any

STEPS = ("train_step", "val_step")
LETTERS = {"comprehension": "C", "grokking": "G", "memorization": "M", "confusion": "X"}
STEP_TOLERANCE = 0.02
AXES = (liu2022.LR, liu2022.DECAY)

# ------------------------------------------------------- against published cells, one run to a cell


def phase_agreement(folder: Path, frame: Frame, forgive_rounding: bool = False) -> float:
    """The share of cells with the published phase."""
    cells = compared(folder, frame)
    same = cells["phase"] == cells["published.phase"]
    if forgive_rounding:
        same |= flips(folder, cells, "phase")
    return float((same & cells["known"]).mean())


def step_agreement(folder: Path, frame: Frame, forgive_rounding: bool = False) -> float:
    """The share of crossings within 2 % of the published step; one that only one side has is not.

    Crossings that neither side has are not counted; of a cell without a result, both are.
    """
    cells, kept, total = compared(folder, frame), 0, 0
    for side in ("train_step", "val_step"):
        neither = cells[[side, f"published.{side}"]].isna().all(axis=1)
        there = ~(neither & cells["known"])
        near = close(cells[side], cells[f"published.{side}"])
        if forgive_rounding:
            near |= flips(folder, cells, side)
        kept += int(np.sum(near & there & cells["known"]))
        total += int(np.sum(there))
    return kept / total


def compared(folder: Path, frame: Frame) -> Frame:
    """The published cells, each beside ours: columns train_step, val_step, phase and published.*

    Column `known` tells whether there is a result of ours; a cell without one agrees in nothing.
    """
    columns = ["train_step", "val_step", "phase"]
    theirs = keyed(read_published(folder / "published.csv"))[columns].add_prefix("published.")
    cells = theirs.join(keyed(frame)[columns], how="left", validate="1:1")
    return cells.assign(known=cells["phase"].isin(PHASES))


def close(ours: Column, theirs: Column) -> Column:
    """Within the tolerance, or both never."""
    return ((ours / theirs - 1).abs() <= STEP_TOLERANCE) | (ours.isna() & theirs.isna())


def flips(folder: Path, cells: Frame, what: str) -> Column:
    """Whether plain float32 trainings of the cell that differ in rounding alone differ in this.

    Of one without a phase, stopped once it had fitted, nobody knows whether it generalises.
    """
    ways = replays(folder)
    ways = ways.dropna(subset=["phase"]) if what == "val_step" else ways
    found = ways[ways["way"] != "float64"].groupby(level="cell")[what]
    if what == "phase":
        differ = found.nunique() > 1
    else:
        never = found.count().between(1, found.size() - 1)
        differ = never | (found.max() / found.min() - 1 > STEP_TOLERANCE)
    return differ.reindex(cells.index, fill_value=False).astype(bool)


def replays(folder: Path) -> Frame:
    """replays.csv by cell, which benchmarks/plain_cells.py writes: a row per cell and way."""
    file = folder / "replays.csv"
    columns = [*AXES, "way", "train_step", "val_step", "steps", "phase"]
    return keyed(pd.read_csv(file) if file.exists() else pd.DataFrame(columns=columns))


def disagreements(folder: Path, frame: Frame) -> Frame:
    """The cells whose phase or a crossing step is not the published one."""
    cells = compared(folder, frame)
    same = cells["phase"] == cells["published.phase"]
    for side in ("train_step", "val_step"):
        same &= close(cells[side], cells[f"published.{side}"])
    return cells[~(same & cells["known"])]


def order_along(folder: Path, frame: Frame, along: str, at: Mapping[str, Sequence[Any]]) -> str:
    """The phases along an axis, neighbours that are equal told once: GCM; any other phase is ?."""
    letters = among(frame, at).sort_values(along)["phase"].map(LETTERS).fillna("?")
    return "".join(letter for letter, _ in groupby(letters))


def share(holds: Column, known: Column) -> float:
    """The share of runs of which it holds; NaN, which agrees with nothing, if one does not tell."""
    return float(holds.mean()) if known.all() else float("nan")


# -------------------------------------------------------------------- the addition toy's structure


def accuracies(frame: Frame, lr: float) -> tuple[Column, Column]:
    """Predicted and measured accuracy over all 55 pairs, as published, of each run at this lr."""
    found = liu2022.accuracies(frame[np.isclose(frame["optim.lr"], lr)])
    return found["predicted"], found["measured"]


def predicted_correlation(folder: Path, frame: Frame, lr: float) -> float:
    return float(np.corrcoef(*accuracies(frame, lr))[0, 1])  # NaN if a run has none


def predicted_difference(folder: Path, frame: Frame, lr: float) -> float:
    predicted, measured = accuracies(frame, lr)
    return float((predicted - measured).abs().mean(skipna=False))


def structured(folder: Path, frame: Frame, lr: float, least: int = 0, most: int = 55) -> float:
    """The share of runs with so many training pairs that end with an RQI above 0.95."""
    pairs = (55 * frame["task.train_fraction"]).round()
    runs = frame[np.isclose(frame["optim.lr"], lr) & pairs.between(least, most)]
    return share(runs["rqi"] > 0.95, runs["rqi"].notna())


def critical_fraction(folder: Path, frame: Frame, draws: int = 4000) -> float:
    """Where the share of training sets that leave one structure only passes one half.

    Of random sets of 18 to 28 pairs of ten symbols, linear between sizes.
    """
    task = {"name": "liu2022_addition", "p": 10, "train_fraction": 0.5}
    data, generator = tasks.dataset(task, 0), np.random.default_rng(0)
    found = representation.parallelograms(data.labels)
    matrix, sizes, shares = representation.equations(data, found), range(18, 29), []
    for size in sizes:
        chosen = generator.permuted(np.tile(np.arange(55) < size, (draws, 1)), axis=1)
        known = chosen[:, found].all(axis=-1).astype(float)
        grams = np.einsum("dq,qs,qt->dst", known, matrix, matrix, optimize=True)
        shares.append((np.linalg.matrix_rank(grams, hermitian=True) == 8).mean())
    return float(np.interp(0.5, shares, sizes) / 55)


def within_ideal(folder: Path, frame: Frame) -> float:
    """The share of runs that end with no more validation accuracy than their split allows."""
    excess = frame["val_acc"] - frame["ideal_val_acc"]
    return share(excess <= 1e-9, excess.notna())


# ------------------------------------------------------------------------------- maps in general


def phases_present(folder: Path, frame: Frame) -> int:
    """How many of the four phases some cell has by majority."""
    import yaml

    config = yaml.safe_load((folder / "sweep.yaml").read_text())
    return len(set(phase_map(frame, planned_axes(config["sweep"]))["shown"]) & {*LETTERS})


def generalised(frame: Frame) -> Frame:
    """The runs that fitted and generalised, with their `delay`."""
    runs = frame.dropna(subset=["train_step", "val_step"])
    return runs.assign(delay=runs["val_step"] - runs["train_step"])


def exponent(folder: Path, frame: Frame, of: str, where: str, against: Sequence[str]) -> float:
    """The power of a hyperparameter in the steps to generalise, censored runs counted as such."""
    law = scaling(frame.query(where), against)
    return float(law.set_index("name").loc[of, "exponent"])


def rank_correlation(
    folder: Path, frame: Frame, of: str, against: str, within: str = "", where: str = ""
) -> float:
    """Spearman's, of a hyperparameter and a column of the runs that generalised.

    `within` a column, it is the mean over the values of that column that have six runs or more.
    """
    runs = generalised(frame)
    runs = runs.query(where) if where else runs
    groups = [group for _, group in runs.groupby(within)] if within else []
    found = [
        group[of].corr(group[against], method="spearman")
        for group in groups or [runs]
        if len(group) >= 6 and group[of].nunique() > 1
    ]
    return float(np.mean(found))


def phase_share(folder: Path, frame: Frame, phase: str, among: Sequence[str], where: str) -> float:
    """The share of a phase among runs of some phases."""
    runs = frame.query(where)
    known = runs["phase"].isin(PHASES)
    return share(runs.loc[runs["phase"].isin(among), "phase"] == phase, known)


def among(frame: Frame, values: Mapping[str, Sequence[Any]]) -> Frame:
    """The rows whose columns have one of these values."""
    for key, allowed in values.items():
        frame = frame[frame[key].isin(allowed)]
    return frame


def median_ratio(
    folder: Path,
    frame: Frame,
    of: str,
    over: Mapping[str, Sequence[Any]],
    under: Mapping[str, Sequence[Any]],
) -> float:
    """The median of a column over some runs, over that of others.

    A step that never comes is later than any; a run without a finite value of another column, as
    the loss of one that diverged, leaves the claim without one.
    """
    values = frame[of]
    values = values.fillna(np.inf) if of in STEPS else values.where(np.isfinite(values))
    runs = frame.assign(**{of: values})
    above, below = (among(runs, at)[of].median(skipna=False) for at in (over, under))
    return float(above / below)


def generalising(
    folder: Path,
    frame: Frame,
    at: Mapping[str, Sequence[Any]],
    less: Mapping[str, Sequence[Any]] | None = None,
) -> float:
    """The share of runs that fitted and generalised, less that of others."""
    shares = [
        among(frame, values)[["train_step", "val_step"]].notna().all(axis=1).mean()
        for values in (at, less)
        if values is not None
    ]
    return float(shares[0] - sum(shares[1:]))


def fit_ratio(folder: Path, frame: Frame) -> float:
    """train_step of starts from 2 to 5: the median near decay 1 over that at the smallest decay.

    A run that never fits is later than any.
    """
    runs = frame[frame["model.init_scale"].between(2, 5)].fillna({"train_step": np.inf})
    decays = np.array(sorted(runs["optim.weight_decay"].unique()))
    near_one = decays[np.abs(np.log(decays)).argmin()]
    medians = runs.groupby("optim.weight_decay")["train_step"].median()
    return float(medians[near_one] / medians[decays[0]])


VALUES: dict[str, Callable[..., Any]] = omnigrok_values.VALUES | doshi_values.VALUES | {
    function.__name__: function
    for function in (
        phase_agreement, step_agreement, order_along, predicted_correlation, predicted_difference,
        structured, critical_fraction, within_ideal, phases_present, exponent, rank_correlation,
        phase_share, fit_ratio, median_ratio, generalising,
    )
}  # fmt: skip
"""What `value` of a claim may be."""
