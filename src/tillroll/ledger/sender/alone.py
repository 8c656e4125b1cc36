"""Counting what left and claiming more as one step: senders that count at the same time would both take the last place."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

_LOCK = 0x7111_1A53


def count_alone(connection: Connection) -> None:
    """Wait until no other transaction counts, and let none count until this one ends. On SQLite writers are alone anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
