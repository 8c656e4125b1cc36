"""Parts of a page: one that can't be shown costs the page nothing else, and the page says so with a reference."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, cast

import structlog
from flask import g, request
from sqlalchemy.engine import Connection

from tillroll.errors import NotAllowed, NotFound, TillrollError
from tillroll.ledger.faults.boundary import concerns_everybody, place_of

log = structlog.get_logger("tillroll.web")

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class BrokenPart:
    """A part of the page that can't be shown."""

    what: str  # as the page calls it
    why: str  # the error's own sentence, or the exception's class and place
    reference: str  # under which the log has the details


def part(what: str, show: Callable[[], T], *, broken: T, connection: Connection | None = None) -> T:
    """Return what `show` returns; if it fails, note the part as broken and return `broken`.

    `connection`: the one that `show` reads with; after a fault it begins anew. `NotAllowed` and `NotFound` have pages of their
    own, and are raised.
    """
    try:
        return show()
    except Exception as fault:
        if isinstance(fault, NotAllowed | NotFound) or concerns_everybody(fault):
            raise
        reference = secrets.token_hex(4)
        log.error("page.part", reference=reference, part=what, path=request.path, exc_info=fault)
        is_ours = isinstance(fault, TillrollError)
        why = str(fault) if is_ours else f"{type(fault).__name__} at {place_of(fault)}"
        broken_parts().append(BrokenPart(what=what, why=why, reference=reference))
        if connection is not None:
            connection.rollback()
        return broken


def broken_parts() -> list[BrokenPart]:
    """Return the parts of this request's page that can't be shown, as far as it got."""
    if "broken_parts" not in g:
        g.broken_parts = []
    return cast("list[BrokenPart]", g.broken_parts)
