"""Handing reserved codes to the store, in chunks of up to 500; a handful goes one by one, past the store's queue.

Crash points, by name (all of minting's are in the room's docstring):

- *intended*: the chunk and its key are written, nothing was sent. The next process posts it.
- *posted, answer lost*: the next process posts again under the same key; within an hour the store answers the first ticket.
- *key too old*: the store may have forgotten the key, so each code is looked up before anything is posted anew.
- *one by one*: a code of a chunk of a few is `posting` while its call is out; whatever of it is open then is looked up.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.figures.effort import CHUNK, FEW
from tillroll.campaign.states import ChunkState, CodeState, RunState
from tillroll.chunks.row import chunks_in, count_in, move, write_down
from tillroll.ecwid.batches import key_still_good
from tillroll.ecwid.errors import StoreRefusal, StoreSaysConflict
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.runs import load_run
from tillroll.ledger.tables import chunks, codes
from tillroll.mint.coupon import Pattern, pattern
from tillroll.mint.draw import new_key
from tillroll.mint.lookup import give_up
from tillroll.mint.parts import Mint
from tillroll.mint.settle import Answer, close, settle


def push(mint: Mint, run: sa.Row[Any], request: Pattern) -> bool:
    """Hand over the run's next chunk; False when it has no code reserved."""
    chunk = intend(mint, run.id)
    if chunk is None:
        return False
    post(mint, request, chunk)
    return True


def unsent(mint: Mint) -> list[sa.Row[Any]]:
    """Chunks whose call may or may not have arrived: a process died, or an answer was lost."""
    with reading(mint.engine) as connection:
        return chunks_in(connection, chunks, ChunkState.POSTING, store_id=mint.store_id)


def resume(mint: Mint, chunk: sa.Row[Any]) -> None:
    """Post an unsent chunk again; that of a run that is halted is looked up, and nothing more is posted for it."""
    with reading(mint.engine) as connection:
        run = load_run(connection, chunk.run_id)
        request = pattern(connection, run)
    if run.state != RunState.MINTING:
        give_up(mint, chunk)
    elif run.not_before is None or run.not_before <= mint.clock.now():
        post(mint, request, chunk)


def intend(mint: Mint, run_id: int) -> sa.Row[Any] | None:
    """Write down the next chunk before the store hears of it; None when no code is reserved."""
    now = mint.clock.now()
    reserved = (codes.c.run_id == run_id, codes.c.state == CodeState.RESERVED)
    with writing(mint.engine) as connection:
        next_ones = sa.select(codes.c.id).where(*reserved).order_by(codes.c.id).limit(CHUNK)
        ids = list(connection.scalars(next_ones))
        if not ids:
            return None
        whose = {"store_id": mint.store_id, "run_id": run_id}
        chunk = write_down(connection, chunks, key=new_key(), size=len(ids), now=now, **whose)
        posting = {"state": CodeState.POSTING, "chunk_id": chunk.id, "changed_at": now}
        connection.execute(
            sa.update(codes)
            .where(*reserved, codes.c.id <= ids[-1])
            .values(**posting, attempts=codes.c.attempts + 1)
        )
    return chunk


def post(mint: Mint, request: Pattern, chunk: sa.Row[Any]) -> None:
    """Send a chunk that was intended, or send it again: under its key, as long as the store remembers that."""
    with reading(mint.engine) as connection:
        rows = open_codes(connection, chunk.id)
    if chunk.size <= FEW:
        _one_by_one(mint, request, chunk, rows)
    elif not key_still_good(chunk.created_at, mint.clock.now()):
        give_up(mint, chunk)
    else:
        inner = [mint.client.coupons.creation(str(row.id), request.of(row)) for row in rows]
        group = f"run-{chunk.run_id}"
        ticket = mint.client.batches.create(inner, deduplication_key=chunk.deduplication_key, group=group)
        posted(mint, chunk, ticket, mint.clock.now())


def posted(mint: Mint, chunk: sa.Row[Any], ticket: str, now: datetime) -> None:
    """Write down the ticket that the store gave."""
    with writing(mint.engine) as connection:
        flying = count_in(connection, chunks, ChunkState.POSTED, store_id=mint.store_id)
        mint.watch.forecast = mint.watch.forecast.handed_over(now=now, flying=flying)
        due = mint.watch.forecast.due(posted_at=now, size=chunk.size)
        move(connection, chunks, chunk, now=now, state=ChunkState.POSTED, ticket=ticket, poll_at=due)


def open_codes(connection: Connection, chunk_id: int) -> list[sa.Row[Any]]:
    """The codes of a chunk whose outcome isn't written yet."""
    columns = (codes.c.id, codes.c.code, codes.c.arm, codes.c.value, codes.c.valid_from, codes.c.valid_until)
    where = (codes.c.chunk_id == chunk_id, codes.c.state == CodeState.POSTING)
    query = sa.select(*columns, codes.c.attempts, codes.c.reserved_at).where(*where)
    return list(connection.execute(query.order_by(codes.c.id)))


def _one_by_one(mint: Mint, request: Pattern, chunk: sa.Row[Any], rows: list[sa.Row[Any]]) -> None:
    """A call each. A chunk that was begun before is looked up, since any of its calls may have arrived."""
    if chunk.polls:
        give_up(mint, chunk)
        return
    with writing(mint.engine) as connection:
        move(connection, chunks, chunk, now=mint.clock.now(), polls=1)
    taken = 0
    for row in rows:
        answer = make_one(mint, request, row)
        taken += settle(mint, {row.id: answer}, [row]).taken
    close(mint, chunk, taken=taken)


def make_one(mint: Mint, request: Pattern, row: sa.Row[Any]) -> Answer:
    """Ask for one coupon."""
    try:
        coupon_id = mint.client.coupons.create(request.of(row))
    except StoreSaysConflict as conflict:
        return Answer(executed=True, status=409, reason=conflict.message)
    except StoreRefusal as refusal:
        return Answer(executed=True, status=refusal.status, reason=refusal.message)
    return Answer(executed=True, status=200, coupon_id=coupon_id)
