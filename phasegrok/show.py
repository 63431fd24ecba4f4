"""One run of a store in words: its configuration, how it went, and its curve."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from phasegrok import cells, phases
from phasegrok.errors import InputError
from phasegrok.observables import OBSERVABLES
from phasegrok.store import Store
from phasegrok.store.schema import CURVES, OUTCOME, REPRESENTATION


def find(store: Store, name: str) -> dict[str, Any]:
    """The row of the run whose id is, or alone begins with, `name`."""
    rows = [row for row in store.collected().to_pylist() if row["run_id"].startswith(name)]
    if len(rows) == 1:
        return rows[0]
    if rows:
        ids = ", ".join(row["run_id"] for row in rows[:5])
        raise InputError(f"{name} begins the ids of {len(rows)} runs ({ids}, ...): give more of it")
    raise InputError(
        f"{store.path} has no run {name}. Ids are in the column run_id: "
        f"python -c \"import phasegrok; print(phasegrok.load('{store.path}').run_id)\""
    )


def describe(row: Mapping[str, Any]) -> str:
    """A run's configuration, outcome and curve as text."""
    lines = [f"run {row['run_id']} of {row['sweep']}, seed {row['seed']}", "", "configuration"]
    lines += [f"  {key} = {_text(value)}" for key, value in cells.leaves(json.loads(row["config"]))]
    lines += ["", "outcome"]
    lines += [f"  {name} = {_outcome(name, row[name])}"
              for name in OUTCOME if name not in _LADDERS and _had(row, name)]  # fmt: skip
    lines += [f"  {name}: {_ladder(row[name])}" for name in _LADDERS]
    lines += [f"  {name} = {_text(row[name])}" for name in REPRESENTATION if _given(row, name)]
    lines += ["", "trained"]
    lines += [f"  {name} = {_text(row[name])}" for name in _TRAINED if _given(row, name)]
    return "\n".join([*lines, "", "curve", *_curve_lines(row)])


_LADDERS = ("train_steps", "val_steps")
_TRAINED = ("pack_id", "width", "compiled", "device", "seconds", "attempt", "host", "reused_from",
            "phasegrok", "torch", "commit")  # fmt: skip


def _had(row: Mapping[str, Any], name: str) -> bool:
    """Not what only other runs have."""
    return name not in OBSERVABLES or _given(row, name)


def _given(row: Mapping[str, Any], name: str) -> bool:
    return row.get(name) is not None


def _outcome(name: str, value: Any) -> str:
    """A crossing that did not happen is censored at the run's last step, not a missing value."""
    return "never" if value is None and name.endswith("_step") else _text(value)


def _text(value: Any) -> str:
    if value is None:
        return "none"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _ladder(steps: Sequence[int | None] | None) -> str:
    if steps is None:
        return "unknown"
    pairs = zip(phases.LADDER, steps, strict=True)
    return ", ".join(f"{accuracy:g} at {'-' if step is None else step}" for accuracy, step in pairs)


def _curve_lines(row: Mapping[str, Any]) -> list[str]:
    kept = [name for name in CURVES if row.get(name)]
    header = "".join(f"{name.removeprefix('curve.'):>15}" for name in kept)
    points = zip(*(row[name] for name in kept), strict=True)
    return [header, *("".join(map(_number, point)) for point in points)]


def _number(value: float | None) -> str:
    return f"{'-' if value is None else f'{value:.6g}':>15}"
