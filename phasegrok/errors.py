"""The one exception that stands for bad input."""

from __future__ import annotations

from collections.abc import Iterable


class InputError(Exception):
    """What the user gave cannot be used. Commands print it, without traceback, and exit with 2.

    Each fault is one sentence that says what was expected, what came, what is allowed and what
    to do; all faults that can be found together are reported together.
    """

    def __init__(self, faults: str | Iterable[str]):
        self.faults = [faults] if isinstance(faults, str) else list(faults)
        super().__init__("\n".join(self.faults))
