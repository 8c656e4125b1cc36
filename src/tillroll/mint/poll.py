"""Asking how far the batches are, with growing pauses, and recording every inner answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from tillroll.campaign.states import ChunkState, CodeState
from tillroll.ecwid.batches import BatchStatus, InnerAnswer, key_still_good, poll_pause
from tillroll.ecwid.errors import StoreSaysNo, StoreSaysNotFound
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.tables import chunks, codes
from tillroll.mint.coupon import pattern
from tillroll.mint.parts import Mint
from tillroll.mint.settle import Answer, settle, settle_by_lookup


def poll(mint: Mint, run: sa.Row[Any]) -> datetime | None:
    """Ask after the chunks that are due; returns when the next one will be, or None when none is out."""
    now = mint.clock.now()
    with reading(mint.engine) as connection:
        where = (chunks.c.run_id == run.id, chunks.c.state == ChunkState.POSTED)
        out = list(connection.execute(sa.select(chunks).where(*where).order_by(chunks.c.id)))
    for chunk in out:
        if chunk.poll_at > now:
            break  # the store works batches off in order: a later one can't be further than this one
        if not _ask(mint, run, chunk):
            break
    with reading(mint.engine) as connection:
        next_at: datetime | None = connection.scalar(sa.select(sa.func.min(chunks.c.poll_at)).where(*where))
    return next_at


def _ask(mint: Mint, run: sa.Row[Any], chunk: sa.Row[Any]) -> bool:
    """Ask after one chunk; whether it is finished."""
    with reading(mint.engine) as connection:
        request = pattern(connection, run)
        open_ = (codes.c.chunk_id == chunk.id, codes.c.state == CodeState.POSTING)
        rows = list(connection.execute(sa.select(codes).where(*open_)))
    try:
        status = mint.client.batches.status(chunk.ticket)
    except (
        StoreSaysNotFound,
        StoreSaysNo,
    ):  # a ticket the store no longer knows (404 or 400: not documented)
        settle_by_lookup(mint, request, chunk, rows)
        return True
    now = mint.clock.now()
    if not status.finished and not key_still_good(chunk.created_at, now):
        settle_by_lookup(mint, request, chunk, rows)  # stalled: whatever it makes later is found by its code
        return True
    answers = _answers(status, finished=status.finished, rows=rows)
    settle(mint, request, answers, [row for row in rows if row.id in answers])
    with writing(mint.engine) as connection:
        values: dict[str, Any] = {"polls": chunk.polls + 1, "changed_at": now}
        values |= (
            {"state": ChunkState.DONE, "poll_at": None}
            if status.finished
            else {"poll_at": now + poll_pause(chunk.polls + 1)}
        )
        connection.execute(
            sa.update(chunks)
            .where(chunks.c.id == chunk.id, chunks.c.state == ChunkState.POSTED)
            .values(values)
        )
    return status.finished


def _answers(status: BatchStatus, *, finished: bool, rows: list[sa.Row[Any]]) -> dict[int, Answer]:
    """The answers by code row. In a finished batch a code without an answer was never tried."""
    found = {
        int(answer.id): _answer(answer) for answer in status.answers if answer.id.isdigit() and answer.status
    }
    if finished:
        for row in rows:
            found.setdefault(row.id, Answer(executed=False, status=0, reason="the batch ended without it"))
    return found


def _answer(inner: InnerAnswer) -> Answer:
    body = inner.body if isinstance(inner.body, dict) else {}
    coupon_id = body.get("id")
    return Answer(
        executed=inner.executed,
        status=inner.status,
        coupon_id=int(coupon_id) if coupon_id is not None else None,
        reason=inner.message,
    )
