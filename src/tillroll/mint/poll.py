"""Asking how far the store's oldest batch is, when it should be done, and recording every inner answer.

Crash points: *asked*: the answer came and isn't written; the batch is asked after again. *answers recorded*: answers and the
chunk's state are one transaction.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from tillroll.campaign.states import ChunkState, CodeState
from tillroll.ecwid.batches import BatchStatus, InnerAnswer, key_still_good
from tillroll.ecwid.errors import StoreSaysNo, StoreSaysNotFound
from tillroll.ledger.engine import reading
from tillroll.ledger.tables import chunks, codes
from tillroll.mint.lookup import give_up
from tillroll.mint.parts import Mint
from tillroll.mint.settle import Answer, settle


def oldest_out(mint: Mint) -> tuple[sa.Row[Any], datetime] | None:
    """The oldest batch that the store has of ours, and when to ask after it; None when there is none.

    The store works batches off in order: a later one can't be further than this one.
    """
    with reading(mint.engine) as connection:
        out = (chunks.c.store_id == mint.store_id, chunks.c.state == ChunkState.POSTED)
        chunk = connection.execute(sa.select(chunks).where(*out).order_by(chunks.c.id).limit(1)).first()
    if chunk is None:
        return None
    asked = chunk.polls > 0
    due = mint.watch.forecast.due(posted_at=chunk.created_at, size=chunk.size)
    return chunk, (chunk.poll_at if asked else due)


def ask(mint: Mint, chunk: sa.Row[Any]) -> None:
    """Ask after one chunk and record what the store answers."""
    with reading(mint.engine) as connection:
        open_ = (codes.c.chunk_id == chunk.id, codes.c.state == CodeState.POSTING)
        rows: list[sa.Row[Any]] = list(
            connection.execute(sa.select(codes.c.id, codes.c.attempts).where(*open_))
        )
    try:
        status = mint.client.batches.status(chunk.ticket)
    except (
        StoreSaysNotFound,
        StoreSaysNo,
    ):  # a ticket the store no longer knows (404 or 400: not documented)
        give_up(mint, chunk)
        return
    now, watch = mint.clock.now(), mint.watch
    if not status.finished and not key_still_good(chunk.created_at, now):
        give_up(mint, chunk)  # stalled: whatever it makes later is found by its code
        return
    forecast = watch.forecast
    if status.finished:
        watch.forecast = forecast.done(
            posted_at=chunk.created_at, size=chunk.size, polls=chunk.polls, now=now
        )
        _record_all(mint, chunk, rows, answers_of(status))
        return
    forecast = forecast.under_way(
        posted_at=chunk.created_at, completed=status.completed, polls=chunk.polls, now=now
    )
    watch.forecast = forecast
    again = forecast.again(now=now, left=status.total - status.completed, polls=chunk.polls + 1)
    settle(mint, answers_of(status), rows, chunk=chunk, polls=chunk.polls + 1, poll_at=again)


def _record_all(mint: Mint, chunk: sa.Row[Any], rows: list[sa.Row[Any]], answers: dict[int, Answer]) -> None:
    """The batch is done. A code without an answer was never tried; one that the store has already is looked up."""
    untried = Answer(executed=False, status=0, reason="the batch ended without it")
    for row in rows:
        answers.setdefault(row.id, untried)
    taken = any(answers[row.id].status == 409 for row in rows)
    state = (ChunkState.LOST, mint.clock.now()) if taken else (ChunkState.DONE, None)
    settle(mint, answers, rows, chunk=chunk, polls=chunk.polls + 1, state=state[0], poll_at=state[1])


def answers_of(status: BatchStatus) -> dict[int, Answer]:
    """The answers by code row."""
    return {
        int(answer.id): _answer(answer) for answer in status.answers if answer.id.isdigit() and answer.status
    }


def _answer(inner: InnerAnswer) -> Answer:
    body = inner.body if isinstance(inner.body, dict) else {}
    coupon_id = body.get("id")
    return Answer(
        executed=inner.executed,
        status=inner.status,
        coupon_id=int(coupon_id) if coupon_id is not None else None,
        reason=inner.message,
    )
