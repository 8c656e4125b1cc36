"""Handing a change's codes to the store, in chunks of up to 500.

Crash points, by name:

- *intended*: the chunk and its key are written, nothing was sent. The next pass posts it.
- *posted, answer lost*: the next pass posts again under the same key; within an hour the store answers the first ticket.
- *key too old*: what the store still has of the batch is cancelled, and its codes are asked for again: what is asked of a coupon
  does no harm twice. A coupon that may have been made is looked up first (`poll.py`).
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import ChangeKind, ChunkState, PartState
from tillroll.ecwid.batches import InnerRequest, key_still_good, poll_pause
from tillroll.ecwid.coupons import changed_body
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.tables import change_chunks, change_parts, codes
from tillroll.mint.changes.decide import CHUNK, IN_FLIGHT, Action
from tillroll.mint.changes.poll import lose
from tillroll.mint.draw import new_key
from tillroll.mint.parts import Mint
from tillroll.mint.wished import Wishes


def push(mint: Mint, change: sa.Row[Any]) -> bool:
    """Post what isn't posted yet: chunks whose outcome is open first, then new ones. Whether anything was sent."""
    with reading(mint.engine) as connection:
        unsent = chunks_in(connection, change.id, ChunkState.POSTING)
        flying = len(chunks_in(connection, change.id, ChunkState.POSTED))
    for chunk in unsent:
        _post(mint, change, chunk)
        flying += 1
    sent = bool(unsent)
    while flying < IN_FLIGHT and (intended := _intend(mint, change)) is not None:
        _post(mint, change, intended)
        flying, sent = flying + 1, True
    return sent


def chunks_in(connection: Connection, change_id: int, state: ChunkState) -> list[sa.Row[Any]]:
    """The change's chunks in a state, oldest first."""
    where = (change_chunks.c.change_id == change_id, change_chunks.c.state == state)
    return list(connection.execute(sa.select(change_chunks).where(*where).order_by(change_chunks.c.id)))


def _intend(mint: Mint, change: sa.Row[Any]) -> sa.Row[Any] | None:
    """Write down the next chunk before the store hears of it; None when no code waits.

    A code that an earlier change has on its way waits for that answer: what was asked for last must arrive last.
    """
    now = mint.clock.now()
    earlier = change_parts.alias("earlier")
    on_its_way = sa.exists().where(
        earlier.c.code_id == change_parts.c.code_id,
        earlier.c.id < change_parts.c.id,
        earlier.c.state == PartState.POSTING,
    )
    where = (
        change_parts.c.change_id == change.id,
        change_parts.c.state == PartState.WANTED,
        sa.or_(change_parts.c.not_before.is_(None), change_parts.c.not_before <= now),
        ~on_its_way,
    )
    with writing(mint.engine) as connection:
        query = sa.select(change_parts.c.id).where(*where).order_by(change_parts.c.id).limit(CHUNK)
        ids = list(connection.scalars(query))
        if not ids:
            return None
        values = {
            "change_id": change.id,
            "state": ChunkState.POSTING,
            "deduplication_key": new_key(),
            "size": len(ids),
            "created_at": now,
            "changed_at": now,
        }
        made = sa.insert(change_chunks).values(values).returning(change_chunks.c.id)
        chunk_id = connection.execute(made).scalar_one()
        connection.execute(
            sa.update(change_parts)
            .where(change_parts.c.id.in_(ids), change_parts.c.state == PartState.WANTED)
            .values(
                state=PartState.POSTING,
                change_chunk_id=chunk_id,
                attempts=change_parts.c.attempts + 1,
                not_before=None,
                changed_at=now,
            )
        )
        return connection.execute(sa.select(change_chunks).where(change_chunks.c.id == chunk_id)).one()


def _post(mint: Mint, change: sa.Row[Any], chunk: sa.Row[Any]) -> None:
    now = mint.clock.now()
    if not key_still_good(chunk.created_at, now):
        lose(mint, change, chunk)
        return
    inner = _requests(mint, change, chunk)
    key = chunk.deduplication_key
    ticket = mint.client.batches.create(inner, deduplication_key=key, group=key)
    with writing(mint.engine) as connection:
        connection.execute(
            sa.update(change_chunks)
            .where(change_chunks.c.id == chunk.id, change_chunks.c.state == ChunkState.POSTING)
            .values(state=ChunkState.POSTED, ticket=ticket, poll_at=now + poll_pause(0), changed_at=now)
        )


def _requests(mint: Mint, change: sa.Row[Any], chunk: sa.Row[Any]) -> list[InnerRequest]:
    """The chunk's codes as requests of a batch."""
    query = (
        sa.select(codes, change_parts.c.id.label("part_id"), change_parts.c.action)
        .join(codes, codes.c.id == change_parts.c.code_id)
        .where(change_parts.c.change_chunk_id == chunk.id, change_parts.c.state == PartState.POSTING)
        .order_by(change_parts.c.id)
    )
    with reading(mint.engine) as connection:
        rows = list(connection.execute(query))
        wishes = Wishes(connection, change)
        return [_request(mint, change, row, wishes) for row in rows]


def _request(mint: Mint, change: sa.Row[Any], row: sa.Row[Any], wishes: Wishes) -> InnerRequest:
    coupons, id_ = mint.client.coupons, str(row.part_id)
    if row.action == Action.CREATE:
        return coupons.creation(id_, wishes.whole(row))
    if row.action == Action.DELETE:
        return coupons.deletion(id_, row.coupon_id)
    match ChangeKind(change.kind):
        case ChangeKind.PAUSE:
            body = changed_body(status="PAUSED")
        case ChangeKind.RESUME | ChangeKind.LAUNCH:
            body = changed_body(status="ACTIVE")
        case ChangeKind.EXTEND:
            body = changed_body(expires_at=change.valid_until)
        case ChangeKind.RECYCLE:
            body = wishes.anew(row)
        case _:
            body = wishes.put_right(row)
    return coupons.change(id_, row.coupon_id, body)
