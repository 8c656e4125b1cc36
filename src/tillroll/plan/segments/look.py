"""What a segment selects in a store now: how many, how many of them may be reached, and some of them. Writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tillroll.campaign import Book
from tillroll.campaign.frozen.recipient import masked_email
from tillroll.campaign.segments.sentence import say_segment
from tillroll.ledger.engine import reading
from tillroll.ledger.looks import reach
from tillroll.ledger.tables import customers
from tillroll.plan.segments.answerable import reasons
from tillroll.plan.segments.query import SegmentQuery
from tillroll.plan.segments.question import ask


@dataclass(frozen=True, kw_only=True)
class Somebody:
    """One of those who are selected; their address masked."""

    customer_id: int
    email: str
    country: str
    city: str
    orders: int
    spent: str
    last_order_at: datetime | None
    agreed: bool


@dataclass(frozen=True, kw_only=True)
class SegmentLook:
    """A segment in one store at one moment."""

    name: str
    title: str
    sentence: str
    used_by: tuple[str, ...]  # campaigns, and what for
    untold: tuple[
        str, ...
    ]  # why the mirror can't answer yet; with any of these, the figures are not to be relied on
    customers: int  # of the store
    count: int  # of them in the segment
    agreed: int  # of those, who agreed to e-mails and has an address
    sample: tuple[Somebody, ...]
    currency: str
    customers_at: datetime | None  # how old the mirror is
    orders_from: datetime | None  # orders are known back to here; none: all of them
    made_at: datetime

    def to_json(self) -> dict[str, Any]:
        """As one JSON object: moments as ISO 8601."""
        return {name: _plain(value) for name, value in asdict(self).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, tuple) else value


def look_at_segment(
    engine: Engine, *, store: sa.Row[Any], book: Book, name: str, now: datetime, most: int = 5
) -> SegmentLook:
    """Count a faultless segment of the folder, with up to `most` of those in it, spread over all of them."""
    segment = book.segments[name]
    reachable = sa.and_(customers.c.accepts_marketing.is_(sa.true()), customers.c.email.contains("@"))
    with reading(engine) as connection:
        question = ask(connection, store_id=store.id, segments=[segment], lists=book.lists, now=now)
        asking = SegmentQuery(question)
        where = (asking.whose, asking.matches(segment))
        counted = sa.select(sa.func.count(), sa.func.sum(sa.case((reachable, 1), else_=0)))
        count, agreed = connection.execute(counted.select_from(asking.source).where(*where)).one()
        rows: Sequence[sa.Row[Any]] = ()
        if count and most:
            # an even sample by the store's own numbers: the same people as long as nobody comes or goes
            few = sa.select(customers).select_from(asking.source).where(*where)
            if count > most:
                few = few.where(customers.c.customer_id % max(1, count // (most * 4)) == 0)
            rows = connection.execute(few.order_by(customers.c.customer_id).limit(most)).all()
        total = sa.select(sa.func.count()).select_from(customers).where(customers.c.store_id == store.id)
        return SegmentLook(
            name=name,
            title=segment.title,
            sentence=say_segment(segment),
            used_by=used_by(book, name),
            untold=tuple(reasons(connection, store, [segment], question)),
            customers=connection.scalar(total) or 0,
            count=count,
            agreed=agreed or 0,
            sample=tuple(_somebody(row) for row in rows),
            currency=store.currency,
            customers_at=store.customers_at,
            orders_from=reach(connection, store.id).orders_from,
            made_at=now,
        )


def used_by(book: Book, name: str) -> tuple[str, ...]:
    """Which faultless campaigns ask for a segment, and what for."""
    found = []
    for revision in book.revisions.values():
        who = revision.campaign.who
        what = [
            words
            for words, names in (
                ("audience", (who.segment,)),
                ("left out", who.exclude),
                ("ends its steps", [one for step in revision.campaign.steps for one in step.unless_in]),
            )
            if name in names
        ]
        if what:
            found.append(f"{revision.name} ({', '.join(what)})")
    return tuple(sorted(found))


def _somebody(row: sa.Row[Any]) -> Somebody:
    return Somebody(
        customer_id=row.customer_id,
        email=masked_email(row.email),
        country=row.country,
        city=row.city,
        orders=row.orders,
        spent=f"{row.spent:f}",
        last_order_at=row.last_order_at,
        agreed=row.accepts_marketing is True and "@" in row.email,
    )
