"""Reading one area of the store, however long its list: a slice at a time, and from where it stands after a kill.

The first reading of a million customers is ten thousand calls, a quarter of an hour at the store's allowance. So it stands in the
ledger how far it is, and the lane does other things in between. Two readings of an area may be under way: of the *news* (what
changed since the last look; all of it, at first), and of the *whole* (all of it once more, as the store counts other than we do).

Crash points: *read, not written*: a piece was answered and nobody wrote it: it is asked for again. *A piece of the mirror
written*, after `write_piece`: its rows and the place behind them are one transaction, so the reading goes on there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.ecwid.client import Client
from tillroll.ecwid.paging import Place
from tillroll.ledger.engine import upsert, writing
from tillroll.ledger.tables import readings
from tillroll.track.mirror import Area

PIECE = 500
"""Rows of one transaction."""

Over = Callable[[], bool]
"""Whether the slice is over: it is asked after each piece, so that every slice brings at least one."""


def never() -> bool:
    """Go on to the end."""
    return False


class Kind(StrEnum):
    """What is read of an area."""

    NEWS = "news"
    WHOLE = "whole"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One reading of an area, begun and not over."""

    area: str
    kind: Kind
    since: datetime | None  # by the store's clock: only what changed since; None: everything
    began_at: datetime  # by the store's clock: what changes later is the next one's
    seen_since: datetime  # the same by ours: the rows it shows are seen at that time or later
    place: Place = field(default_factory=Place)  # moves on as rows are read


def under_way(connection: Connection, store_id: int, *areas: Area) -> list[Reading]:
    """The readings that were begun and aren't over (of these areas, or of any), the one that has waited longest first."""
    query = sa.select(readings).where(readings.c.store_id == store_id)
    if areas:
        query = query.where(readings.c.area.in_([one.name for one in areas]))
    return [
        Reading(
            area=row.area,
            kind=Kind(row.kind),
            since=row.since,
            began_at=row.began_at,
            seen_since=row.seen_since,
            place=Place.from_json(row.place),
        )
        for row in connection.execute(query.order_by(readings.c.went_on_at, readings.c.area))
    ]


def go_on(
    engine: Engine, client: Client, area: Area, one: Reading, *, store_id: int, now: datetime, over: Over
) -> tuple[int, bool]:
    """Read on for a slice: how many rows, and whether that was the last of them."""
    count = 0
    rows = area.every(client, one.since, one.place)
    while piece := list(islice(rows, PIECE)):
        last = len(piece) < PIECE
        write_piece(engine, area, piece, None if last else one, store_id=store_id, now=now)
        count += len(piece)
        if not last and over():
            return count, False
    return count, True


def write_piece(
    engine: Engine, area: Area, piece: Sequence[Any], one: Reading | None, *, store_id: int, now: datetime
) -> None:
    """Write rows, and how far the reading is if there is more of it."""
    with writing(engine) as connection:
        area.write(connection, store_id, piece, now)
        if one is not None:
            row = {**vars(one), "kind": one.kind.value, "place": one.place.to_json()}
            upsert(connection, readings, [{**row, "store_id": store_id, "went_on_at": now}])


def forget(connection: Connection, store_id: int, one: Reading) -> None:
    """The reading is over, and what follows from it is written with this."""
    where = (readings.c.store_id == store_id, readings.c.area == one.area, readings.c.kind == one.kind)
    connection.execute(sa.delete(readings).where(*where))


def forget_area(connection: Connection, store_id: int, area: Area) -> None:
    """The area can't be read any more."""
    where = (readings.c.store_id == store_id, readings.c.area == area.name)
    connection.execute(sa.delete(readings).where(*where))
