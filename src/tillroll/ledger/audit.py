"""The audit chain: every decision is a row, and each row carries the hash of the one before.

`hash = SHA-256(previous ‖ canonical JSON of at, actor, action, subject, body)`. A row that is changed, removed or slipped
in breaks every later hash. `previous` is unique, so two writers can't both continue from the same row.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.digest import canonical, digest
from tillroll.ledger.engine import streaming
from tillroll.ledger.tables import audit

_FIRST = "0" * 64
_LOCK = 0x7111_A0D1


def _hash(previous: str, at: datetime, actor: str, action: str, subject: str, body: str) -> str:
    return digest([previous, at.isoformat(), actor, action, subject, body])


def record(
    connection: Connection, *, at: datetime, actor: str, action: str, subject: str, body: Mapping[str, Any]
) -> None:
    """Add a row to the chain, in the caller's transaction: the decision and its record are committed together."""
    if (
        connection.dialect.name == "postgresql"
    ):  # writers queue here; on SQLite the write lock is theirs already
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    previous = connection.scalar(sa.select(audit.c.hash).order_by(audit.c.id.desc()).limit(1)) or _FIRST
    text = canonical(body)
    connection.execute(
        sa.insert(audit).values(
            at=at,
            actor=actor,
            action=action,
            subject=subject,
            body=text,
            previous=previous,
            hash=_hash(previous, at, actor, action, subject, text),
        )
    )


def first_broken_row(connection: Connection) -> int | None:
    """The id of the first row that doesn't follow from the one before, or None when the chain is whole."""
    previous = _FIRST
    with streaming(connection, sa.select(audit).order_by(audit.c.id), piece=1_000) as rows:
        for row in rows:
            expected = _hash(previous, row.at, row.actor, row.action, row.subject, row.body)
            if row.previous != previous or row.hash != expected:
                return int(row.id)
            previous = row.hash
    return None
