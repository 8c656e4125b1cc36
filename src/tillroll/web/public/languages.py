"""The languages that a reader's browser asks for."""

from __future__ import annotations

from flask import request

_MOST = 20


def languages_of_browser() -> tuple[str, ...]:
    """Return them as the browser writes them, the best first: `de-AT` is more than `en` to whom it comes first."""
    return tuple(request.accept_languages.values())[:_MOST]
