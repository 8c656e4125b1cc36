"""The ledger's row of a chunk: added before the store hears of the chunk, and updated by compare-and-set."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import ChunkState, ItemKind
from tillroll.ledger.faults.rows import FaultyItem, is_resting
from tillroll.ledger.records import Chunk


def add_chunk(
    connection: Connection, chunks: sa.Table, *, key: str, size: int, now: datetime, **owner: int
) -> Chunk:
    """Add a chunk that is about to be posted and return it.

    `key` is its deduplication key, which the store remembers for an hour from now. `owner` gives the columns that say what the
    chunk is sent for.
    """
    values = {
        **owner,
        "state": ChunkState.POSTING,
        "deduplication_key": key,
        "size": size,
        "created_at": now,
        "changed_at": now,
    }
    return Chunk.from_row(connection.execute(sa.insert(chunks).values(values).returning(chunks)).one())


def chunk_item(chunks: sa.Table, chunk: Chunk, *, store_id: int, run_id: int | None = None) -> FaultyItem:
    """Return what a fault calls a chunk: each table numbers its own."""
    name = f"{chunks.name} {chunk.id}"
    return FaultyItem(store_id=store_id, kind=ItemKind.CHUNK, name=name, run_id=run_id)


def is_chunk_resting(chunks: sa.Table, store_id: int, *, now: datetime) -> sa.ColumnElement[bool]:
    """Return the condition that a chunk is set aside, or pauses after a fault."""
    name = sa.literal(f"{chunks.name} ") + sa.cast(chunks.c.id, sa.Text)
    return is_resting(ItemKind.CHUNK, store_id, name, now=now)


def chunks_in(
    connection: Connection,
    chunks: sa.Table,
    state: ChunkState,
    owner: Mapping[str, int],
    *,
    resting_at: datetime | None = None,
) -> list[Chunk]:
    """Return the owner's chunks in a state, oldest first: the store works through them in that order.

    With `resting_at`, those of the store (`owner`) that rest at that moment after a fault are left out.
    """
    where = [chunks.c.state == state, *owner_conditions(chunks, owner)]
    if resting_at is not None:
        where.append(~is_chunk_resting(chunks, owner["store_id"], now=resting_at))
    query = sa.select(chunks).where(*where).order_by(chunks.c.id)
    return [Chunk.from_row(row) for row in connection.execute(query)]


def count_in(
    connection: Connection,
    chunks: sa.Table,
    state: ChunkState,
    owner: Mapping[str, int],
    *,
    resting_at: datetime | None = None,
) -> int:
    """Return how many of the owner's chunks are in a state; `resting_at`: as in `chunks_in`."""
    where = [chunks.c.state == state, *owner_conditions(chunks, owner)]
    if resting_at is not None:
        where.append(~is_chunk_resting(chunks, owner["store_id"], now=resting_at))
    query = sa.select(sa.func.count()).select_from(chunks).where(*where)
    return int(connection.scalar(query) or 0)


def owner_conditions(table: sa.Table, owner: Mapping[str, int]) -> list[sa.ColumnElement[bool]]:
    """Return the conditions that a row belongs to an owner, given as numbers by column."""
    return [table.c[column] == number for column, number in owner.items()]


def update_chunk(
    connection: Connection, chunks: sa.Table, chunk: Chunk, *, now: datetime, **values: Any
) -> None:
    """Update a chunk if it is still in the state it was read in; otherwise do nothing."""
    where = (chunks.c.id == chunk.id, chunks.c.state == chunk.state)
    connection.execute(sa.update(chunks).where(*where).values(changed_at=now, **values))
