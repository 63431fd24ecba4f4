"""Adaptive refinement: which cells of a map to train next, from those that are known.

Nothing here trains, reads or writes; `phasegrok.launch` carries out what is decided here.
"""

from phasegrok.refine.decide import Known, Settings, Told, next_round, shown
from phasegrok.refine.rebuild import fine

__all__ = ["Known", "Settings", "Told", "fine", "next_round", "shown"]
