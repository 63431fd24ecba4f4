"""The final weights of runs, where `store.weights=final` asks for them: one file for each part.

A file in DIR/weights/ is of safetensors and holds tensors named RUN_ID/PARAMETER; the column
`kept_weights` of a row names its file. It is written before its part, so that a row never names
a file that is not whole. The safetensors package is imported only where weights are kept or read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from phasegrok.errors import InputError
from phasegrok.store.directory import Store
from phasegrok.store.files import write_whole

if TYPE_CHECKING:
    import pyarrow as pa

Weights = dict[str, np.ndarray]
"""Parameter name -> its array, as the network's `named_parameters()` call and shape it."""


def folder(store: Store) -> Path:
    return store.path / "weights"


def wanted(config: Mapping[str, Any]) -> bool:
    """Whether a composed config asks for final weights; older ones have no such key."""
    return (config.get("store") or {}).get("weights") == "final"


def write(store: Store, name: str, weights: Mapping[str, Mapping[str, Any]]) -> None:
    """Write run_id -> parameters (arrays, or tensors on the CPU) as weights/NAME.safetensors."""
    from safetensors.numpy import save

    tensors = {
        f"{run_id}/{key}": np.array(value, order="C")
        for run_id, params in weights.items()
        for key, value in params.items()
    }
    write_whole(folder(store) / f"{name}.safetensors", lambda file: file.write(save(tensors)))


def load_weights(source: str | Path, run_ids: Iterable[str] | None = None) -> dict[str, Weights]:
    """The final weights of runs of a sweep that was asked with `store.weights=final`.

    Args:
        source: the sweep's directory.
        run_ids: which runs, as in the column `run_id`; None: all whose weights were kept.

    Returns:
        run_id -> {parameter name: array}, in the order asked for.

    Raises:
        InputError: a run is none of the sweep's, or its weights were not kept or are gone.
    """
    store = Store(source, own=False)
    store.config()  # says so if it is no sweep's directory
    rows = store.rows(["kept_weights"], None if run_ids is None else list(run_ids))
    names = dict(zip(rows["run_id"].to_pylist(), rows["kept_weights"].to_pylist(), strict=True)
                 if "kept_weights" in rows.column_names else [])  # fmt: skip
    asked = [run_id for run_id, name in names.items() if name] if run_ids is None else [*run_ids]
    if absent := [run_id for run_id in asked if names.get(run_id) is None]:
        raise InputError(_no_weights(store, absent, len(asked)))
    files: dict[str, list[str]] = {}
    for run_id in asked:
        files.setdefault(names[run_id], []).append(run_id)
    found: dict[str, Weights] = {}
    for name, runs in files.items():
        found |= _read(folder(store) / f"{name}.safetensors", runs)
    return {run_id: found[run_id] for run_id in asked}


def _no_weights(store: Store, absent: list[str], of: int) -> str:
    known = set(store.rows(["run_id"], absent)["run_id"].to_pylist())
    if strange := [run_id for run_id in absent if run_id not in known]:
        return f"{store.path} has no run {strange[0]}; ids are in the column run_id"
    return (
        f"{store.path} keeps no weights of {len(absent)} of {of} runs ({absent[0]}, ...): ask the "
        "sweep again with store.weights=final, which trains them again for their weights"
    )


def _read(path: Path, run_ids: Iterable[str]) -> dict[str, Weights]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            keys: dict[str, list[str]] = {}
            for key in file.keys():  # noqa: SIM118, it is no mapping
                keys.setdefault(key.partition("/")[0], []).append(key)
            return {
                run_id: {key.partition("/")[2]: file.get_tensor(key) for key in keys[run_id]}
                for run_id in run_ids
            }
    except (OSError, KeyError, SafetensorError) as error:
        raise InputError(
            f"{path} is gone or damaged ({error}): remove it and ask the sweep again with "
            "store.weights=final, which trains its runs again for their weights"
        ) from error


def copy(source: Store, store: Store, name: str, rows: pa.Table) -> None:
    """Copy the weights of these rows of another store into one file of this one."""
    write(store, name, load_weights(source.path, rows["run_id"].to_pylist()))
