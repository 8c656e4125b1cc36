"""Read a large audience a piece at a time, with no cursor, transaction or connection open in between.

One query selects the segment; its result is kept as ids and flags (ten bytes a customer). Then the customers are read
by their ids, some thousands at a time. To count overlaps, another campaign's recipients are read as ids alone.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice

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


def recipient_ids(
    connection: Connection, request: AudienceRequest, *, drawn: array[int] | None = None
) -> Iterator[int]:
    """Yield the ids of the recipients that `select_recipients` would yield, in ascending order; reads little else.

    `drawn`: ids, ascending, of recipients of the same campaign. Its control group holds nobody of them, and the draw would say so
    again, so it is left out. A control group of all campaigns has periods, and is drawn anew.
    """
    recipient_filter, who = RecipientFilter(request, Selection()), request.revision.campaign.who
    columns = (customers.c.customer_id, *(FIGURES if recipient_filter.own_values else ()))
    with streaming(connection, AudienceQuery(connection, request).included(*columns)) as rows:
        holds_back = bool(who.holdout) or request.revision.store_holdout is not None
        if who.limit is None and not holds_back and not recipient_filter.own_values:
            yield from rows.scalars()
        elif drawn is not None and request.revision.store_holdout is None and not recipient_filter.own_values:
            ids = chain.from_iterable(rows.scalars().partitions(PIECE))
            yield from islice(_with_those_drawn(ids, recipient_filter, drawn), who.limit)
        else:
            chosen = (row.customer_id for row in rows if recipient_filter.is_recipient(row))
            yield from islice(chosen, who.limit)


def _with_those_drawn(
    ids: Iterable[int], recipient_filter: RecipientFilter, drawn: array[int]
) -> Iterator[int]:
    """Yield the ids of recipients; those in `drawn` are recipients."""
    index, end = 0, len(drawn)
    for customer_id in ids:
        while index < end and drawn[index] < customer_id:
            index += 1
        is_drawn = index < end and drawn[index] == customer_id
        if is_drawn or not recipient_filter.is_held_back(customer_id):
            yield customer_id
