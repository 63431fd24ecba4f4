"""Phase diagrams of training dynamics, from Python.

>>> import phasegrok
>>> runs = phasegrok.runs("quick")            # the runs of a sweep file
>>> frame = phasegrok.train(runs)             # one row per run
>>> phases = phasegrok.classify(frame, phasegrok.Rule(gap=0.05))

The names resolve when they are first used, so that `import phasegrok` and the commands start
without torch, hydra or pandas.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from phasegrok.config import runs as runs
    from phasegrok.diagram import draw as draw
    from phasegrok.errors import InputError as InputError
    from phasegrok.phases import Rule as Rule
    from phasegrok.phases import classify as classify
    from phasegrok.store import load as load
    from phasegrok.store import load_weights as load_weights
    from phasegrok.tasks import operation as operation
    from phasegrok.worker import train as train

__version__ = "0.1.0"

# The public names, all of them, and the module each lives in. tests/test_layout.py freezes them.
_HOMES = {
    "InputError": "errors",
    "Rule": "phases",
    "classify": "phases",
    "draw": "diagram",
    "load": "store",
    "load_weights": "store",
    "operation": "tasks",
    "runs": "config",
    "train": "worker",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(
            f"phasegrok has no {name!r}; its public names are {', '.join(sorted(_HOMES))}"
        )
    value = getattr(import_module(f"phasegrok.{_HOMES[name]}"), name)
    globals()[name] = value  # the next use is a plain attribute
    return value


def __dir__() -> list[str]:
    return [*_HOMES, "__version__"]
