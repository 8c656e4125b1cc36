"""Whether one customer is in segments."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.segments.lists import CustomerList
from tillroll.campaign.segments.segment import Segment
from tillroll.plan.segments.query import SegmentQuery
from tillroll.plan.segments.question import ask


def segments_with(
    connection: Connection,
    *,
    store_id: int,
    customer_id: int,
    segments: Mapping[str, Segment],
    lists: Mapping[str, CustomerList],
    now: datetime,
) -> tuple[str, ...]:
    """The segments that a customer is in by now, in the order they are given."""
    question = ask(
        connection, store_id=store_id, segments=segments.values(), lists=lists, now=now, only=customer_id
    )
    asking = SegmentQuery(question)
    fits = [asking.flag(one) for one in segments.values()]
    row = connection.execute(sa.select(*fits).select_from(asking.source).where(asking.whose)).first()
    return () if row is None else tuple(name for name, fit in zip(segments, row, strict=True) if fit)
