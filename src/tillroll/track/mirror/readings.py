"""Reading one area of the store in slices, however long its list. A reading that was interrupted resumes where it stopped.

The first reading of a million customers takes ten thousand calls, a quarter of an hour at the store's rate limit. Its position is
therefore stored in the ledger, and the worker does other things in between. An area may have two readings under way: of its
*news* (what changed since the last look; at first everything), and of the *whole* area (if the store's count differs from ours).

Crash points: *read, not written*: a piece was answered but not written, so it is read again. *A piece of the mirror written*,
after `write_piece`: its rows and the position after them are one transaction, so the reading resumes there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.figures.batched import batched
from tillroll.campaign.states import ItemKind, Stage
from tillroll.ecwid.http.paging import ListPosition
from tillroll.ledger.engine import upsert, writing
from tillroll.ledger.faults.boundary import concerns_everybody
from tillroll.ledger.faults.pieces import write_pieces
from tillroll.ledger.faults.rows import FaultyItem, release_items
from tillroll.ledger.tables import readings
from tillroll.track.mirror.areas import Area
from tillroll.track.mirror.notes import UnreadNotes
from tillroll.track.mirror.session import MirrorSession

PIECE = 500
"""Rows of one transaction."""


class ReadingKind(StrEnum):
    """How much of an area a reading reads."""

    NEWS = "news"  # what changed since a moment
    WHOLE = "whole"  # everything


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One reading of an area that is under way."""

    area: str
    kind: ReadingKind
    since: datetime | None  # by the store's clock: only what changed since is read; None: everything
    began_at: datetime  # by the store's clock: later changes belong to the next reading
    seen_since: datetime  # the same by our clock: rows of this reading are seen at that time or later
    place: ListPosition = field(default_factory=ListPosition)  # advances as rows are read


def under_way(connection: Connection, store_id: int, *areas: Area) -> list[Reading]:
    """Return the readings under way (of these areas, or of any), the longest waiting first."""
    query = sa.select(readings).where(readings.c.store_id == store_id)
    if areas:
        query = query.where(readings.c.area.in_([area.name for area in areas]))
    return [
        Reading(
            area=row.area,
            kind=ReadingKind(row.kind),
            since=row.since,
            began_at=row.began_at,
            seen_since=row.seen_since,
            place=ListPosition.from_json(row.place),
        )
        for row in connection.execute(query.order_by(readings.c.went_on_at, readings.c.area))
    ]


def read_slice(session: MirrorSession, area: Area, current: Reading) -> tuple[int, bool]:
    """Continue a reading for a slice. Returns how many rows were read, and whether that was all."""
    count, notes = 0, UnreadNotes(area.name)
    for piece in batched(area.every(session.client, current.since, current.place, notes.tell), PIECE):
        is_last = len(piece) < PIECE
        write_piece(session, area, piece, None if is_last else current, notes)
        count += len(piece)
        if not is_last and session.finished():
            return count, False
    if notes:  # of rows after the last one that could be read
        write_piece(session, area, (), None, notes)
    return count, True


def write_piece(
    session: MirrorSession, area: Area, piece: Sequence[Any], current: Reading | None, notes: UnreadNotes
) -> None:
    """Write rows, what couldn't be read among them, and the position of the reading unless this was its last piece.

    A row that can't be written is left out and recorded; the others are written.
    """

    def write(connection: Connection, some: Sequence[Any]) -> None:
        area.write(connection, session.store_id, some, session.now)
        names = [row_item(session.store_id, area, value).name for value in some]
        release_items(connection, session.store_id, ItemKind.ROW, names)

    def write_place(connection: Connection, written: Sequence[Any]) -> None:
        read = [getattr(value, area.key.name) for value in written]
        notes.write(connection, session.store_id, read, session.now)
        if current is not None:
            row = {**vars(current), "kind": current.kind.value, "place": current.place.to_json()}
            upsert(connection, readings, [{**row, "store_id": session.store_id, "went_on_at": session.now}])

    try:
        with writing(session.engine) as connection:
            write(connection, piece)
            write_place(connection, piece)
        return
    except Exception as fault:
        if concerns_everybody(fault):
            raise
    failed = write_pieces(
        session.engine,
        piece,
        write,
        name=lambda value: row_item(session.store_id, area, value),
        stage=Stage.MIRROR,
        now=session.now,
        for_good=True,
    )
    lost = [id(value) for value, _ in failed]
    with writing(session.engine) as connection:
        write_place(connection, [value for value in piece if id(value) not in lost])


def row_item(store_id: int, area: Area, value: Any) -> FaultyItem:
    """Return what a fault calls a row of a list of the store: `customers 1234`."""
    return FaultyItem(
        store_id=store_id, kind=ItemKind.ROW, name=f"{area.name} {getattr(value, area.key.name)}"
    )


def forget_reading(connection: Connection, store_id: int, ended: Reading) -> None:
    """Delete the position of a reading that ended. The caller writes what follows from it in the same transaction."""
    where = (readings.c.store_id == store_id, readings.c.area == ended.area, readings.c.kind == ended.kind)
    connection.execute(sa.delete(readings).where(*where))


def forget_area(connection: Connection, store_id: int, area: Area) -> None:
    """Delete the positions of an area that can't be read any more."""
    where = (readings.c.store_id == store_id, readings.c.area == area.name)
    connection.execute(sa.delete(readings).where(*where))
