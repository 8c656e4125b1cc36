"""A large audience, a piece at a time with nothing held in between: no cursor, no transaction, no connection.

Who is in the segment is one question, whose answer is kept as numbers (ten bytes a customer); then the customers are read by
these numbers, some thousands at a time. Another campaign that reaches the same people is counted without reading more of them.
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
from tillroll.plan.audience import COLUMNS, FIGURES, Asked, Choosing, Segmented, Selection

PIECE = 5_000
"""Customers of a piece."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Some customers of the segment, by rising ids, with what the query said of each."""

    ids: array[int]
    said: array[int]


def choose(connection: Connection, asked: Asked) -> deque[Piece]:
    """Everybody in the segment."""
    found: deque[Piece] = deque()
    with streaming(connection, Segmented(connection, asked).every(customers.c.customer_id)) as rows:
        for some in rows.partitions(PIECE):
            ids, said = zip(*some, strict=True)
            found.append(Piece(ids=array("q", ids), said=array("H", said)))
    return found


def recipients_of_piece(
    connection: Connection, choosing: Choosing, piece: Piece
) -> Iterator[dict[str, object]]:
    """Those of a piece who are recipients. Who is no longer a customer isn't."""
    where = (customers.c.store_id == choosing.asked.store_id, customers.c.customer_id.in_(list(piece.ids)))
    query = sa.select(*COLUMNS).where(*where).order_by(customers.c.customer_id)
    said = dict(zip(piece.ids, piece.said, strict=True))
    for row in connection.execute(query):
        recipient = choosing.recipient(row, said[row.customer_id])
        if recipient is not None:
            yield recipient


def whom_it_reaches(connection: Connection, asked: Asked) -> Iterator[int]:
    """The ids of a campaign's recipients, rising: as `select_recipients` has them, and nothing else of them is read."""
    choosing, who = Choosing(asked, Selection()), asked.revision.campaign.who
    columns = (customers.c.customer_id, *(FIGURES if choosing.own_values else ()))
    with streaming(connection, Segmented(connection, asked).left_in(*columns)) as rows:
        if who.limit is None and not who.holdout and not choosing.own_values:
            yield from rows.scalars()
            return
        yield from islice((row.customer_id for row in rows if choosing.counts(row)), who.limit)
