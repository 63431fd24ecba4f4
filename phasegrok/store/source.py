"""The results that a figure is drawn from: a sweep's directory, or a results.parquet alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from phasegrok.errors import InputError
from phasegrok.store import tables
from phasegrok.store.directory import Store
from phasegrok.store.files import metadata
from phasegrok.store.loading import load
from phasegrok.store.schema import CURVES
from phasegrok.store.weights import Weights, load_weights

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Source:
    """One sweep's results.

    Args:
        config: the composed config; `frame`: a row per run, without curves.
        folder: where its figures go; `note`: what a reader should know of the results, or "".
        curves: run ids -> a row for each that has curves, with run_id and the list columns.
        weights: run ids -> their final weights, as from `load_weights`.
    """

    config: dict[str, Any]
    frame: pd.DataFrame
    folder: Path
    note: str
    curves: Callable[[Sequence[str]], pd.DataFrame]
    weights: Callable[[Sequence[str]], dict[str, Weights]]


def open_source(path: Path) -> Source:
    """The results at a path.

    Raises:
        InputError: it is no sweep's directory and no results of phasegrok, or holds no run yet.
    """
    if path.is_file():
        return _file(path)
    store = Store(path)
    config, rows = store.config(), _rows(store)
    if len(rows) == 0 or "run_id" not in rows.column_names:
        if store.results_file.exists():
            load(store.results_file)  # says so if phasegrok did not write it
        raise InputError(f"{path} holds no finished run yet")

    def curves(of: Sequence[str]) -> pd.DataFrame:
        rows = store.rows(list(CURVES), of=of)
        return rows.select([n for n in ("run_id", *CURVES) if n in rows.column_names]).to_pandas()

    planned = {row["run_id"] for row in store.plan(["run_id"])}
    lacking = len(planned - set(rows["run_id"].to_pylist()))
    note = f"{lacking} of {len(planned)} planned runs have no result yet; drawn without them"
    kept = partial(load_weights, path)
    return Source(config, rows.to_pandas(), path, note if lacking else "", curves, kept)


def _rows(store: Store) -> pa.Table:
    """All rows without curves: results.parquet if it answers what is asked now, else made anew."""
    asked = [file.stat().st_mtime for file in (store.sweep_file, store.plan_file) if file.exists()]
    results = store.results_file
    if results.exists() and results.stat().st_mtime >= max(asked):
        return store.current(curves=False)
    return store.collected(curves=False)


def _file(path: Path) -> Source:
    frame = load(path)
    about = metadata(path).get(tables.META)
    if about is None or "config" not in json.loads(about):
        raise InputError(f"{path} does not say which sweep it is of; give the sweep's directory")

    def curves(of: Sequence[str]) -> pd.DataFrame:
        full = load(path, curves=True)
        return full.loc[
            full["run_id"].isin(of), [name for name in ("run_id", *CURVES) if name in full]
        ]

    def weights(of: Sequence[str]) -> dict[str, Weights]:
        raise InputError(f"{path} holds no weights: give the sweep's directory, which keeps them")

    return Source(json.loads(about)["config"], frame, path.parent, "", curves, weights)


def stores_below(folder: Path) -> list[Path]:
    """The sweeps' directories in a folder that is none itself, by name."""
    if not folder.is_dir() or (folder / "sweep.yaml").exists():
        return []
    return sorted(path.parent for path in folder.glob("*/sweep.yaml"))
