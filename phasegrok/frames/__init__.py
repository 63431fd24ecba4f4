"""Every figure as a frame: functions from runs to rows for cells or points. Nothing is drawn."""

from phasegrok.frames.grid import (
    Axis,
    axes_of,
    axis_cells,
    phase_counts,
    phase_map,
    planned_axes,
    planned_runs,
    refuse_mixed,
)
from phasegrok.frames.words import caption, label, value_text

__all__ = [
    "Axis",
    "axes_of",
    "axis_cells",
    "caption",
    "label",
    "phase_counts",
    "phase_map",
    "planned_axes",
    "planned_runs",
    "refuse_mixed",
    "value_text",
]
