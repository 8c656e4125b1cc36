"""The audit chain: every decision is a row, and each row holds the hash of the one before.

`hash = SHA-256(previous ‖ canonical JSON of at, actor, action, subject, body, way)`; rows from before `way` was recorded have
none. A row that is changed, removed or inserted breaks every later hash. `previous` is unique, so two writers can't both continue
from the same row. That the last rows are cut off shows only beside a head that was kept elsewhere (`recovery/anchor.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.digest import canonical, digest
from tillroll.ledger.engine import streaming
from tillroll.ledger.tables import audit

_FIRST = "0" * 64
_LOCK = 0x7111_A0D1


class Way(StrEnum):
    """By which way something was done: how the process that recorded it knew on whose behalf it acted."""

    PAGE = "page"  # somebody who signed in
    LINK = "link"  # whoever has the link in an e-mail
    KEY = "key"  # a command, by the key that its person got with `tillroll login`
    SANDBOX = "sandbox"  # a command that took a name for granted, which only works with a sandbox store
    OPERATOR = (
        "operator"  # a command of whoever has the ledger and its key on the machine; no person was known
    )
    COMMAND = "command"  # a command that needs no person
    LOOP = "loop"  # the worker, by itself
    POLICY = "policy"  # the campaign's own rules
    UNKNOWN = ""  # a row from before this was recorded


_way: ContextVar[Way] = ContextVar("way", default=Way.LOOP)


def act_by(way: Way) -> None:
    """Say by which way this thread acts from now on. Pages say it at each request, commands once they know their person."""
    _way.set(way)


@dataclass(frozen=True, kw_only=True)
class Head:
    """The last row of the chain at some moment. Whoever kept it can tell whether the chain still holds that row."""

    number: int
    hash: str

    def __str__(self) -> str:
        return f"{self.number}:{self.hash}"


def _hash(previous: str, at: datetime, actor: str, action: str, subject: str, body: str, way: str) -> str:
    known = [way] if way else []
    return digest([previous, at.isoformat(), actor, action, subject, body, *known])


def record(
    connection: Connection,
    *,
    at: datetime,
    actor: str,
    action: str,
    subject: str,
    body: Mapping[str, Any],
    way: Way | None = None,
) -> None:
    """Add a row to the chain in the caller's transaction, so that the decision and its record are committed together.

    `way`: if it is another than this thread acts by.
    """
    if (
        connection.dialect.name == "postgresql"
    ):  # writers wait here for each other; on SQLite the caller holds the write lock
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    previous = connection.scalar(sa.select(audit.c.hash).order_by(audit.c.id.desc()).limit(1)) or _FIRST
    text, by = canonical(body), way or _way.get()
    connection.execute(
        sa.insert(audit).values(
            at=at,
            actor=actor,
            action=action,
            subject=subject,
            body=text,
            previous=previous,
            way=by,
            hash=_hash(previous, at, actor, action, subject, text, by),
        )
    )


def first_broken_row(connection: Connection) -> int | None:
    """Return the id of the first row that does not follow from the one before, or None if the chain is whole."""
    previous = _FIRST
    with streaming(connection, sa.select(audit).order_by(audit.c.id), piece=1_000) as rows:
        for row in rows:
            expected = _hash(previous, row.at, row.actor, row.action, row.subject, row.body, row.way)
            if row.previous != previous or row.hash != expected:
                return int(row.id)
            previous = row.hash
    return None


def head_of(connection: Connection) -> Head | None:
    """Return the last row of the chain, or None if it has no row."""
    row = connection.execute(sa.select(audit.c.id, audit.c.hash).order_by(audit.c.id.desc()).limit(1)).first()
    return Head(number=row.id, hash=row.hash) if row is not None else None


def holds(connection: Connection, head: Head) -> bool:
    """Return whether a row that was the last one once is still part of the chain. It is not once the chain was cut off."""
    row = sa.exists().where(audit.c.id == head.number, audit.c.hash == head.hash)
    return bool(connection.scalar(sa.select(row)))


def parse_head(text: str) -> Head | None:
    """Return the head that a text names (`12:0f…`), or None if it is none."""
    number, _, hash_ = text.strip().partition(":")
    is_number = number.isascii() and number.isdigit() and len(number) < 19
    if not is_number or len(hash_) != len(_FIRST) or not set(hash_) <= set("0123456789abcdef"):
        return None
    return Head(number=int(number), hash=hash_)
