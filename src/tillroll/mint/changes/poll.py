"""Asking how far a change's batches are, and writing down what every answer does to its code.

Crash points: before the transaction nothing is written, and the batch is asked again. A chunk whose batch cannot tell any more
(its key or its ticket is forgotten, it stalls for an hour) is cancelled in the store before its codes are asked for again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import ChunkState, PartState
from tillroll.ecwid.batches import BatchStatus, InnerAnswer, key_still_good, poll_pause
from tillroll.ecwid.errors import StoreRefusal, StoreSaysNo, StoreSaysNotFound
from tillroll.errors import NeedsPerson
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.tables import change_chunks, change_parts, codes
from tillroll.mint.changes.decide import Action, Became, became
from tillroll.mint.changes.settle import Settled, write_settled
from tillroll.mint.parts import Mint
from tillroll.mint.wished import Wishes


def poll(mint: Mint, change: sa.Row[Any]) -> datetime | None:
    """Ask after the chunks that are due; when the next one will be, or None when none is out."""
    now = mint.clock.now()
    where = (change_chunks.c.change_id == change.id, change_chunks.c.state == ChunkState.POSTED)
    with reading(mint.engine) as connection:
        out = list(connection.execute(sa.select(change_chunks).where(*where).order_by(change_chunks.c.id)))
    for chunk in out:
        if chunk.poll_at > now or not _ask(mint, change, chunk):
            break  # the store works batches off in order: a later one can't be further than this one
    with reading(mint.engine) as connection:
        next_at: datetime | None = connection.scalar(
            sa.select(sa.func.min(change_chunks.c.poll_at)).where(*where)
        )
    return next_at


def _ask(mint: Mint, change: sa.Row[Any], chunk: sa.Row[Any]) -> bool:
    """Ask after one chunk; whether it is over."""
    try:
        status = mint.client.batches.status(chunk.ticket)
    except (
        StoreSaysNotFound,
        StoreSaysNo,
    ):  # a ticket the store no longer knows (404 or 400: not documented)
        lose(mint, change, chunk)
        return True
    if not status.finished and not key_still_good(chunk.created_at, mint.clock.now()):
        lose(mint, change, chunk)
        return True
    _settle(mint, change, chunk, status)
    return status.finished


def lose(mint: Mint, change: sa.Row[Any], chunk: sa.Row[Any]) -> None:
    """The batch can't tell any more: what hasn't run of it never shall, and its codes are asked for again."""
    with suppress(StoreRefusal):  # it knows no such group: nothing will run
        mint.client.batches.cancel_group(chunk.deduplication_key)
    rows = _out(mint, chunk)
    created = [row for row in rows if row.action == Action.CREATE]
    found = _look_up(mint, change, created)
    with writing(mint.engine) as connection:
        for row in rows:
            settled = found.get(row.part_id, Settled(became=Became.AGAIN, reason="its batch was lost"))
            write_settled(connection, change, row, settled, mint.clock.now())
        _end(connection, chunk, ChunkState.LOST, mint.clock.now())


def _out(mint: Mint, chunk: sa.Row[Any]) -> list[sa.Row[Any]]:
    """The codes of a chunk whose answer isn't written down yet."""
    query = (
        sa.select(codes, change_parts.c.id.label("part_id"), change_parts.c.action, change_parts.c.was)
        .add_columns(change_parts.c.attempts.label("asked"))
        .join(codes, codes.c.id == change_parts.c.code_id)
        .where(change_parts.c.change_chunk_id == chunk.id, change_parts.c.state == PartState.POSTING)
        .order_by(change_parts.c.id)
    )
    with reading(mint.engine) as connection:
        return list(connection.execute(query))


def _end(connection: Connection, chunk: sa.Row[Any], state: ChunkState, now: datetime) -> None:
    values = {"state": state, "poll_at": None, "changed_at": now}
    connection.execute(sa.update(change_chunks).where(change_chunks.c.id == chunk.id).values(values))


def _settle(mint: Mint, change: sa.Row[Any], chunk: sa.Row[Any], status: BatchStatus) -> None:
    """Record the answers there are, and the chunk's end with them, in one transaction."""
    rows = _out(mint, chunk)
    answers = {one.id: one for one in status.answers if one.status or status.finished}
    settled: dict[int, Settled] = {}
    for row in rows:
        answer = answers.get(str(row.part_id))
        if answer is None and not status.finished:
            continue
        settled[row.part_id] = _meaning(row, answer)
    unsure = [row for row in rows if _is(settled, row, Became.LOOK_UP)]
    settled |= _look_up(mint, change, unsure)
    now = mint.clock.now()
    with writing(mint.engine) as connection:
        for row in rows:
            if row.part_id in settled:
                write_settled(connection, change, row, settled[row.part_id], now)
        if status.finished:
            _end(connection, chunk, ChunkState.DONE, now)
        else:
            polls = chunk.polls + 1
            values = {"polls": polls, "poll_at": now + poll_pause(polls), "changed_at": now}
            connection.execute(sa.update(change_chunks).where(change_chunks.c.id == chunk.id).values(values))
    _stop_if_told(settled)


def _is(settled: Mapping[int, Settled], row: sa.Row[Any], what: Became) -> bool:
    return row.part_id in settled and settled[row.part_id].became is what


def _meaning(row: sa.Row[Any], answer: InnerAnswer | None) -> Settled:
    answer = answer or InnerAnswer(id=str(row.part_id), executed=False, status=0, body=None)
    action = Action(row.action)
    told = _told(action, answer)
    meaning = became(
        action=action, executed=answer.executed, status=answer.status, told=told, attempts=row.asked
    )
    said = f"HTTP {answer.status}" if answer.executed else "the batch ended without it"
    coupon_id = told if action is Action.CREATE else None
    return Settled(became=meaning, reason=answer.message or said, coupon_id=coupon_id)


def _told(action: Action, answer: InnerAnswer) -> int | None:
    key = {Action.CREATE: "id", Action.UPDATE: "updateCount", Action.DELETE: "deleteCount"}[action]
    said = answer.body.get(key) if isinstance(answer.body, dict) else None
    return int(said) if said is not None else None


def _look_up(mint: Mint, change: sa.Row[Any], rows: Sequence[sa.Row[Any]]) -> dict[int, Settled]:
    """What became of coupons that may have been made: the store's own, by their codes."""
    if not rows:
        return {}
    found = {row.part_id: mint.client.coupons.find(row.code) for row in rows}
    with reading(mint.engine) as connection:
        wishes = Wishes(connection, change)
        settled = {}
        for row in rows:
            coupon = found[row.part_id]
            if coupon is None:
                settled[row.part_id] = Settled(became=Became.AGAIN, reason="it isn't in the store yet")
            elif wishes.is_it(row, coupon, since=change.created_at):
                settled[row.part_id] = Settled(became=Became.DONE, coupon_id=coupon.coupon_id)
            else:
                reason = f"the store has a coupon {coupon.coupon_id} with its code that isn't ours"
                settled[row.part_id] = Settled(became=Became.FAIL, reason=reason)
    return settled


def _stop_if_told(settled: Mapping[int, Settled]) -> None:
    stopped = next((one for one in settled.values() if one.became is Became.STOP), None)
    if stopped is not None:
        raise NeedsPerson(
            f"The store changes no coupons for us: {stopped.reason}.",
            hint="Check the store's plan and that the token has the scope update_discount_coupons.",
        )
