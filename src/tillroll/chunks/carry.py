"""The way of an errand's chunks to the store and back. The caller alone works on the errand (a lane, an import's lock).

The crash points are in the room's docstring; each stands at the edge of one of the functions below.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from tillroll.campaign.states import ChunkState
from tillroll.chunks.answers import Answers, answers_of, how_far
from tillroll.chunks.errand import POSTING, Carrier, Errand
from tillroll.chunks.row import belongs, chunks_in, count_in, move, write_down
from tillroll.ecwid.batches import MOST_IN_A_BATCH, key_still_good, poll_pause
from tillroll.ecwid.errors import StoreRefusal
from tillroll.ledger.engine import reading, writing


def push(carrier: Carrier, errand: Errand[Any]) -> bool:
    """Post what isn't posted yet: chunks whose outcome is open first, then new ones. Whether anything was sent."""
    with reading(carrier.engine) as connection:
        unsent = chunks_in(connection, errand.tables.chunks, ChunkState.POSTING, **errand.whose)
        flying = count_in(connection, errand.tables.chunks, ChunkState.POSTED, **errand.whose)
    for chunk in unsent:
        _post(carrier, errand, chunk)
    flying, sent = flying + len(unsent), bool(unsent)
    while flying < errand.in_flight and (intended := intend(carrier, errand)) is not None:
        _post(carrier, errand, intended)
        flying, sent = flying + 1, True
    return sent


def poll(carrier: Carrier, errand: Errand[Any]) -> datetime | None:
    """Ask after the chunks that are due; when the next one will be, or None when none is out."""
    now = carrier.clock.now()
    for chunk in _out(carrier, errand):
        if chunk.poll_at > now or not _ask(carrier, errand, chunk):
            break  # the store works batches off in order: a later one can't be further than this one
    left = _out(carrier, errand)
    return left[0].poll_at if left else None


def intend(carrier: Carrier, errand: Errand[Any]) -> sa.Row[Any] | None:
    """Write down the next chunk before the store hears of it; None when no row may go."""
    tables, now = errand.tables, carrier.clock.now()
    rows = tables.rows
    due = sa.or_(rows.c.not_before.is_(None), rows.c.not_before <= now)
    where = (*belongs(rows, errand.whose), rows.c.state == tables.waiting, due, *errand.ready())
    going = {"state": POSTING, "attempts": rows.c.attempts + 1, "not_before": None, "changed_at": now}
    going |= errand.going()
    with writing(carrier.engine) as connection:
        query = sa.select(rows.c.id).where(*where).order_by(rows.c.id).limit(MOST_IN_A_BATCH)
        ids = list(connection.scalars(query))
        if not ids:
            return None
        key, size = carrier.new_key(), len(ids)
        chunk = write_down(connection, tables.chunks, key=key, size=size, now=now, **errand.whose)
        own = (rows.c.id.in_(ids), rows.c.state == tables.waiting)
        connection.execute(sa.update(rows).where(*own).values({**going, tables.chunk: chunk.id}))
    return chunk


def _post(carrier: Carrier, errand: Errand[Any], chunk: sa.Row[Any]) -> None:
    """Hand a chunk over, or hand it over again: under its key, as long as the store remembers that."""
    now = carrier.clock.now()
    if not key_still_good(chunk.created_at, now):
        lose(carrier, errand, chunk)
        return
    inner = errand.requests(_rows(carrier, errand, chunk))
    key = chunk.deduplication_key
    ticket = carrier.batches.create(inner, deduplication_key=key, group=key)
    posted(carrier, errand, chunk, ticket=ticket, now=now)


def posted(carrier: Carrier, errand: Errand[Any], chunk: sa.Row[Any], *, ticket: str, now: datetime) -> None:
    """Write down the ticket that the store gave."""
    to = {"state": ChunkState.POSTED, "ticket": ticket, "poll_at": now + poll_pause(0)}
    with writing(carrier.engine) as connection:
        move(connection, errand.tables.chunks, chunk, now=now, **to)


def _ask(carrier: Carrier, errand: Errand[Any], chunk: sa.Row[Any]) -> bool:
    """Ask after one chunk; whether it is over."""
    status = how_far(carrier.batches, chunk, carrier.clock)
    if status is None:
        lose(carrier, errand, chunk)
        return True
    settle(carrier, errand, chunk, answers_of(status))
    return status.finished


def settle(carrier: Carrier, errand: Errand[Any], chunk: sa.Row[Any], answers: Answers) -> None:
    """Record the answers there are, and where the chunk stands with them, in one transaction.

    Raises `NeedsPerson`, after all is written, when the store does nothing for us until somebody acts.
    """
    learnt = errand.learn(_rows(carrier, errand, chunk), answers)
    now, polls = carrier.clock.now(), chunk.polls + 1
    to = (
        {"state": ChunkState.DONE, "poll_at": None}
        if answers.finished
        else {"polls": polls, "poll_at": now + poll_pause(polls)}
    )
    with writing(carrier.engine) as connection:
        errand.write(connection, learnt, now)
        move(connection, errand.tables.chunks, chunk, now=now, **to)
    if learnt.stopped:
        raise errand.trouble(learnt.stopped)


def lose(carrier: Carrier, errand: Errand[Any], chunk: sa.Row[Any]) -> None:
    """The batch can't tell any more: what hasn't run of it never shall, and its rows are the errand's to look up."""
    with suppress(StoreRefusal):  # it knows no such group: nothing will run
        carrier.batches.cancel_group(chunk.deduplication_key)
    learnt = errand.learn_lost(_rows(carrier, errand, chunk))
    now = carrier.clock.now()
    with writing(carrier.engine) as connection:
        errand.write(connection, learnt, now)
        move(connection, errand.tables.chunks, chunk, now=now, state=ChunkState.LOST, poll_at=None)


def _out(carrier: Carrier, errand: Errand[Any]) -> list[sa.Row[Any]]:
    """The errand's chunks that the store has, oldest first."""
    with reading(carrier.engine) as connection:
        return chunks_in(connection, errand.tables.chunks, ChunkState.POSTED, **errand.whose)


def _rows(carrier: Carrier, errand: Errand[Any], chunk: sa.Row[Any]) -> list[sa.Row[Any]]:
    """The rows of a chunk whose answer isn't written yet."""
    rows = errand.tables.rows
    where = (rows.c[errand.tables.chunk] == chunk.id, rows.c.state == POSTING)
    with reading(carrier.engine) as connection:
        return list(connection.execute(errand.seen().where(*where).order_by(rows.c.id)))
