"""The page of a sweep that is still running, served to this machine's browsers alone."""

from __future__ import annotations

import hashlib
import json
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from phasegrok.errors import INTERRUPTED, InputError
from phasegrok.report.page import html
from phasegrok.report.payload import payload
from phasegrok.report.runs import Runs
from phasegrok.store import Store

# Between two readings of the directory: at least so many seconds, and so many times the last one.
PAUSE, PAUSE_SHARE = 5.0, 10

# The only address it listens at, and the names under which a browser may have found it: a page
# from elsewhere that has its own name point here is turned away.
LOOPBACK = "127.0.0.1"
_NAMES = ("127.0.0.1", "localhost")
_TEXT = "text/plain; charset=utf-8"


class Watched:
    """A sweep's directory as the page sees it; read again only when a file is another.

    And not before PAUSE seconds have passed, or so many times what the last reading took, so that
    a large sweep whose parts land one after another is not read all the time.
    """

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic):
        self._store, self._clock = store, clock
        self._lock = threading.Lock()
        self._told: dict[str, Any] = {"version": None}
        self._next = clock()

    def version(self) -> str:
        """A name for the state that would be told now."""
        told = self._told["version"]
        return told if self._clock() < self._next else self._files_now()

    def _files_now(self) -> str:
        """A name for the state of the files that the page is made of."""
        store = self._store
        files = [store.sweep_file, store.results_file]
        files += [*store.parts.glob("[!.]*.parquet"), *store.errors.glob("[!.]*.json")]
        seen = []
        for path in sorted(files):
            try:
                status = path.stat()
            except FileNotFoundError:
                continue
            seen.append((path.name, status.st_size, status.st_mtime_ns))
        return hashlib.sha256(repr(seen).encode()).hexdigest()[:16]

    def told(self) -> dict[str, Any]:
        """The payload of that state."""
        with self._lock:
            version = self.version()  # before reading: a part that lands meanwhile is seen next
            if self._told["version"] != version:
                began = self._clock()
                self._told = payload(self._store, version, live=True)
                took = self._clock() - began
                self._next = began + took + max(PAUSE, PAUSE_SHARE * took)
            return self._told

    def file(self, kind: str) -> bytes:
        """The runs so far as "csv" or "parquet"."""
        with self._lock:
            runs = Runs.of(self._store)
            return runs.csv() if kind == "csv" else runs.parquet()


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, watched: Watched, *arguments: Any):
        self._watched = watched
        super().__init__(*arguments)

    def do_GET(self) -> None:
        name = self.headers.get("Host", "").rpartition(":")[0] or self.headers.get("Host", "")
        if name not in _NAMES:
            self.send_error(403, "This page is for browsers on its own machine")
            return
        try:
            found = self._content(self.path.partition("?")[0])
        except (InputError, OSError) as error:
            self._answer(500, _TEXT, str(error).encode())
        except Exception as error:
            self.server.handle_error(self.request, self.client_address)  # prints where it is from
            self._answer(500, _TEXT, f"{type(error).__name__}: {error}".encode())
        else:
            self._answer(*(200, *found) if found else (404, _TEXT, b"There is no such page"))

    def _answer(self, status: int, kind: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(content)

    def _content(self, path: str) -> tuple[str, bytes] | None:
        watched = self._watched
        if path == "/":
            return "text/html; charset=utf-8", html(watched.told(), live=True).encode()
        if path == "/version":
            return "application/json", json.dumps({"version": watched.version()}).encode()
        if path == "/data":
            return "application/json", json.dumps(watched.told()).encode()
        if path in ("/runs.csv", "/runs.parquet"):
            return "application/octet-stream", watched.file(path.rpartition(".")[2])
        return None

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing: the page asks every few seconds."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away while it is answered is no error; any other is printed."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def serve(
    store: Store, port: int = 0, clock: Callable[[], float] = time.monotonic
) -> ThreadingHTTPServer:
    """A server for the page at 127.0.0.1, bound and not yet serving.

    Args:
        port: 0 takes a free one.
        clock: the seconds by which pauses between two readings are kept.

    Raises:
        InputError: it is no sweep's directory, its sweep has no axis, or the port is taken.
    """
    watched = Watched(store, clock)
    watched.told()  # says what is wrong with the directory before anything is served
    try:
        return _Server((LOOPBACK, port), partial(_Handler, watched))
    except OSError as error:
        raise InputError(
            f"port {port} cannot be had ({error.strerror}): give another with --port, or none"
        ) from error


def watch(store: Store, port: int = 0) -> int:
    """Serve the page until Ctrl-C; the exit code."""
    with serve(store, port) as server:
        print(f"http://{LOOPBACK}:{server.server_address[1]}/", flush=True)
        print("Ctrl-C ends it", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return INTERRUPTED
    return INTERRUPTED
