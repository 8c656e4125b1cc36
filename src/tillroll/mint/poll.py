"""Asking how far the store's oldest batch is, when it should be done, and recording every inner answer.

Crash points: *asked*: the answer came and isn't written; the batch is asked after again. *answers recorded*: answers and the
chunk's state are one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from tillroll.campaign.states import ChunkState, CodeState
from tillroll.chunks.answers import answers_of, how_far
from tillroll.chunks.row import chunks_in
from tillroll.ecwid.batches import BatchStatus, InnerAnswer
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
        out = chunks_in(connection, chunks, ChunkState.POSTED, store_id=mint.store_id)
    if not out:
        return None
    chunk, asked = out[0], out[0].polls > 0
    due = mint.watch.forecast.due(posted_at=chunk.created_at, size=chunk.size)
    return chunk, (chunk.poll_at if asked else due)


def ask(mint: Mint, chunk: sa.Row[Any]) -> None:
    """Ask after one chunk and record what the store answers."""
    with reading(mint.engine) as connection:
        open_ = (codes.c.chunk_id == chunk.id, codes.c.state == CodeState.POSTING)
        rows: list[sa.Row[Any]] = list(
            connection.execute(sa.select(codes.c.id, codes.c.attempts).where(*open_))
        )
    status = how_far(mint.client.batches, chunk, mint.clock)
    if status is None:
        give_up(mint, chunk)  # whatever a stalled one makes later is found by its code
        return
    told = answers_of(status)
    answers = {row.id: _answer(inner) for row in rows if (inner := told.to(row.id)) is not None}
    to = _over(mint, chunk, answers) if status.finished else _under_way(mint, chunk, status)
    settle(mint, answers, rows, chunk=chunk, polls=chunk.polls + 1, **to)


def _under_way(mint: Mint, chunk: sa.Row[Any], status: BatchStatus) -> dict[str, Any]:
    """The batch isn't done: the forecast learns of it, and says when to ask again."""
    now, polls = mint.clock.now(), chunk.polls
    forecast = mint.watch.forecast.under_way(
        posted_at=chunk.created_at, completed=status.completed, polls=polls, now=now
    )
    mint.watch.forecast = forecast
    return {"poll_at": forecast.again(now=now, left=status.total - status.completed, polls=polls + 1)}


def _over(mint: Mint, chunk: sa.Row[Any], answers: Mapping[int, Answer]) -> dict[str, Any]:
    """The batch is done: the forecast learns of it, and a code that the store has already is to be looked up."""
    now = mint.clock.now()
    mint.watch.forecast = mint.watch.forecast.done(
        posted_at=chunk.created_at, size=chunk.size, polls=chunk.polls, now=now
    )
    if any(answer.status == 409 for answer in answers.values()):
        return {"state": ChunkState.LOST, "poll_at": now}
    return {"state": ChunkState.DONE, "poll_at": None}


def _answer(inner: InnerAnswer) -> Answer:
    """What a batch says of one code, or that it ended without it."""
    if not (inner.executed and inner.status):
        return Answer(executed=False, status=0, reason="the batch ended without it")
    body = inner.body if isinstance(inner.body, dict) else {}
    coupon_id = body.get("id")
    return Answer(
        executed=True,
        status=inner.status,
        coupon_id=int(coupon_id) if coupon_id is not None else None,
        reason=inner.message,
    )
