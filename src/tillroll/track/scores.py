"""The marks between the customers' scores (`campaign/segments/scores.py`), drawn up anew from the mirror when customers changed.

One query a figure, read once through an hour at most, and twelve numbers are kept with the store: nobody's row is touched,
and a customer's score follows from their figures at the moment somebody asks.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.segments.scores import Marks, places
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.tables import customers, looks, stores
from tillroll.track.mirror import CUSTOMERS

SCORE_EVERY = timedelta(hours=1)


def keep_scores(engine: Engine, *, store_id: int, now: datetime) -> bool:
    """Draw the marks up if customers were read since, an hour after the last time at the earliest; whether it was done."""
    with reading(engine) as connection:
        scored_at = connection.scalar(sa.select(stores.c.scored_at).where(stores.c.id == store_id))
        look = sa.select(looks.c.looked_at).where(
            looks.c.store_id == store_id, looks.c.area == CUSTOMERS.name
        )
        looked_at = connection.scalar(look)
        if looked_at is None or (scored_at is not None and not _is_due(scored_at, looked_at, now)):
            return False
        marks = draw_up(connection, store_id)
    with writing(engine) as connection:
        drawn = {"score_marks": marks.to_json(), "scored_at": now}
        connection.execute(sa.update(stores).where(stores.c.id == store_id).values(drawn))
    return True


def _is_due(scored_at: datetime, looked_at: datetime, now: datetime) -> bool:
    return scored_at <= now - SCORE_EVERY and looked_at > scored_at


def draw_up(connection: Connection, store_id: int) -> Marks:
    """The marks, as the mirror has the customers now."""
    buyers = (
        customers.c.store_id == store_id,
        customers.c.orders > 0,
        customers.c.last_order_at.is_not(None),
    )
    count = connection.scalar(sa.select(sa.func.count()).select_from(customers).where(*buyers)) or 0
    wanted = places(count)

    def marks(column: sa.Column[Any]) -> tuple[Any, ...]:
        place = sa.func.row_number().over(order_by=column)
        line = sa.select(column.label("figure"), place.label("place")).where(*buyers).subquery()
        found = connection.execute(sa.select(line).where(line.c.place.in_(sorted(set(wanted)))))
        by_place = {row.place: row.figure for row in found}
        return tuple(by_place[one] for one in wanted)

    return Marks(
        recency=marks(customers.c.last_order_at),
        frequency=marks(customers.c.orders),
        monetary=marks(customers.c.spent),
    )
