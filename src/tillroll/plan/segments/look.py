"""Preview a segment in a store now: how many customers, how many may get e-mails, and a sample. Writes nothing."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign import Book
from tillroll.campaign.frozen.recipient import mask_email
from tillroll.campaign.segments.sentence import say_segment
from tillroll.ledger.engine import reading
from tillroll.ledger.mirror.reach import mirror_reach
from tillroll.ledger.records import Store
from tillroll.ledger.tables import customers
from tillroll.plan.segments.answerable import reasons_unanswered
from tillroll.plan.segments.names import unknown_names
from tillroll.plan.segments.query import SegmentQuery
from tillroll.plan.segments.question import ask


@dataclass(frozen=True, kw_only=True)
class SampleCustomer:
    """A customer in the segment, with a masked address."""

    customer_id: int
    email: str
    country: str
    city: str
    orders: int
    spent: str
    last_order_at: datetime | None
    agreed: bool  # to e-mails, and has an address


@dataclass(frozen=True, kw_only=True)
class SegmentPreview:
    """A segment in one store at one moment."""

    name: str
    title: str
    sentence: str
    used_by: tuple[str, ...]  # the campaigns that use it, and what for
    untold: tuple[
        str, ...
    ]  # why the mirror cannot answer yet; if there is any reason, the figures are unreliable
    unknown_names: tuple[str, ...]  # what the segment names and no customer has, as clauses
    customers: int  # of the store
    count: int  # of them in the segment
    agreed: int  # of those, how many agreed to e-mails and have an address
    sample: tuple[SampleCustomer, ...]
    currency: str
    customers_at: datetime | None  # when the mirror of customers was last brought up to date
    orders_from: datetime | None  # orders are mirrored back to here; None: all of them
    made_at: datetime

    def to_json(self) -> dict[str, Any]:
        """Return one JSON object, with moments as ISO 8601."""
        return {name: _plain(value) for name, value in asdict(self).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, tuple) else value


def preview_segment(
    engine: Engine, *, store: Store, book: Book, name: str, now: datetime, most: int = 5
) -> SegmentPreview:
    """Count the customers in a faultless segment of the folder, with an even sample of up to `most` of them."""
    segment = book.segments[name]
    reachable = sa.and_(customers.c.accepts_marketing.is_(sa.true()), customers.c.email.contains("@"))
    with reading(engine) as connection:
        question = ask(connection, store_id=store.id, segments=[segment], lists=book.lists, now=now)
        query = SegmentQuery(question)
        where = (query.scope, query.matches(segment))
        count_query = sa.select(sa.func.count(), sa.func.sum(sa.case((reachable, 1), else_=0)))
        count, agreed = connection.execute(count_query.select_from(query.source).where(*where)).one()
        sample: tuple[SampleCustomer, ...] = ()
        if count and most:
            # an even sample by customer id, which stays the same as long as nobody joins or leaves
            few = sa.select(customers).select_from(query.source).where(*where)
            if count > most:
                few = few.where(customers.c.customer_id % max(1, count // (most * 4)) == 0)
            sample = _read_sample(connection, few.order_by(customers.c.customer_id).limit(most))
        total = sa.select(sa.func.count()).select_from(customers).where(customers.c.store_id == store.id)
        return SegmentPreview(
            name=name,
            title=segment.title,
            sentence=say_segment(segment),
            used_by=used_by(book, name),
            untold=tuple(reasons_unanswered(connection, store, [segment], question)),
            unknown_names=unknown_names(connection, store.id, {name: segment}),
            customers=connection.scalar(total) or 0,
            count=count,
            agreed=agreed or 0,
            sample=sample,
            currency=store.currency,
            customers_at=store.customers_at,
            orders_from=mirror_reach(connection, store.id).orders_from,
            made_at=now,
        )


def used_by(book: Book, name: str) -> tuple[str, ...]:
    """Return the faultless campaigns that use a segment, and what for."""
    users = []
    for revision in book.revisions.values():
        who = revision.campaign.who
        purposes = [
            purpose
            for purpose, names in (
                ("audience", (who.segment,)),
                ("excluded", who.exclude),
                ("starts it", (revision.campaign.when.on.segment,) if revision.campaign.when.on else ()),
                ("ends its steps", [each for step in revision.campaign.steps for each in step.unless_in]),
            )
            if name in names
        ]
        if purposes:
            users.append(f"{revision.name} ({', '.join(purposes)})")
    return tuple(sorted(users))


def _read_sample(connection: Connection, query: sa.Select[Any]) -> tuple[SampleCustomer, ...]:
    return tuple(
        SampleCustomer(
            customer_id=row.customer_id,
            email=mask_email(row.email),
            country=row.country,
            city=row.city,
            orders=row.orders,
            spent=f"{row.spent:f}",
            last_order_at=row.last_order_at,
            agreed=row.accepts_marketing is True and "@" in row.email,
        )
        for row in connection.execute(query)
    )
