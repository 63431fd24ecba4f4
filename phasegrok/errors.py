"""The one exception that stands for bad input, and what commands make of errors."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable

OK, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


class InputError(Exception):
    """What the user gave cannot be used. Commands print it, without traceback, and exit with 2.

    Each fault is one sentence that says what was expected, what came, what is allowed and what
    to do; all faults that can be found together are reported together.
    """

    def __init__(self, faults: str | Iterable[str]):
        self.faults = [faults] if isinstance(faults, str) else list(faults)
        super().__init__("\n".join(self.faults))


def answered(command: Callable[[], int]) -> int:
    """A command's exit code; errors that a user can mend become one message on stderr.

    PHASEGROK_DEBUG=1 shows them with their traceback instead.
    """
    try:
        return command()
    except (InputError, OSError) as error:
        if os.environ.get("PHASEGROK_DEBUG") == "1":
            raise
        faults = error.faults if isinstance(error, InputError) else [str(error)]
        print("\n".join(f"phasegrok: {fault}" for fault in faults), file=sys.stderr)
        return BAD_INPUT if isinstance(error, InputError) else FAILED
    except KeyboardInterrupt:
        print("phasegrok: interrupted", file=sys.stderr)
        return INTERRUPTED
