"""Figures of frames, on screen and as files.

The only door to matplotlib and seaborn. Figures are made with matplotlib's objects and never
touch pyplot's state, so that drawing works in a worker, a test or a notebook alike.
"""

from phasegrok.diagram.colors import PHASE_COLORS
from phasegrok.diagram.files import Facts, data_hash, save, write
from phasegrok.diagram.layout import Picture, lay_out
from phasegrok.diagram.panels import draw

__all__ = ["PHASE_COLORS", "Facts", "Picture", "data_hash", "draw", "lay_out", "save", "write"]
