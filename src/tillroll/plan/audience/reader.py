"""Read a large audience a piece at a time, with no cursor, transaction or connection open in between.

One query selects the segment; its result is kept as ids and flags (ten bytes a customer). Then the customers are read
by their ids, some thousands at a time. To count overlaps, another campaign's recipients are read as ids alone.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.ledger.engine import streaming
from tillroll.ledger.tables import customers
from tillroll.plan.audience.query import AudienceQuery, AudienceRequest
from tillroll.plan.audience.select import COLUMNS, FIGURES, RecipientFilter, Selection

PIECE = 5_000
"""Customers in a piece."""


@dataclass(frozen=True, kw_only=True)
class SegmentPiece:
    """Some customers of the segment, in ascending order of their ids."""

    ids: array[int]
    flags: array[int]  # of each customer, as `AudienceQuery.every` selects them


def read_segment(connection: Connection, request: AudienceRequest) -> deque[SegmentPiece]:
    """Return everybody in the segment."""
    pieces: deque[SegmentPiece] = deque()
    with streaming(connection, AudienceQuery(connection, request).every(customers.c.customer_id)) as rows:
        for piece in rows.partitions(PIECE):
            ids, flags = zip(*piece, strict=True)
            pieces.append(SegmentPiece(ids=array("q", ids), flags=array("H", flags)))
    return pieces


def recipients_of_piece(
    connection: Connection, recipient_filter: RecipientFilter, piece: SegmentPiece
) -> Iterator[dict[str, object]]:
    """Yield the recipients of a piece. Customers who were deleted meanwhile are left out."""
    where = (
        customers.c.store_id == recipient_filter.request.store_id,
        customers.c.customer_id.in_(list(piece.ids)),
    )
    query = sa.select(*COLUMNS).where(*where).order_by(customers.c.customer_id)
    flags = dict(zip(piece.ids, piece.flags, strict=True))
    for row in connection.execute(query):
        recipient = recipient_filter.recipient(row, flags[row.customer_id])
        if recipient is not None:
            yield recipient


def recipient_ids(connection: Connection, request: AudienceRequest) -> Iterator[int]:
    """Yield the ids of the recipients that `select_recipients` would yield, in ascending order; reads little else."""
    recipient_filter, who = RecipientFilter(request, Selection()), request.revision.campaign.who
    columns = (customers.c.customer_id, *(FIGURES if recipient_filter.own_values else ()))
    with streaming(connection, AudienceQuery(connection, request).included(*columns)) as rows:
        holds_back = bool(who.holdout) or request.revision.store_holdout is not None
        if who.limit is None and not holds_back and not recipient_filter.own_values:
            yield from rows.scalars()
            return
        yield from islice((row.customer_id for row in rows if recipient_filter.is_recipient(row)), who.limit)
