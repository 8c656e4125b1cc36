"""Asking for the result of the store's oldest batch once it should be done, and recording every answer in it.

Crash points: *asked*: the answer arrived and is not written; the store is asked again. *answers recorded*: answers and the
chunk's state are one transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from tillroll.batches.answers import ask_status, read_answers
from tillroll.batches.chunk_row import chunks_in
from tillroll.campaign.states import ChunkState, CodeState, ItemKind, Stage
from tillroll.ecwid.endpoints.batches import BatchStatus, InnerAnswer
from tillroll.ecwid.http.wire import maybe_whole
from tillroll.ledger.engine import reading
from tillroll.ledger.faults.boundary import contained
from tillroll.ledger.faults.rows import resting_items
from tillroll.ledger.records import Chunk
from tillroll.ledger.tables import chunks, codes
from tillroll.mint.context import MintContext
from tillroll.mint.decide import CodeOutcome
from tillroll.mint.issue.lookup import give_up
from tillroll.mint.issue.settle import CodeAnswer, code_item, settle


def oldest_in_flight(context: MintContext) -> tuple[Chunk, datetime] | None:
    """Return our oldest batch that the store has, and when to ask for it; None if it has none.

    The store works through batches in order, so later ones can't be further along.
    """
    with reading(context.engine) as connection:
        now = context.clock.now()
        posted = chunks_in(
            connection, chunks, ChunkState.POSTED, {"store_id": context.store_id}, resting_at=now
        )
    if not posted:
        return None
    chunk, was_asked = posted[0], posted[0].polls > 0
    due = context.memory.speed.due(posted_at=chunk.created_at, size=chunk.size)
    return chunk, (chunk.poll_at if was_asked and chunk.poll_at is not None else due)


def ask(context: MintContext, chunk: Chunk) -> None:
    """Ask for the result of one chunk and record what the store answers."""
    with reading(context.engine) as connection:
        unsettled = (codes.c.chunk_id == chunk.id, codes.c.state == CodeState.POSTING)
        query = sa.select(codes.c.id, codes.c.attempts).where(*unsettled)
        attempts = {row.id: row.attempts for row in connection.execute(query)}
        resting = resting_items(connection, context.store_id, ItemKind.CODE, now=context.clock.now())
    status = ask_status(context.client.batches, chunk, context.clock)
    if status is None:
        give_up(context, chunk)  # if a stalled batch creates coupons later, they are found by their codes
        return
    batch = read_answers(status)
    answers: dict[int, CodeAnswer] = {}
    for code_id in attempts:
        item = code_item(context, code_id, chunk.owner_id)
        with contained(context.engine, item, stage=Stage.MINT, now=context.clock.now()):
            inner = None if str(code_id) in resting else batch.for_row(code_id)
            if inner is not None:
                answers[code_id] = _answer(inner)
    values = (
        _finished(context, chunk, answers, attempts)
        if status.finished
        else _unfinished(context, chunk, status)
    )
    settle(context, answers, attempts, chunk=chunk, polls=chunk.polls + 1, **values)


def _unfinished(context: MintContext, chunk: Chunk, status: BatchStatus) -> dict[str, Any]:
    """Learn the store's speed from a batch that is not done, and return when to ask again."""
    now, polls = context.clock.now(), chunk.polls
    speed = context.memory.speed.under_way(
        posted_at=chunk.created_at, completed=status.completed, polls=polls, now=now
    )
    context.memory.speed = speed
    return {"poll_at": speed.again(now=now, left=status.total - status.completed, polls=polls + 1)}


def _finished(
    context: MintContext, chunk: Chunk, answers: Mapping[int, CodeAnswer], asked: Collection[int]
) -> dict[str, Any]:
    """Learn the store's speed from a batch that is done, and return the chunk's state: lost if a code is to be looked up.

    Codes whose answer can't be read are looked up too, and those that rest after a fault.
    """
    now = context.clock.now()
    context.memory.speed = context.memory.speed.done(
        posted_at=chunk.created_at, size=chunk.size, polls=chunk.polls, now=now
    )
    unclear = any(answer.means(1) is CodeOutcome.LOOK_UP for answer in answers.values())
    if len(answers) < len(asked) or unclear:
        return {"state": ChunkState.LOST, "poll_at": now}
    return {"state": ChunkState.DONE, "poll_at": None}


def _answer(inner: InnerAnswer) -> CodeAnswer:
    """Return what a batch says of one code, or that it ended without it."""
    if not (inner.executed and inner.status):
        return CodeAnswer(executed=False, status=0, reason="the batch ended without it")
    body = inner.body if isinstance(inner.body, dict) else {}
    return CodeAnswer(
        executed=True, status=inner.status, coupon_id=maybe_whole(body.get("id")), reason=inner.message
    )
