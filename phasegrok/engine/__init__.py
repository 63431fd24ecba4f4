"""The vectorised trainer: many runs of an ordinary nn.Module as one torch program.

`prepare` makes what a run starts from, `step` holds the mathematics of one run, `lanes` stacks
runs side by side, `record` keeps what is seen, `pack` feeds runs through the lanes.
Needs torch alone.
"""

from phasegrok.engine.lanes import Mode
from phasegrok.engine.memory import fitted
from phasegrok.engine.numerics import cpu_numerics
from phasegrok.engine.pack import Outcome, Pack, outcomes
from phasegrok.engine.peak import matmul_peak
from phasegrok.engine.prepare import Given, Prepared, prepare
from phasegrok.engine.record import Watch

__all__ = [
    "Given",
    "Mode",
    "Outcome",
    "Pack",
    "Prepared",
    "Watch",
    "cpu_numerics",
    "fitted",
    "matmul_peak",
    "outcomes",
    "prepare",
]
