"""Handing decided rows to the store in batches, and recording every inner answer.

Crash points, by name:

- *intended*: the chunk and its key are written, nothing was sent. The next pass posts it.
- *posted, answer lost*: the next pass posts again under the same key; within an hour the store answers the first ticket.
- *key too old*, *ticket forgotten*, *stalled for an hour*: what hasn't run is cancelled, then each row is looked up.
- *answers not recorded*: the batch is asked again.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from tillroll.campaign.states import ChunkState
from tillroll.catalog.decide import (
    CHUNK,
    IN_FLIGHT,
    SETTLES,
    Action,
    Counts,
    Kind,
    Outcome,
    RowState,
    changes,
    outcome,
)
from tillroll.catalog.journal import (
    PIECE,
    chunks_in,
    counts,
    finish,
    open_phase,
    rows_where,
    write,
)
from tillroll.catalog.parts import Catalogue
from tillroll.catalog.patience import patiently
from tillroll.catalog.resolve import resolve
from tillroll.catalog.shape import body, from_journal, options_of
from tillroll.ecwid.batches import BatchStatus, InnerAnswer, InnerRequest, key_still_good, poll_pause
from tillroll.ecwid.errors import StoreRefusal, StoreSaysNo, StoreSaysNotFound
from tillroll.errors import NeedsPerson
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.tables import import_chunks, import_rows

Told = Callable[[Counts], None]
_LONGEST_PAUSE = 30.0


def apply(room: Catalogue, import_id: int, told: Told, *, closing: bool = False) -> None:
    """Carry an import, or an undo, to its end. `closing`: only settle what is on its way, and leave the rest undone."""

    def step() -> datetime | None:
        return _step(room, import_id, closing=closing)

    while True:
        next_at = patiently(room, step)
        with reading(room.engine) as connection:
            tally = counts(connection, import_id)
        told(tally)
        if not tally.open:
            finish(room, import_id)
            return
        if next_at is not None:
            pause = (next_at - room.clock.now()).total_seconds()
            room.clock.sleep(min(max(0.0, pause), _LONGEST_PAUSE))


def _step(room: Catalogue, import_id: int, *, closing: bool) -> datetime | None:
    """One bounded slice; when there will be more to do, or None: at once."""
    with reading(room.engine) as connection:
        phase = open_phase(connection, import_id)
    if phase is None:
        return None
    if closing:
        _leave(room, import_id)
    else:
        _adopt(room, import_id, phase)
    _push(room, import_id, phase)
    next_poll = _poll(room, import_id)
    next_look = resolve(room, import_id)
    with reading(room.engine) as connection:
        rows = (import_rows.c.import_id == import_id, import_rows.c.phase == phase)
        waiting = (
            *rows,
            import_rows.c.state == RowState.PLANNED,
            import_rows.c.not_before > room.clock.now(),
        )
        next_try: datetime | None = connection.scalar(
            sa.select(sa.func.min(import_rows.c.not_before)).where(*waiting)
        )
    return min((at for at in (next_poll, next_look, next_try) if at is not None), default=None)


def _leave(room: Catalogue, import_id: int) -> None:
    with writing(room.engine) as connection:
        where = (
            import_rows.c.import_id == import_id,
            import_rows.c.state.in_((RowState.READ, RowState.PLANNED)),
        )
        values = {"state": RowState.FAILED, "reason": "not done: the import was undone before it came to it"}
        connection.execute(sa.update(import_rows).where(*where).values(values))


def _adopt(room: Catalogue, import_id: int, phase: int) -> None:
    """Give variations the ids of products that were made in the phase before."""
    parent = import_rows.alias("parent")
    where = (
        import_rows.c.import_id == import_id,
        import_rows.c.phase == phase,
        import_rows.c.state == RowState.PLANNED,
        import_rows.c.kind == Kind.VARIATION,
        import_rows.c.product_id.is_(None),
    )
    join = sa.and_(parent.c.import_id == import_id, parent.c.sku == import_rows.c.parent_sku)
    columns = (
        import_rows.c.id,
        import_rows.c.parent_sku,
        parent.c.product_id,
        parent.c.state,
        parent.c.reason,
    )
    query = sa.select(*columns).select_from(import_rows.outerjoin(parent, join)).where(*where).limit(PIECE)
    while True:
        with writing(room.engine) as connection:
            orphans = list(connection.execute(query))
            found: list[dict[str, Any]] = []
            for row in orphans:
                if row.product_id is not None and row.state in {RowState.DONE, RowState.UNCHANGED}:
                    found.append({"id": row.id, "product_id": row.product_id})
                else:
                    said = f"its product {row.parent_sku} failed: {row.reason or 'it is not in the store'}"
                    found.append({"id": row.id, "state": RowState.FAILED, "reason": said})
            write(connection, found, was=RowState.PLANNED, now=room.clock.now())
        if not orphans:
            return


def _push(room: Catalogue, import_id: int, phase: int) -> None:
    """Post what isn't posted yet: chunks whose outcome is open first, then new ones."""
    with reading(room.engine) as connection:
        unsent = chunks_in(connection, import_id, ChunkState.POSTING)
        flying = len(chunks_in(connection, import_id, ChunkState.POSTED))
    for chunk in unsent:
        _post(room, chunk)
        flying += 1
    while flying < IN_FLIGHT:
        intended = _intend(room, import_id, phase)
        if intended is None:
            return
        _post(room, intended)
        flying += 1


def _intend(room: Catalogue, import_id: int, phase: int) -> sa.Row[Any] | None:
    """Write down the next chunk before the store hears of it; None when no row waits."""
    now = room.clock.now()
    asked = sa.literal(room.client.connection.store_time(), import_rows.c.asked_at.type)
    due = sa.or_(import_rows.c.not_before.is_(None), import_rows.c.not_before <= now)
    where = (
        import_rows.c.import_id == import_id,
        import_rows.c.phase == phase,
        import_rows.c.state == RowState.PLANNED,
        due,
    )
    with writing(room.engine) as connection:
        ids = list(
            connection.scalars(
                sa.select(import_rows.c.id).where(*where).order_by(import_rows.c.id).limit(CHUNK)
            )
        )
        if not ids:
            return None
        values = {
            "import_id": import_id,
            "state": ChunkState.POSTING,
            "deduplication_key": room.new_key(),
            "size": len(ids),
            "created_at": now,
            "changed_at": now,
        }
        chunk_id = connection.execute(
            sa.insert(import_chunks).values(values).returning(import_chunks.c.id)
        ).scalar_one()
        connection.execute(
            sa.update(import_rows)
            .where(import_rows.c.id.in_(ids), import_rows.c.state == RowState.PLANNED)
            .values(
                state=RowState.POSTING,
                import_chunk_id=chunk_id,
                attempts=import_rows.c.attempts + 1,
                asked_at=sa.func.coalesce(import_rows.c.asked_at, asked),
                not_before=None,
                changed_at=now,
            )
        )
        return connection.execute(sa.select(import_chunks).where(import_chunks.c.id == chunk_id)).one()


def _open_rows(room: Catalogue, chunk: sa.Row[Any]) -> list[sa.Row[Any]]:
    with reading(room.engine) as connection:
        where = (import_rows.c.import_chunk_id == chunk.id, import_rows.c.state == RowState.POSTING)
        return rows_where(connection, *where)


def _post(room: Catalogue, chunk: sa.Row[Any]) -> None:
    now = room.clock.now()
    if not key_still_good(chunk.created_at, now):
        _lose(room, chunk)
        return
    inner = [_request(row) for row in _open_rows(room, chunk)]
    ticket = room.client.batches.create(
        inner, deduplication_key=chunk.deduplication_key, group=chunk.deduplication_key
    )
    with writing(room.engine) as connection:
        connection.execute(
            sa.update(import_chunks)
            .where(import_chunks.c.id == chunk.id, import_chunks.c.state == ChunkState.POSTING)
            .values(state=ChunkState.POSTED, ticket=ticket, poll_at=now + poll_pause(0), changed_at=now)
        )


def _request(row: sa.Row[Any]) -> InnerRequest:
    """A row as one request of a batch."""
    wanted, old = from_journal(row.wanted), from_journal(row.old)
    product = f"/products/{row.product_id}"
    variation = row.kind == Kind.VARIATION
    if row.action == Action.CREATE:
        path = f"{product}/combinations" if variation else "/products"
        made = body(wanted, sku=row.sku, options=options_of(row.options))
        return InnerRequest(id=str(row.id), method="POST", path=path, body=made)
    path = f"{product}/combinations/{row.variation_id}" if variation else product
    if row.action == Action.DELETE:
        return InnerRequest(id=str(row.id), method="DELETE", path=path, body="")
    return InnerRequest(id=str(row.id), method="PUT", path=path, body=body(changes(wanted, old)))


def _poll(room: Catalogue, import_id: int) -> datetime | None:
    """Ask after the chunks that are due; when the next one will be, or None when none is out."""
    now = room.clock.now()
    with reading(room.engine) as connection:
        out = chunks_in(connection, import_id, ChunkState.POSTED)
    for chunk in out:
        if chunk.poll_at > now or not _ask(room, chunk):
            break  # the store works batches off in order: a later one can't be further than this one
    with reading(room.engine) as connection:
        left = chunks_in(connection, import_id, ChunkState.POSTED)
    return left[0].poll_at if left else None


def _ask(room: Catalogue, chunk: sa.Row[Any]) -> bool:
    """Ask after one chunk; whether it is over."""
    try:
        status = room.client.batches.status(chunk.ticket)
    except (StoreSaysNotFound, StoreSaysNo):  # a ticket the store no longer knows
        _lose(room, chunk)
        return True
    if not status.finished and not key_still_good(chunk.created_at, room.clock.now()):
        _lose(room, chunk)
        return True
    _settle(room, chunk, status)
    return status.finished


def _lose(room: Catalogue, chunk: sa.Row[Any]) -> None:
    """The batch can't tell any more: what hasn't run of it never shall, and its rows are looked up."""
    with suppress(StoreRefusal):  # it knows no such group: nothing will run
        room.client.batches.cancel_group(chunk.deduplication_key)
    rows, now = _open_rows(room, chunk), room.clock.now()
    unsure = [{"id": row.id, "state": RowState.UNSURE, "not_before": now + SETTLES} for row in rows]
    with writing(room.engine) as connection:
        write(connection, unsure, was=RowState.POSTING, now=now)
        _end(connection, chunk, ChunkState.LOST, now)


def _end(connection: sa.Connection, chunk: sa.Row[Any], state: ChunkState, now: datetime) -> None:
    values = {"state": state, "poll_at": None, "changed_at": now}
    connection.execute(sa.update(import_chunks).where(import_chunks.c.id == chunk.id).values(values))


def _settle(room: Catalogue, chunk: sa.Row[Any], status: BatchStatus) -> None:
    """Record the answers there are, and the chunk's end with them, in one transaction."""
    rows, now = _open_rows(room, chunk), room.clock.now()
    answers = {answer.id: answer for answer in status.answers if answer.status or status.finished}
    found: list[dict[str, Any]] = []
    stopped = ""
    for row in rows:
        answer = answers.get(str(row.id))
        if answer is None and not status.finished:
            continue
        answer = answer or InnerAnswer(id=str(row.id), executed=False, status=0, body=None)
        meaning = outcome(
            action=Action(row.action), executed=answer.executed, status=answer.status, attempts=row.attempts
        )
        said = answer.message or (
            f"HTTP {answer.status}" if answer.executed else "the batch ended without it"
        )
        if meaning is Outcome.STOP:
            stopped = said
        found.append(_settled(row, meaning, answer, said, now))
    with writing(room.engine) as connection:
        write(connection, found, was=RowState.POSTING, now=now)
        if status.finished:
            _end(connection, chunk, ChunkState.DONE, now)
        else:
            polls = {
                "polls": chunk.polls + 1,
                "poll_at": now + poll_pause(chunk.polls + 1),
                "changed_at": now,
            }
            connection.execute(sa.update(import_chunks).where(import_chunks.c.id == chunk.id).values(polls))
    if stopped:
        raise NeedsPerson(
            f"The store changes no products for us: {stopped}.",
            hint="Check the store's plan (its number of products too) and that the token may write the catalogue"
            " (scopes create_catalog, update_catalog); then run the same command again.",
        )


def _settled(
    row: sa.Row[Any], meaning: Outcome, answer: InnerAnswer, said: str, now: datetime
) -> dict[str, Any]:
    made = answer.body.get("id") if isinstance(answer.body, dict) else None
    if meaning is Outcome.DONE and row.action == Action.CREATE and made is None:
        meaning = Outcome.LOOK_UP
    match meaning:
        case Outcome.DONE:
            # an undo that may not bring everything back has its reason from the start
            values: dict[str, Any] = {"state": RowState.FAILED if row.reason else RowState.DONE}
            if row.action == Action.CREATE:
                values = {"state": RowState.DONE, "reason": ""}
                values["variation_id" if row.kind == Kind.VARIATION else "product_id"] = int(str(made))
        case Outcome.LOOK_UP:
            values = {"state": RowState.UNSURE, "not_before": now if answer.status == 409 else now + SETTLES}
            if row.action == Action.CREATE:
                values["reason"] = said
        case Outcome.AGAIN:
            values = {"state": RowState.PLANNED}
        case Outcome.STOP:
            values = {"state": RowState.PLANNED, "attempts": row.attempts - 1}
        case _:
            values = {"state": RowState.FAILED, "reason": f"the store refused it: {said}"}
    return {"id": row.id, **values}
