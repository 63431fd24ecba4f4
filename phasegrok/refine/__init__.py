"""Adaptive refinement: which cells of a map to train next, from those that are known.

Nothing here trains or writes; `phasegrok.launch.rounds` carries out what is decided here, a pure
function of what the store's rows tell.
"""

from phasegrok.refine.decide import Known, Settings, Told, next_round, shown
from phasegrok.refine.history import History
from phasegrok.refine.rebuild import fine

__all__ = ["History", "Known", "Settings", "Told", "fine", "next_round", "shown"]
