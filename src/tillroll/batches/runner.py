"""Running a batch job: posting its chunks and reading their answers.

The caller must be the only one to work on the job: it holds the store's lock, or the import's. The crash points are listed in the
package's docstring; each is at the edge of one of the functions below.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa

from tillroll.batches.answers import Answers, ask_status, read_answers
from tillroll.batches.chunk_row import add_chunk, chunks_in, count_in, owner_conditions, update_chunk
from tillroll.batches.each_row import interpreted, requests_of, write_outcome
from tillroll.batches.job import POSTING, BatchJob
from tillroll.batches.session import BatchSession
from tillroll.campaign.states import ChunkState
from tillroll.ecwid.endpoints.batches import MOST_IN_A_BATCH, key_still_good, poll_pause
from tillroll.ecwid.http.errors import StoreRefusal
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.records import Chunk

_RowT = TypeVar("_RowT")


def push(session: BatchSession, job: BatchJob[Any, Any]) -> bool:
    """Post the chunks that were only intended, then new ones, up to the job's limit. Returns whether anything was posted."""
    with reading(session.engine) as connection:
        unsent = chunks_in(connection, job.tables.chunks, ChunkState.POSTING, job.owner)
        in_flight = count_in(connection, job.tables.chunks, ChunkState.POSTED, job.owner)
    for chunk in unsent:
        _post(session, job, chunk)
    in_flight, sent = in_flight + len(unsent), bool(unsent)
    while in_flight < job.in_flight and (intended := intend(session, job)) is not None:
        _post(session, job, intended)
        in_flight, sent = in_flight + 1, True
    return sent


def poll(session: BatchSession, job: BatchJob[Any, Any]) -> datetime | None:
    """Ask for the results of the chunks that are due.

    Returns when the oldest chunk in flight is next due, or None if none is in flight.
    """
    now = session.clock.now()
    for chunk in _in_flight(session, job):
        if (chunk.poll_at is not None and chunk.poll_at > now) or not _ask(session, job, chunk):
            break  # the store works through batches in order, so later chunks can't be further along
    left = _in_flight(session, job)
    return left[0].poll_at if left else None


def intend(session: BatchSession, job: BatchJob[Any, Any]) -> Chunk | None:
    """Record the next chunk before the store hears of it. Returns None if no row may be sent."""
    tables, now = job.tables, session.clock.now()
    rows = tables.rows
    due = sa.or_(rows.c.not_before.is_(None), rows.c.not_before <= now)
    where = (
        *owner_conditions(rows, job.owner),
        rows.c.state == tables.waiting,
        due,
        *job.ready_conditions(),
    )
    values = {"state": POSTING, "attempts": rows.c.attempts + 1, "not_before": None, "changed_at": now}
    values |= job.sent_values()
    with writing(session.engine) as connection:
        query = sa.select(rows.c.id).where(*where).order_by(rows.c.id).limit(MOST_IN_A_BATCH)
        ids = list(connection.scalars(query))
        if not ids:
            return None
        key, size = session.new_key(), len(ids)
        chunk = add_chunk(connection, tables.chunks, key=key, size=size, now=now, **job.owner)
        selected = (rows.c.id.in_(ids), rows.c.state == tables.waiting)
        connection.execute(sa.update(rows).where(*selected).values({**values, tables.chunk: chunk.id}))
    return chunk


def _post(session: BatchSession, job: BatchJob[Any, Any], chunk: Chunk) -> None:
    """Post a chunk, or post it again under its key; give it up once the store may have forgotten the key."""
    now = session.clock.now()
    if not key_still_good(chunk.created_at, now):
        lose(session, job, chunk)
        return
    inner = requests_of(session, job, _open_rows(session, job, chunk))
    key = chunk.deduplication_key
    ticket = session.client.batches.create(inner, deduplication_key=key, group=key)
    record_ticket(session, job, chunk, ticket=ticket, now=now)


def record_ticket(
    session: BatchSession, job: BatchJob[Any, Any], chunk: Chunk, *, ticket: str, now: datetime
) -> None:
    """Record the ticket that the store returned for a chunk."""
    values = {"state": ChunkState.POSTED, "ticket": ticket, "poll_at": now + poll_pause(0)}
    with writing(session.engine) as connection:
        update_chunk(connection, job.tables.chunks, chunk, now=now, **values)


def _ask(session: BatchSession, job: BatchJob[Any, Any], chunk: Chunk) -> bool:
    """Ask for the result of one chunk and record it. Returns whether the chunk has ended."""
    status = ask_status(session.client.batches, chunk, session.clock)
    if status is None:
        lose(session, job, chunk)
        return True
    settle(session, job, chunk, read_answers(status))
    return status.finished


def settle(session: BatchSession, job: BatchJob[Any, Any], chunk: Chunk, answers: Answers) -> None:
    """Record the answers so far and the chunk's new state, in one transaction unless one of them can't be written.

    Raises `NeedsPerson`, after everything is written, if the store does nothing for us until somebody acts.
    """
    rows = _open_rows(session, job, chunk)
    outcome = interpreted(session, job, rows, answers)
    now, polls = session.clock.now(), chunk.polls + 1
    values = (
        {"state": ChunkState.DONE, "poll_at": None}
        if answers.finished
        else {"polls": polls, "poll_at": now + poll_pause(polls)}
    )
    write_outcome(
        session,
        job,
        rows,
        outcome,
        also=lambda connection: update_chunk(connection, job.tables.chunks, chunk, now=now, **values),
    )
    if outcome.stopped:
        raise job.stopped_error(outcome.stopped)


def lose(session: BatchSession, job: BatchJob[Any, Any], chunk: Chunk) -> None:
    """Give a chunk up: cancel the calls that have not run, and let the job decide about its open rows."""
    with suppress(StoreRefusal):  # the store knows no such group: nothing will run
        session.client.batches.cancel_group(chunk.deduplication_key)
    rows, now = _open_rows(session, job, chunk), session.clock.now()
    lost = {"state": ChunkState.LOST, "poll_at": None}
    write_outcome(
        session,
        job,
        rows,
        job.interpret_lost(rows),
        also=lambda connection: update_chunk(connection, job.tables.chunks, chunk, now=now, **lost),
    )


def _in_flight(session: BatchSession, job: BatchJob[Any, Any]) -> list[Chunk]:
    """Return the job's posted chunks, oldest first."""
    with reading(session.engine) as connection:
        return chunks_in(connection, job.tables.chunks, ChunkState.POSTED, job.owner)


def _open_rows(session: BatchSession, job: BatchJob[_RowT, Any], chunk: Chunk) -> list[_RowT]:
    """Return the rows of a chunk that have no recorded outcome."""
    rows = job.tables.rows
    with reading(session.engine) as connection:
        return job.load(connection, rows.c[job.tables.chunk] == chunk.id, rows.c.state == POSTING)
