"""What the other customers of the store who are the same person say about an e-mail: a refusal, and what they had this week."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.ledger.mirror.same_person import same_person_ids
from tillroll.ledger.queries.exposure import LEFT_AT, left_lately
from tillroll.ledger.tables import customers
from tillroll.ledger.tables.types import UtcDateTime
from tillroll.send.context import Sending


@dataclass(frozen=True, kw_only=True)
class OtherCustomers:
    """The other customers who are the same person as a recipient."""

    refused: bool = False  # one of them refused e-mails
    week_count: int = 0  # how many e-mails they had in the last week
    week_first: datetime | None = None  # when the first of those left


NO_OTHERS = OtherCustomers()


def others_of(
    connection: Connection, sending: Sending, customer_ids: Sequence[int], now: datetime
) -> Mapping[int, OtherCustomers]:
    """Return the other customers of the few recipients who have some, by the recipient's customer id."""
    store_id, same = sending.run.store_id, sending.revision.guardrails.same_person
    people = same_person_ids(connection, store_id, customer_ids, same)
    return {
        customer_id: _others(connection, store_id, [other for other in ids if other != customer_id], now)
        for customer_id, ids in people.items()
    }


def _others(connection: Connection, store_id: int, ids: Sequence[int], now: datetime) -> OtherCustomers:
    refused = sa.exists().where(
        customers.c.store_id == store_id,
        customers.c.customer_id.in_(ids),
        customers.c.accepts_marketing.is_(sa.false()),
    )
    weeks = []
    for customer_id in ids:
        theirs = sa.literal(customer_id, sa.BigInteger)
        of_week = partial(left_lately, store_id=store_id, customer=theirs, now=now)
        count, first = of_week(sa.func.count()), of_week(sa.func.min(LEFT_AT, type_=UtcDateTime()))
        weeks.append(connection.execute(sa.select(count, first)).one())
    return OtherCustomers(
        refused=bool(connection.scalar(sa.select(refused))),
        week_count=sum(count for count, _ in weeks),
        week_first=min((first for _, first in weeks if first is not None), default=None),
    )
