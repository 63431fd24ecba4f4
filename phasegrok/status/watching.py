"""A sweep's status again and again."""

from __future__ import annotations

import sys
import time
from typing import TextIO

from phasegrok.errors import INTERRUPTED
from phasegrok.status.gather import gather
from phasegrok.status.words import describe
from phasegrok.store import Store

_CLEAR = "\x1b[H\x1b[2J\x1b[3J"


def watch(store: Store, seconds: float, stream: TextIO | None = None) -> int:
    """Print the status every so many seconds until nothing is going on; the exit code.

    A terminal is cleared before each, elsewhere one stands below the other. Ctrl-C ends it.
    """
    out, first = stream or sys.stdout, True
    try:
        while True:
            status = gather(store)
            before = _CLEAR if out.isatty() else "" if first else "\n"
            first = False
            print(before + describe(status), file=out, flush=True)
            if not status.going_on:
                return status.code
            time.sleep(seconds)
    except KeyboardInterrupt:
        return INTERRUPTED
