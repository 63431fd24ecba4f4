"""Rows of runs, by their crossings; for the tests of phases."""

from __future__ import annotations

from typing import Any

from phasegrok.phases import LADDER

RECORDED = {"phase.train_accuracy": 0.9, "phase.val_accuracy": 0.9}


def row(train_step: Any, val_step: Any, steps: int = 2000, **more: Any) -> dict[str, Any]:
    status = {"status": "decided" if train_step and val_step else "finished"}
    return {"train_step": train_step, "val_step": val_step, "steps": steps} | status | more


def ladder(**crossings: int) -> list[int | None]:
    """Crossings by accuracy in percent or per mille, None elsewhere: ladder(_90=10, _999=500)."""
    by_name = {f"_{str(accuracy)[2:].ljust(2, '0')}": accuracy for accuracy in LADDER}
    steps = {by_name[name]: step for name, step in crossings.items()}
    return [steps.get(accuracy) for accuracy in LADDER]


def laddered(**more: Any) -> dict[str, Any]:
    """A run that trained on to the end of its budget, with crossings up to train .999, val .95."""
    steps = {
        "train_steps": ladder(_50=10, _60=20, _80=40, _90=50, _95=60, _99=80, _999=90),
        "val_steps": ladder(_50=30, _60=60, _80=150, _90=400, _95=700),
    }
    return row(50, 400, budget=2000) | RECORDED | steps | more
