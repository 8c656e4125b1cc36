"""Handing reserved codes to the store, in chunks of up to 500.

Crash points, by name:

- *intended*: the chunk and its key are written, nothing was sent. The next pass posts it.
- *posted, answer lost*: the next pass posts again under the same key; within an hour the store answers the first ticket.
- *key too old*: the store may have forgotten the key, so each code is looked up before anything is posted anew.
- *one by one*: a code in a chunk of a few is `posting` while its call is out; if the answer is lost it is looked up.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.effort import CHUNK, FEW
from tillroll.campaign.states import ChunkState, CodeState
from tillroll.ecwid.batches import key_still_good, poll_pause
from tillroll.ecwid.errors import StoreRefusal, StoreSaysConflict
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.tables import chunks, codes
from tillroll.mint.coupon import Pattern, pattern
from tillroll.mint.decide import IN_FLIGHT
from tillroll.mint.draw import new_key
from tillroll.mint.parts import Mint
from tillroll.mint.settle import Answer, settle, settle_by_lookup


def push(mint: Mint, run: sa.Row[Any]) -> bool:
    """Post what isn't posted yet: chunks whose outcome is open first, then new ones. Whether anything was sent."""
    with reading(mint.engine) as connection:
        request = pattern(connection, run)
        unsent = _chunks(connection, run.id, ChunkState.POSTING)
        flying = len(_chunks(connection, run.id, ChunkState.POSTED))
    for chunk in unsent:
        _post(mint, run, request, chunk)
    sent = bool(unsent)
    while flying < IN_FLIGHT:
        chunk_row = _intend(mint, run)
        if chunk_row is None:
            break
        _post(mint, run, request, chunk_row)
        flying, sent = flying + 1, True
    return sent


def resume_unsent(mint: Mint, run: sa.Row[Any]) -> None:
    """Look up the codes of chunks whose call may or may not have arrived, and post nothing: for a run that was halted."""
    with reading(mint.engine) as connection:
        request = pattern(connection, run)
        for chunk in _chunks(connection, run.id, ChunkState.POSTING):
            settle_by_lookup(mint, request, chunk, _open_codes(connection, chunk.id))


def _open_codes(connection: Connection, chunk_id: int) -> list[sa.Row[Any]]:
    where = (codes.c.chunk_id == chunk_id, codes.c.state == CodeState.POSTING)
    return list(connection.execute(sa.select(codes).where(*where).order_by(codes.c.id)))


def _chunks(connection: Connection, run_id: int, state: ChunkState) -> list[sa.Row[Any]]:
    where = (chunks.c.run_id == run_id, chunks.c.state == state)
    return list(connection.execute(sa.select(chunks).where(*where).order_by(chunks.c.id)))


def _intend(mint: Mint, run: sa.Row[Any]) -> sa.Row[Any] | None:
    """Write down the next chunk before the store hears of it; None when no code is reserved."""
    now = mint.clock.now()
    with writing(mint.engine) as connection:
        where = (codes.c.run_id == run.id, codes.c.state == CodeState.RESERVED)
        ids = list(connection.scalars(sa.select(codes.c.id).where(*where).order_by(codes.c.id).limit(CHUNK)))
        if not ids:
            return None
        chunk_id = connection.execute(
            sa.insert(chunks)
            .values(
                store_id=mint.store_id,
                run_id=run.id,
                state=ChunkState.POSTING,
                deduplication_key=new_key(),
                size=len(ids),
                created_at=now,
                changed_at=now,
            )
            .returning(chunks.c.id)
        ).scalar_one()
        connection.execute(
            sa.update(codes)
            .where(codes.c.id.in_(ids), codes.c.state == CodeState.RESERVED)
            .values(state=CodeState.POSTING, chunk_id=chunk_id, attempts=codes.c.attempts + 1, changed_at=now)
        )
        return connection.execute(sa.select(chunks).where(chunks.c.id == chunk_id)).one()


def _post(mint: Mint, run: sa.Row[Any], request: Pattern, chunk: sa.Row[Any]) -> None:
    with reading(mint.engine) as connection:
        rows = _open_codes(connection, chunk.id)
    now = mint.clock.now()
    if chunk.size <= FEW:
        _one_by_one(mint, request, chunk, rows)
    elif not key_still_good(chunk.created_at, now):
        settle_by_lookup(mint, request, chunk, rows)
    else:
        inner = [mint.client.coupons.creation(str(row.id), request.of(row)) for row in rows]
        ticket = mint.client.batches.create(
            inner, deduplication_key=chunk.deduplication_key, group=f"run-{run.id}"
        )
        _posted(mint, chunk.id, ticket, now)


def _posted(mint: Mint, chunk_id: int, ticket: str, now: datetime) -> None:
    with writing(mint.engine) as connection:
        connection.execute(
            sa.update(chunks)
            .where(chunks.c.id == chunk_id, chunks.c.state == ChunkState.POSTING)
            .values(state=ChunkState.POSTED, ticket=ticket, poll_at=now + poll_pause(0), changed_at=now)
        )


def _one_by_one(mint: Mint, request: Pattern, chunk: sa.Row[Any], rows: list[sa.Row[Any]]) -> None:
    """A call each. A chunk that was begun before is looked up first, since any of its calls may have arrived."""
    if chunk.polls:
        settle_by_lookup(mint, request, chunk, rows)
        return
    with writing(mint.engine) as connection:
        connection.execute(sa.update(chunks).where(chunks.c.id == chunk.id).values(polls=1))
    for row in rows:
        try:
            coupon_id = mint.client.coupons.create(request.of(row))
            answer = Answer(executed=True, status=200, coupon_id=coupon_id)
        except StoreSaysConflict as conflict:
            answer = Answer(executed=True, status=409, reason=conflict.message)
        except StoreRefusal as refusal:
            answer = Answer(executed=True, status=refusal.status, reason=refusal.message)
        settle(mint, request, {row.id: answer}, [row])
    with writing(mint.engine) as connection:
        connection.execute(
            sa.update(chunks)
            .where(chunks.c.id == chunk.id)
            .values(state=ChunkState.DONE, changed_at=mint.clock.now())
        )
