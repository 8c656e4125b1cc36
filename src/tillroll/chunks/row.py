"""A chunk's own row in the ledger: written down before the store hears of it, and moved on from where it was seen."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import ChunkState


def write_down(
    connection: Connection, chunks: sa.Table, *, key: str, size: int, now: datetime, **whose: int
) -> sa.Row[Any]:
    """A new chunk. `key`: its deduplication key, good for an hour from now; `whose`: whose it is, by column."""
    values = {
        **whose,
        "state": ChunkState.POSTING,
        "deduplication_key": key,
        "size": size,
        "created_at": now,
        "changed_at": now,
    }
    return connection.execute(sa.insert(chunks).values(values).returning(chunks)).one()


def chunks_in(connection: Connection, chunks: sa.Table, state: ChunkState, **whose: int) -> list[sa.Row[Any]]:
    """The chunks in a state, oldest first: the store works them off in that order."""
    query = sa.select(chunks).where(chunks.c.state == state, *belongs(chunks, whose)).order_by(chunks.c.id)
    return list(connection.execute(query))


def count_in(connection: Connection, chunks: sa.Table, state: ChunkState, **whose: int) -> int:
    """How many chunks are in a state."""
    query = (
        sa.select(sa.func.count()).select_from(chunks).where(chunks.c.state == state, *belongs(chunks, whose))
    )
    return int(connection.scalar(query) or 0)


def belongs(table: sa.Table, whose: Mapping[str, int]) -> list[sa.ColumnElement[bool]]:
    """The conditions that a row is somebody's: the number by column."""
    return [table.c[column] == number for column, number in whose.items()]


def move(connection: Connection, chunks: sa.Table, chunk: sa.Row[Any], *, now: datetime, **to: Any) -> None:
    """Write what is new of a chunk, if it still is in the state it was seen in."""
    where = (chunks.c.id == chunk.id, chunks.c.state == chunk.state)
    connection.execute(sa.update(chunks).where(*where).values(changed_at=now, **to))
