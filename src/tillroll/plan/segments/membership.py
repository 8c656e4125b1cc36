"""Which segments one customer is in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.segments.lists import CustomerList
from tillroll.campaign.segments.segment import Segment
from tillroll.plan.segments.query import SegmentQuery
from tillroll.plan.segments.question import ask


def segments_of_customer(
    connection: Connection,
    *,
    store_id: int,
    customer_id: int,
    segments: Mapping[str, Segment],
    lists: Mapping[str, CustomerList],
    now: datetime,
) -> tuple[str, ...]:
    """Return the names of the segments that a customer is in now, in the order given."""
    question = ask(
        connection, store_id=store_id, segments=segments.values(), lists=lists, now=now, only=customer_id
    )
    query = SegmentQuery(question)
    flags = [query.flag(segment) for segment in segments.values()]
    row = connection.execute(sa.select(*flags).select_from(query.source).where(query.scope)).first()
    return () if row is None else tuple(name for name, is_in in zip(segments, row, strict=True) if is_in)
