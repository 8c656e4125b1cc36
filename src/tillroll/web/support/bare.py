"""Answers that need neither the app nor the ledger: a short page, or JSON for programs."""

from __future__ import annotations

import json
from html import escape

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title} · Tillroll</title></head>
<body><main><h1>{title}</h1><p>{message}</p></main></body></html>
"""
FOR_PROGRAMS = ("/healthz", "/webhooks/", "/events/", "/hooks/", "/metrics")
"""How the addresses begin that programs call, which read JSON and no pages."""

AWAY = "The database can't be reached right now, so nothing was done. It goes on by itself: try again in a minute."
"""What a person or program is told while the database is away."""

RETRY_AFTER = 10
"""Seconds after which to ask again."""


def bare_answer(path: str, *, title: str, message: str) -> tuple[str, bytes]:
    """Return the content type and the content for whoever asks at that path: a program, or a person."""
    if path.startswith(FOR_PROGRAMS):
        return "application/json", json.dumps({"status": message}).encode()
    return "text/html; charset=utf-8", _PAGE.format(title=escape(title), message=escape(message)).encode()


def away_answer(path: str) -> tuple[str, bytes]:
    """Return the answer of status 503 that is given while the database is away."""
    return bare_answer(path, title="Not possible right now", message=AWAY)
