"""Everything the page shows, as one JSON object: words as they are, numbers packed."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from phasegrok import cells
from phasegrok.diagram import colors, data_hash
from phasegrok.diagram.ramps import ramp
from phasegrok.frames.captions import asked_text, counted_text
from phasegrok.frames.grid import Axis, planned_axes
from phasegrok.frames.probability import credible
from phasegrok.frames.words import label
from phasegrok.observables import BEST, OBSERVABLES, named
from phasegrok.phases import FINAL_ACCURACY, LADDER, UNDECIDED, Rule, limits
from phasegrok.report.axes import described
from phasegrok.report.curves import counted, thinned, totals
from phasegrok.report.facts import failures, provenance, settings
from phasegrok.report.packing import deflated, packed
from phasegrok.report.runs import Runs
from phasegrok.store import Store, swept
from phasegrok.store.schema import CURVES, HYPERPARAMETERS, IDENTITY, OUTCOME, PROVENANCE, RULE
from phasegrok.store.tables import column_of

# In a column of crossings: the accuracy was never reached, or nothing was written down about it.
NEVER, UNKNOWN = -1, -2

# What can be shown as a map besides phases and steps, in words; other numeric columns as they are.
_OBSERVED = {
    **{name: f"{about.words} at the end" for name, about in OBSERVABLES.items()},
    **{name: named(name) or name for name in BEST},
    "steps": "steps taken",
    "seconds": "seconds of training",
}

# Up to how many seeds of a cell the intervals of probabilities are told.
MOST_SEEDS = 50

_NO_OBSERVABLES = {*IDENTITY, *HYPERPARAMETERS, *RULE, *OUTCOME, *CURVES, *PROVENANCE}


def payload(store: Store, version: str = "", live: bool = False) -> dict[str, Any]:
    """What the page of a sweep shows: its planned runs, finished so far, under its own rule.

    Args:
        version: names this state of the directory, where the page asks for later ones.
        live: it is soon made anew: compressed in haste, and without the runs as files.

    Raises:
        InputError: it is no sweep's directory, or its sweep has no axis.
    """
    axes = planned_axes(store.config()["sweep"])
    runs = Runs.of(store)
    config, table, frame = runs.config, runs.table, runs.frame
    planned = sum(1 for _ in cells.grid(config["sweep"])) * len(cells.seeds(config))
    data = data_hash(frame)
    observed = _observed(frame, config)
    rule = Rule.from_config(config["phase"])
    arrays = {**_places(frame, axes), **_outcomes(table, frame, rule), **_curves(table)}
    arrays |= {f"observed.{name}": frame[name].to_numpy(np.float32) for name in observed}
    return {
        "version": version,
        "name": str(config["sweep"]["name"]),
        "caption": _caption(frame, config, data),
        "rule": _rule(rule, config["train"]["steps"]),
        "ladder": LADDER,
        "labels": [*rule.kind.phases, UNDECIDED],
        "phases": rule.kind.phases,
        "colors": _colors(),
        "ramps": {"shares": ramp(colors.SHARES), "values": ramp(colors.VALUES)},
        "intervals": _intervals(len(cells.seeds(config))),
        "axes": [described(name, axis) for name, axis in axes.items()],
        "runs": len(frame),
        "planned": planned,
        "observables": [[name, text] for name, text in observed.items()],
        "settings": settings(config),
        "provenance": provenance(frame, planned, data),
        "failed": frame["status"].tolist().count("failed"),
        "failures": failures(store, frame, [axis.key for axis in axes.values()]),
        "files": None if live else _files(runs),
        "live": live,
        **packed(arrays, level=1 if live else 9),
    }


def _observed(frame: pd.DataFrame, config: Mapping[str, Any]) -> dict[str, str]:
    """The numeric columns that say something about a finished run, with their words."""
    known = {
        name: text
        for name, text in _OBSERVED.items()
        if name in frame and frame[name].notna().to_numpy().any()
    }
    others = [
        str(name)
        for name in frame.select_dtypes("number")
        if name not in _NO_OBSERVABLES | swept(config).keys()
        and frame[name].notna().to_numpy().any()
    ]
    return known | {name: label(name) for name in others}


def _caption(frame: pd.DataFrame, config: Mapping[str, Any], data: str) -> dict[str, Any]:
    """The parts of the caption that no choice of the reader changes; the page adds the others."""
    told = counted_text(frame) if len(frame) else ("no run yet", "no seed", "no seed")
    return {
        "asked": asked_text(config),
        "budget": int(config["train"]["steps"]),
        **dict(zip(("runs", "seeds", "majority"), told, strict=True)),
        "data": data,
    }


def _rule(rule: Rule, budget: int) -> dict[str, Any]:
    """The sweep's rule; the gap in the digits that Python writes, for its share to be exact."""
    told = {"name": rule.name, "train": rule.train_accuracy, "val": rule.val_accuracy}
    if rule.name == FINAL_ACCURACY:
        return {**told, "slack": rule.slack, "budget": budget}
    share = isinstance(rule.gap, float) and rule.gap < 1
    return {**told, "gap": str(rule.gap), "share": share, "budget": budget}


def _colors() -> dict[str, str]:
    """The project's one table of colours, as far as the page needs it."""
    return {
        **colors.PHASE_COLORS,
        "empty": colors.EMPTY,
        "marks": colors.MARKS,
        "frame": colors.FRAME,
        "censored": colors.CENSORED,
        "censoredMarks": colors.CENSORED_MARKS,
        "none": colors.NONE,
        "train": colors.TRAIN,
        "val": colors.VAL,
    }


def _intervals(seeds: int) -> list[list[list[float]]]:
    """95 % credible intervals of a share by `[seeds][counted]`; of more than MOST_SEEDS, none."""
    pairs = [[(k, n) for k in range(n + 1)] for n in range(min(seeds, MOST_SEEDS) + 1)]
    bounds = (credible(*np.array(of, int).T) for of in pairs[1:])
    return [[], *(np.round(np.array(each).T, 4).tolist() for each in bounds)]


def _places(frame: pd.DataFrame, axes: Mapping[str, Axis]) -> dict[str, np.ndarray]:
    places = {f"at.{name}": axis.positions(frame.loc[:, axis.key]) for name, axis in axes.items()}
    ids = np.frombuffer(b"".join(map(_id_bytes, frame["run_id"])), np.uint8)
    seeds = frame["seed"].to_numpy(int)
    return {**{name: at.to_numpy() for name, at in places.items()}, "seed": seeds, "id": ids}


def _id_bytes(run_id: str) -> bytes:
    """8 bytes of 16 hexadecimal digits; zeros for an id of another kind."""
    try:
        return bytes.fromhex(run_id).rjust(8, b"\0")[:8]
    except ValueError:
        return bytes(8)


def _outcomes(table: Any, frame: pd.DataFrame, rule: Rule) -> dict[str, np.ndarray]:
    """What the rule reads, as `phasegrok.phases.codes_of` does; a crossing is a step or a code."""
    column = column_of(table)
    found: dict[str, np.ndarray] = {}
    for side in ("train", "val"):
        own, recorded = column(f"{side}_step"), column(f"phase.{side}_accuracy")
        assert own is not None and recorded is not None
        rungs = [column(f"{side}_steps", place) for place in range(len(LADDER))]
        ladder = np.stack([rung for rung in rungs if rung is not None], axis=1).ravel()
        codes = np.nan_to_num(ladder, nan=UNKNOWN, posinf=NEVER)
        found |= {
            f"{side}_step": np.nan_to_num(own, nan=NEVER).astype(np.int64),
            f"{side}_ladder": codes.astype(np.int64),
            f"{side}_recorded": recorded,
        }
    noise, status = frame["task.label_noise"].to_numpy(float), frame["status"]
    if rule.name == FINAL_ACCURACY:
        found |= {name: frame[name].to_numpy(float) for name in rule.kind.columns}
        found["full_below"] = limits(noise, rule.slack)
    statuses = ("decided", "finished", "diverged", "failed")
    return found | {
        "steps": _whole(frame.loc[:, "steps"]),
        "budget": _whole(frame.loc[:, "budget"]),
        "noisy": (noise > 0).astype(int),
        "status": status.map(statuses.index).to_numpy(int),
    }


def _whole(column: pd.Series) -> np.ndarray:
    return column.fillna(UNKNOWN).to_numpy(float).astype(np.int64)


def _curves(table: Any) -> dict[str, np.ndarray]:
    """The thinned curves, one after another.

    A run whose curve cannot be told as counts is `untold`, and has no points.
    """
    names = ("step", "train_acc", "val_acc")
    lists = [table[f"curve.{name}"].combine_chunks() for name in names]
    lengths = lists[0].value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    steps, train, val = (values.flatten().to_numpy(zero_copy_only=False) for values in lists)
    sizes = totals(table["config"].to_pylist())
    ends = np.cumsum(lengths)
    counts = np.zeros((2, len(steps)), dtype=np.int64)
    told = np.zeros(len(lengths), bool)
    for run, (end, length) in enumerate(zip(ends, lengths, strict=True)):
        span = slice(end - length, end)
        of_train = counted(train[span], sizes[run, 0])
        of_val = counted(val[span], sizes[run, 1])
        if length and of_train and of_val:
            told[run] = True
            counts[0, span], sizes[run, 0] = of_train
            counts[1, span], sizes[run, 1] = of_val
    kept = thinned(lengths, steps, _crossings(table)) & np.repeat(told, lengths)
    points = np.bincount(np.repeat(np.arange(len(lengths)), lengths)[kept], minlength=len(lengths))
    return {
        "train_total": sizes[:, 0], "val_total": sizes[:, 1], "points": points,
        "untold": ((lengths > 0) & ~told).astype(int),
        "curve.step": steps[kept], "curve.train": counts[0][kept], "curve.val": counts[1][kept],
    }  # fmt: skip


def _crossings(table: Any) -> np.ndarray:
    """All steps at which a run crossed an accuracy that is written down, NaN or infinite: none."""
    column, found = column_of(table), []
    for side in ("train", "val"):
        found += [column(f"{side}_step")]
        found += [column(f"{side}_steps", place) for place in range(len(LADDER))]
    return np.stack([steps for steps in found if steps is not None], axis=1)


def _files(runs: Runs) -> dict[str, str]:
    """The runs without curves: CSV compressed by zlib, Parquet as it is; both in base64."""
    return {
        "csv": deflated(runs.csv()),
        "parquet": base64.b64encode(runs.parquet()).decode(),
    }
