"""Small sweeps with invented results, as frames and as stores, and what figures of them hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

from phasegrok import cells
from phasegrok.diagram import lay_out
from phasegrok.diagram.kinds import Asked, kind
from phasegrok.frames import planned_axes
from phasegrok.phases import KINDS, Rule

X, Y = "task.train_fraction", "optim.weight_decay"

LR = {"param": "optim.lr", "values": [0.001, 0.01]}
SCALES = {"param": "model.init_scale", "values": [1.0, 2.0, 4.0, 8.0]}
ZERO = {"param": Y, "low": 0.03, "high": 30, "num": 13, "scale": "log", "zero": True}


def config_of(**sweep: Any) -> dict[str, Any]:
    """A composed config as the commands pass it on, by default of 3 x 4 cells and 2 seeds."""
    axes = {
        "x": {"param": X, "low": 0.3, "high": 0.9, "num": 3},
        "y": {"param": Y, "scale": "log", "low": 0.01, "high": 10, "num": 4},
    }
    return {
        "task": {"name": "binary_operation", "operation": "x+y", "p": 23, "pairs": "ordered",
                 "train_fraction": 0.5, "label_noise": 0.0},
        "model": {"name": "quadratic_mlp", "width": 128, "init_scale": 3.0},
        "optim": {"name": "adamw", "lr": 0.01, "weight_decay": 1.0, "betas": [0.9, 0.98],
                  "eps": 1e-8, "momentum": None, "warmup_steps": 0, "clip_norm": None,
                  "allow_overdecay": False, "groups": {}},
        "train": {"steps": 2000, "batch_size": None, "eval_every": 5, "dtype": "float32",
                  "loss": "mse"},
        "phase": {"name": "first_crossing", "train_accuracy": 0.9, "val_accuracy": 0.9,
                  "gap": 0.05},
        "seeds": 2,
        "split_seed": None,
        "sweep": {"name": "little", "row": None, "col": None, "zip": None, **axes, **sweep},
    }  # fmt: skip


def frame_of(config: Mapping[str, Any]) -> pd.DataFrame:
    """Results of a sweep as a store loads them: the phases go round, cell by cell."""
    rows = []
    for i, run in enumerate(cells.runs(config)):
        phase = KINDS["first_crossing"].phases[i // 2 % 4]
        fitted, generalised = phase != "confusion", phase in ("comprehension", "grokking")
        val_step = {"comprehension": 60.0, "grokking": 900.0}.get(phase)
        rows.append({
            "run_id": run.run_id, "seed": run.seed, **run.cell, "phase": phase,
            "status": "decided" if generalised else "finished",
            "steps": val_step if generalised else 2000, "budget": 2000,
            "train_step": 50.0 if fitted else None, "val_step": val_step,
        })  # fmt: skip
    return pd.DataFrame(rows)


def fixed_norms(*fixed: bool, **sweep: Any) -> tuple[dict[str, Any], pd.DataFrame]:
    """A sweep over the scale of the start at fixed norms, or at these, with an L and a U.

    The training loss falls tenfold from scale to scale and is 0 at the largest; the validation loss
    is least at the second, and that of the second seed is twice that of the first.
    """
    kept = {"param": "optim.fix_norm", "values": list(fixed)}
    config = config_of(x=SCALES, **{"y": kept if fixed else None, **sweep})
    config["optim"] |= {"fix_norm": True}
    frame = frame_of(config).assign(config=[json.dumps(run.config) for run in cells.runs(config)])
    at = frame["model.init_scale"].map([1.0, 2.0, 4.0, 8.0].index)
    falling, rising = 10.0 ** -(at + 1), 10.0 ** (at - 3)
    losses = {
        "train_loss": falling.where(at < 3, 0.0),
        "val_loss": (falling * (at == 0) + rising) * (1 + frame["seed"]),
        "weight_norm": 10 * frame["model.init_scale"],
    }
    return config, frame.assign(**losses)


def stored(config: Mapping[str, Any], folder: Path, frame: pd.DataFrame | None = None) -> Path:
    """The directory of a sweep with these results, with ladders, weight norms and curves."""
    from phasegrok.store import Store

    store = Store(folder)
    folder.mkdir(parents=True)
    store.write_config(config)
    frame = frame_of(config) if frame is None else frame
    kept = frame.astype(object).where(frame.notna(), None).to_dict("records")
    store.write_rows(store.results_file, [_whole(row, i) for i, row in enumerate(kept)], config)
    return folder


def weighed(folder: Path, config: Mapping[str, Any] | None = None) -> Path:
    """The directory of a sweep with the final weights of its runs, which differ from run to run."""
    from phasegrok.store import Store, weights

    config = config or config_of()
    frame = frame_of(config)
    configs = [json.dumps(run.config) for run in cells.runs(config)]
    frame = frame.assign(config=configs, kept_weights="all", ipr=np.linspace(0.1, 0.9, len(frame)))
    rng, shapes = np.random.default_rng(0), {"left": (23, 9), "right": (23, 9), "readout": (9, 23)}
    stored(config, folder, frame)
    kept = {run_id: {name: rng.normal(size=shape) for name, shape in shapes.items()}
            for run_id in frame["run_id"]}  # fmt: skip
    weights.write(Store(folder), "all", kept)
    return folder


def _whole(row: dict[Any, Any], i: int) -> dict[str, Any]:
    """A row with all that a run's outcome has."""
    steps = [step for step in (0, 10, 50, 100, 900, 2000) if step <= row["steps"]]
    share = np.linspace(0.1, 1, len(steps))
    train = share.tolist() if row["train_step"] else (share / 5).tolist()
    val = share.tolist() if row["val_step"] else (share / 5).tolist()
    curves = {
        "train_acc": train, "val_acc": val, "train_loss": (1 - share * 0.9).tolist(),
        "val_loss": (1.1 - share * 0.5).tolist(), "weight_norm": (10 - 3 * share).tolist(),
    }  # fmt: skip
    return {
        "phase.train_accuracy": 0.9, "phase.val_accuracy": 0.9, **row,
        "train_steps": [row["train_step"]] * 4 + [None] * 3,
        "val_steps": [row["val_step"]] * 4 + [None] * 3,
        "weight_norm": row.get("weight_norm", 1.0 + i % 7), "curve.step": steps,
        **{f"curve.{name}": curve for name, curve in curves.items()},
    }  # fmt: skip


def runs(*rows: tuple[Any, ...], columns: str = "x y seed phase status") -> pd.DataFrame:
    named = {"x": X, "y": Y, "row": "optim.lr", "col": "model.width"}
    return pd.DataFrame(rows, columns=[named.get(name, name) for name in columns.split()])


# ----------------------------------------------------------------------------- what a figure holds


def only(ax: Axes, kind: type) -> Any:
    (found,) = [artist for artist in ax.collections if isinstance(artist, kind)]
    return found


def painted(ax: Axes) -> dict[tuple[float, float], str]:
    """Centre of each painted cell, on the screen of the data, -> its colour."""
    mesh = only(ax, QuadMesh)
    corners = mesh.get_coordinates()
    centres = (corners[:-1, :-1] + corners[1:, 1:]) / 2
    colors = mesh.to_rgba(mesh.get_array())
    solid = ~np.ma.getmaskarray(mesh.get_array())
    return {
        tuple(centres[i]): to_hex(colors[i]).upper() for i in zip(*np.nonzero(solid), strict=True)
    }


def asked(frame: pd.DataFrame | None = None, sweep: Any = None, **options: Any) -> Asked:
    """A question about the small sweep, `sweep` being axes of its own."""
    config = config_of(**(sweep or {}))
    frame = frame_of(config) if frame is None else frame
    frame = frame.assign(weight_norm=np.arange(len(frame)) + 1.0)
    axes = planned_axes(config["sweep"])
    return Asked("little", frame, axes, Rule(gap=0.05), 2000, **options)


def drawn(name: str, question: Asked) -> Figure:
    """The figure of this kind."""
    return lay_out(kind(name).picture(question), "Words below.")


def legend(figure: Figure) -> list[str]:
    """The words of all legends below a figure's panels."""
    return [text.get_text() for each in figure.subfigs[0].legends for text in each.get_texts()]


def legend_texts(ax: Axes) -> list[str]:
    figure = ax.figure
    legend = ax.get_legend() or figure.legends[0]
    return [text.get_text() for text in legend.get_texts()]


def check_layout(figure: Figure, panels: list[Axes]) -> None:
    """No text or panel touches another, and all are on the page."""
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in texts(figure)] + [ax.bbox for ax in panels]
    page = figure.bbox
    for box in boxes:
        assert box.x0 >= page.x0 - 1 and box.x1 <= page.x1 + 1, "cut off at a side"
        assert box.y0 >= page.y0 - 1 and box.y1 <= page.y1 + 1, "cut off above or below"
    for i, a in enumerate(boxes):
        for b in boxes[i + 1 :]:
            apart = a.x1 <= b.x0 + 1 or b.x1 <= a.x0 + 1 or a.y1 <= b.y0 + 1 or b.y1 <= a.y0 + 1
            assert apart, (a, b)


def texts(figure: Figure) -> list[Text]:
    shown = figure.findobj(lambda artist: isinstance(artist, Text) and artist.get_visible())
    return [text for text in shown if isinstance(text, Text) and text.get_text().strip()]
