"""The page: a sweep's diagram to explore, in one file without network, or served while it runs."""

from phasegrok.report.page import html, write
from phasegrok.report.payload import payload
from phasegrok.report.serve import Watched, serve, watch

__all__ = ["Watched", "html", "payload", "serve", "watch", "write"]
