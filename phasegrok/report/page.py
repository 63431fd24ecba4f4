"""The page as one HTML file: text, style, scripts and data, and nothing from anywhere else."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from phasegrok.errors import InputError
from phasegrok.report.packing import deflated
from phasegrok.report.payload import payload
from phasegrok.store import Store
from phasegrok.store.files import write_text

# In the order in which they build on each other.
SCRIPTS = (
    *("data", "phases", "cells", "maps", "canvas", "curves", "panels", "controls"),
    *("state", "caption", "drawing", "pointing", "app"),
)


def write(store: Store) -> Path:
    """Write DIR/report.html, whole or not at all; the same runs give the same bytes.

    Raises:
        InputError: it is no sweep's directory, or holds no finished run.
    """
    told = payload(store)
    if not told["runs"]:
        raise InputError(f"{store.path} holds no finished run yet")
    path = store.path / "report.html"
    write_text(path, html(told))
    return path


def html(told: Mapping[str, Any], live: bool = False) -> str:
    """The page of a payload.

    Args:
        live: ask the server that the page came from for later states of the sweep.
    """
    script, (plotly, small) = _script(), _plotly()
    parts = {
        "TITLE": escape(f"{told['name']}: phase diagram"),
        "POLICY": _policy([script, plotly], live),
        "STYLE": _asset("page.css"),
        "PAYLOAD": _json(told),
        "PLOTLY": small,
        "SCRIPT": script,
    }
    # Split first, so that a value with the name of a place in it is text like any other.
    pieces = re.split(r"%([A-Z]+)%", _asset("page.html"))
    return "".join(parts[piece] if at % 2 else piece for at, piece in enumerate(pieces))


def _policy(scripts: list[str], live: bool) -> str:
    """What the page may do: run these scripts, and ask nobody (its own server, while live)."""
    digests = (base64.b64encode(hashlib.sha256(text.encode()).digest()) for text in scripts)
    allowed = " ".join(f"'sha256-{digest.decode()}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; "
        f"img-src data: blob:; connect-src {chr(39)}{'self' if live else 'none'}{chr(39)}; "
        "base-uri 'none'; form-action 'none'"
    )


def _json(content: Mapping[str, Any]) -> str:
    """JSON that ends no script element, whatever stands in it."""
    return json.dumps(content, allow_nan=False, ensure_ascii=True).replace("<", "\\u003c")


@cache
def _script() -> str:
    parts = (_asset(f"{name}.js") for name in SCRIPTS)
    return '"use strict";\n' + "\n".join(parts)


@cache
def _plotly() -> tuple[str, str]:
    """Its text, and that compressed."""
    from plotly.offline import get_plotlyjs

    return (text := get_plotlyjs()), deflated(text.encode())


@cache
def _asset(name: str) -> str:
    return (files("phasegrok.report") / "assets" / name).read_text(encoding="utf-8")
