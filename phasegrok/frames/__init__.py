"""Every figure as a frame: functions from runs to rows for cells or points. Nothing is drawn."""

from phasegrok.frames.boundary import boundaries
from phasegrok.frames.captions import caption
from phasegrok.frames.compare import agreement, common_axes, difference
from phasegrok.frames.curves import curve_table
from phasegrok.frames.cuts import cut
from phasegrok.frames.efficiency import data_efficiency
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
from phasegrok.frames.landscape import landscape
from phasegrok.frames.neurons import ipr_histogram, neuron_table, pruning
from phasegrok.frames.observable import value_map
from phasegrok.frames.power_laws import scaling, scaling_line, scaling_runs
from phasegrok.frames.probability import phase_probability
from phasegrok.frames.rules import (
    accuracy_rules,
    budget_rules,
    changes,
    gap_rules,
    sensitivity,
)
from phasegrok.frames.steps import steps_map
from phasegrok.frames.words import label, value_text

__all__ = [
    "Axis",
    "accuracy_rules",
    "agreement",
    "axes_of",
    "axis_cells",
    "boundaries",
    "budget_rules",
    "caption",
    "changes",
    "common_axes",
    "curve_table",
    "cut",
    "data_efficiency",
    "difference",
    "gap_rules",
    "ipr_histogram",
    "label",
    "landscape",
    "neuron_table",
    "phase_counts",
    "phase_map",
    "phase_probability",
    "planned_axes",
    "planned_runs",
    "pruning",
    "refuse_mixed",
    "scaling",
    "scaling_line",
    "scaling_runs",
    "sensitivity",
    "steps_map",
    "value_map",
    "value_text",
]
