"""The phase diagram: first a frame with one row per cell, then a figure of that frame.

The only door to matplotlib and seaborn. Figures are made with matplotlib's objects and never
touch pyplot's state, so that drawing works in a worker, a test or a notebook alike.
"""

from phasegrok.diagram.colors import PHASE_COLORS
from phasegrok.diagram.files import data_hash, save
from phasegrok.diagram.grid import Axis, phase_counts, phase_map
from phasegrok.diagram.panels import draw
from phasegrok.diagram.words import caption, label

__all__ = [
    "PHASE_COLORS",
    "Axis",
    "caption",
    "data_hash",
    "draw",
    "label",
    "phase_counts",
    "phase_map",
    "save",
]
