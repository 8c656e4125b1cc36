"""The boundaries between the customers' RFM scores (`campaign/segments/scores.py`), recomputed when customers changed.

It takes one query a figure, at most once an hour, and some hundred numbers of each are stored with the store. No customer's row
is written: a score is computed from the customer's figures when it is asked for.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.segments.scores import HUNDREDTHS, ScoreBoundaries, boundary_ranks
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.tables import customers, looks, stores
from tillroll.track.mirror.areas import CUSTOMERS

SCORE_EVERY = timedelta(hours=1)


def refresh_scores(engine: Engine, *, store_id: int, now: datetime) -> bool:
    """Recompute the boundaries if customers were read since, at most once an hour. Returns whether that was done."""
    with reading(engine) as connection:
        scored_at = connection.scalar(sa.select(stores.c.scored_at).where(stores.c.id == store_id))
        look = sa.select(looks.c.looked_at).where(
            looks.c.store_id == store_id, looks.c.area == CUSTOMERS.name
        )
        looked_at = connection.scalar(look)
        if looked_at is None or (scored_at is not None and not _is_due(scored_at, looked_at, now)):
            return False
        boundaries = compute_boundaries(connection, store_id)
    with writing(engine) as connection:
        values = {"score_marks": boundaries.to_json(), "scored_at": now}
        connection.execute(sa.update(stores).where(stores.c.id == store_id).values(values))
    return True


def _is_due(scored_at: datetime, looked_at: datetime, now: datetime) -> bool:
    return scored_at <= now - SCORE_EVERY and looked_at > scored_at


def compute_boundaries(connection: Connection, store_id: int) -> ScoreBoundaries:
    """Compute the boundaries from the customers in the mirror."""
    buyers = (
        customers.c.store_id == store_id,
        customers.c.orders > 0,
        customers.c.last_order_at.is_not(None),
    )
    count = connection.scalar(sa.select(sa.func.count()).select_from(customers).where(*buyers)) or 0
    fifths, hundredths = boundary_ranks(count), boundary_ranks(count, HUNDREDTHS)

    def at_places(column: sa.Column[Any]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        place = sa.func.row_number().over(order_by=column)
        ranked = sa.select(column.label("figure"), place.label("place")).where(*buyers).subquery()
        wanted = sorted({*fifths, *hundredths})
        rows = connection.execute(sa.select(ranked).where(ranked.c.place.in_(wanted)))
        by_place = {row.place: row.figure for row in rows}
        return tuple(by_place[rank] for rank in fifths), tuple(by_place[rank] for rank in hundredths)

    recency, recency_hundredths = at_places(customers.c.last_order_at)
    frequency, frequency_hundredths = at_places(customers.c.orders)
    monetary, monetary_hundredths = at_places(customers.c.spent)
    return ScoreBoundaries(
        recency=recency,
        frequency=frequency,
        monetary=monetary,
        recency_hundredths=recency_hundredths,
        frequency_hundredths=frequency_hundredths,
        monetary_hundredths=monetary_hundredths,
    )
