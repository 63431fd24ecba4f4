"""How a sweep stands: from its directory alone, on any machine that sees it, during and after.

What the rows, the claims and jobs.jsonl tell is put beside what SLURM says, where it can be asked:
the queue first, then the accounting, the controller's memory of what has just ended, and the logs.
Nothing is changed.
"""

from phasegrok.status.gather import Status, gather
from phasegrok.status.jobs import JobLine
from phasegrok.status.packs import Pack
from phasegrok.status.watching import watch
from phasegrok.status.words import describe

__all__ = ["JobLine", "Pack", "Status", "describe", "gather", "watch"]
