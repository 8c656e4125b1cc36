"""Posting reserved codes to the store, in chunks of up to 500; a few codes are posted one by one, past the store's queue.

Crash points by name (the package's docstring lists all of minting's):

- *intended*: the chunk and its key are recorded, nothing was sent. The next process posts it.
- *posted, answer lost*: the next process posts again under the same key; within an hour the store answers the first ticket.
- *key too old*: the store may have forgotten the key, so each code is looked up before anything is posted again.
- *one by one*: a code of such a chunk is `posting` while its call is out; codes that are open after a crash are looked up.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.batches.chunk_row import add_chunk, chunks_in, count_in, update_chunk
from tillroll.campaign.figures.effort import CHUNK, FEW
from tillroll.campaign.states import ChunkState, CodeState, RunState, Stage
from tillroll.ecwid.endpoints.batches import InnerRequest, key_still_good
from tillroll.ecwid.http.errors import StoreRefusal, StoreSaysConflict
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.faults.boundary import concerns_everybody, contained
from tillroll.ledger.queries.runs import load_run
from tillroll.ledger.records import Chunk, Run
from tillroll.ledger.tables import chunks, codes
from tillroll.mint.context import MintContext
from tillroll.mint.coupon import CouponPattern, load_pattern
from tillroll.mint.draw import new_key
from tillroll.mint.issue.lookup import give_up
from tillroll.mint.issue.settle import CodeAnswer, close_chunk, code_item, settle


class OpenCode(NamedTuple):
    """A code whose outcome is not recorded. A tuple, since it is made for every code that is posted."""

    id: int
    code: str
    arm: str
    value: Decimal | None
    valid_from: datetime | None
    valid_until: datetime | None
    attempts: int


def push(context: MintContext, run: Run, pattern: CouponPattern) -> bool:
    """Post the run's next chunk. Returns False if no code is reserved."""
    chunk = intend(context, run.id)
    if chunk is None:
        return False
    post(context, pattern, chunk)
    return True


def unsent_chunks(context: MintContext) -> list[Chunk]:
    """Return chunks whose request may or may not have arrived: a process died, or an answer was lost."""
    with reading(context.engine) as connection:
        now = context.clock.now()
        return chunks_in(
            connection, chunks, ChunkState.POSTING, {"store_id": context.store_id}, resting_at=now
        )


def resume(context: MintContext, chunk: Chunk) -> None:
    """Post an unsent chunk again. If its run was halted, look its codes up instead of posting again."""
    with reading(context.engine) as connection:
        run = load_run(connection, chunk.owner_id)
        pattern = load_pattern(connection, run)
    if run.state != RunState.MINTING:
        give_up(context, chunk)
    elif run.not_before is None or run.not_before <= context.clock.now():
        post(context, pattern, chunk)


def intend(context: MintContext, run_id: int) -> Chunk | None:
    """Record the run's next chunk before the store hears of it. Returns None if no code is reserved."""
    now = context.clock.now()
    reserved = (codes.c.run_id == run_id, codes.c.state == CodeState.RESERVED, codes.c.coupon_id.is_(None))
    with writing(context.engine) as connection:
        next_codes = sa.select(codes.c.id).where(*reserved).order_by(codes.c.id).limit(CHUNK)
        ids = list(connection.scalars(next_codes))
        if not ids:
            return None
        owner = {"store_id": context.store_id, "run_id": run_id}
        chunk = add_chunk(connection, chunks, key=new_key(), size=len(ids), now=now, **owner)
        posting = {"state": CodeState.POSTING, "chunk_id": chunk.id, "changed_at": now}
        connection.execute(
            sa.update(codes)
            .where(*reserved, codes.c.id <= ids[-1])
            .values(**posting, attempts=codes.c.attempts + 1)
        )
    return chunk


def post(context: MintContext, pattern: CouponPattern, chunk: Chunk) -> None:
    """Post an intended chunk, or post it again under its key; give it up once the store may have forgotten the key."""
    with reading(context.engine) as connection:
        unsettled = open_codes(connection, chunk.id)
    if chunk.size <= FEW:
        _post_one_by_one(context, pattern, chunk, unsettled)
    elif not key_still_good(chunk.created_at, context.clock.now()):
        give_up(context, chunk)
    elif inner := _requests(context, pattern, chunk, unsettled):
        key, group = chunk.deduplication_key, f"run-{chunk.owner_id}"
        ticket = context.client.batches.create(inner, deduplication_key=key, group=group)
        record_ticket(context, chunk, ticket, context.clock.now())
    else:
        give_up(context, chunk)


def _requests(
    context: MintContext, pattern: CouponPattern, chunk: Chunk, unsettled: Sequence[OpenCode]
) -> list[InnerRequest]:
    """Return the requests of a batch. A code whose request can't be made is left out; the chunk's look-up settles it."""
    creation, now = context.client.coupons.creation, context.clock.now()
    try:
        return [creation(str(code.id), pattern.request(code)) for code in unsettled]
    except Exception as fault:  # one of them; each by itself would cost every batch some time
        if concerns_everybody(fault):
            raise
    inner = []
    for code in unsettled:
        item = code_item(context, code.id, chunk.owner_id)
        with contained(context.engine, item, stage=Stage.MINT, now=now):
            inner.append(creation(str(code.id), pattern.request(code)))
    return inner


def record_ticket(context: MintContext, chunk: Chunk, ticket: str, now: datetime) -> None:
    """Record the ticket that the store returned for a chunk."""
    memory = context.memory
    with writing(context.engine) as connection:
        in_flight = count_in(connection, chunks, ChunkState.POSTED, {"store_id": context.store_id})
        memory.speed = memory.speed.batch_posted(now=now, in_flight=in_flight)
        due = memory.speed.due(posted_at=now, size=chunk.size)
        values = {"state": ChunkState.POSTED, "ticket": ticket, "poll_at": due}
        update_chunk(connection, chunks, chunk, now=now, **values)


def open_codes(connection: Connection, chunk_id: int) -> list[OpenCode]:
    """Return the codes of a chunk whose outcome is not recorded."""
    columns = [codes.c[name] for name in OpenCode._fields]
    where = (codes.c.chunk_id == chunk_id, codes.c.state == CodeState.POSTING)
    query = sa.select(*columns).where(*where).order_by(codes.c.id)
    return [OpenCode._make(row) for row in connection.execute(query)]


def _post_one_by_one(
    context: MintContext, pattern: CouponPattern, chunk: Chunk, unsettled: list[OpenCode]
) -> None:
    """Post each code in a call of its own. If that was begun before, look up: any of the calls may have arrived.

    A code at which this fails stays `posting`, and is looked up too.
    """
    if chunk.polls:
        give_up(context, chunk)
        return
    with writing(context.engine) as connection:
        update_chunk(connection, chunks, chunk, now=context.clock.now(), polls=1)
    is_lost = False
    for code in unsettled:
        item = code_item(context, code.id, chunk.owner_id)
        with contained(context.engine, item, stage=Stage.MINT, now=context.clock.now()) as outcome:
            answer = make_one(context, pattern, code)
            settled = settle(context, {code.id: answer}, {code.id: code.attempts}, run_id=chunk.owner_id)
            is_lost = is_lost or settled.taken + settled.unwritten > 0
        is_lost = is_lost or outcome.failed
    close_chunk(context, chunk, is_lost=is_lost)


def make_one(context: MintContext, pattern: CouponPattern, code: OpenCode) -> CodeAnswer:
    """Ask the store to create the coupon of one code."""
    try:
        coupon_id = context.client.coupons.create(pattern.request(code))
    except StoreSaysConflict as conflict:
        return CodeAnswer(executed=True, status=409, reason=conflict.message)
    except StoreRefusal as refusal:
        return CodeAnswer(executed=True, status=refusal.status, reason=refusal.message)
    return CodeAnswer(executed=True, status=200, coupon_id=coupon_id)
