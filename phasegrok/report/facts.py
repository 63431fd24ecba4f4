"""What the page says in words: the settings, where the runs came from, and why some failed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from phasegrok import cells
from phasegrok.frames.words import value_text
from phasegrok.status.runs import failure
from phasegrok.store import Store

# Sections of a config that say on which machine it ran, and nothing about the results.
_MACHINE = ("launch", "out", "reuse", "dry_run")

# Failed runs whose reasons are read; of the others only the number is told.
MOST_FAILURES = 200


def settings(config: Mapping[str, Any]) -> list[list[str]]:
    """Every setting that says what was asked, as dotted key and value, or axis of a swept key."""
    asked = {key: value for key, value in config.items() if key not in _MACHINE}
    swept = {axis["param"]: f"axis {name}" for name, axis in cells.axes(config["sweep"]).items()}
    told = {key: value_text(value) for key, value in cells.leaves(asked) if value not in (None, [])}
    return [[key, text] for key, text in (told | swept).items()]


def provenance(frame: pd.DataFrame, planned: int, data: str) -> list[list[str]]:
    """Where the runs came from: versions, commits, hosts, devices, and the hash of the data."""
    facts = [
        ["runs", f"{len(frame)} of {planned} planned"],
        ["data hash", data],
        ["phasegrok", _different(frame, "phasegrok")],
        ["commit", _different(frame, "commit")],
        ["torch", _different(frame, "torch")],
        ["hosts", _different(frame, "host")],
        ["devices", _different(frame, "device")],
        ["jobs", _count(frame, "job_id")],
        ["run-steps", f"{_sum(frame, 'steps'):,.0f}"],
        ["seconds of training", f"{_sum(frame, 'seconds'):,.0f}"],
        ["copied from other sweeps", str(np.count_nonzero(frame["reused_from"].notna()))],
    ]
    return [[name, text] for name, text in facts if text not in ("", "0")]


def _sum(frame: pd.DataFrame, column: str) -> float:
    return float(np.nansum(frame[column].to_numpy(float)))


def _different(frame: pd.DataFrame, column: str) -> str:
    return _listed(frame[column].dropna().unique())


def _listed(values: Iterable[Any], most: int = 12) -> str:
    """The values in order, the first dozen of them."""
    texts = sorted(map(str, values))
    rest = f" and {len(texts) - most} more" if len(texts) > most else ""
    return ", ".join(texts[:most]) + rest


def _count(frame: pd.DataFrame, column: str) -> str:
    return str(frame[column].nunique())


def failures(store: Store, frame: pd.DataFrame, keys: Iterable[str]) -> list[dict[str, Any]]:
    """The failed runs among these rows: which, in which cell, how often and why.

    Args:
        keys: the swept keys, whose values name the cell.
    """
    rows = frame.loc[frame["status"] == "failed"].head(MOST_FAILURES).to_dict("records")
    told = []
    for row in rows:
        why = failure(store, str(row["run_id"]))
        cell = ", ".join(f"{key} = {value_text(row[key], key)}" for key in keys)
        told.append({"run_id": row["run_id"], "cell": cell, "seed": int(row["seed"]),
                     "times": why.times, "reason": why.line})  # fmt: skip
    return told
