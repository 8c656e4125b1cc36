"""The leaks of a store, a page at a time, each with its orders and what they took off as it is now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import LeakKind, UsedBy
from tillroll.ledger.queries.predicates import is_order_of_use
from tillroll.ledger.tables import codes, day_sums, leak_checks, leaks, orders, recipients, redemptions
from tillroll.track.results.leaks.judge import hour_of, in_time, of_buyer, strange_uses

_MOST_SHOWN = 10  # orders of one leak; the others are counted
_PAGE = 50


@dataclass(frozen=True, kw_only=True)
class LeakedUse:
    """One order of a leak."""

    order_id: str
    code: str  # in clear; mask it before it is shown
    given_to: str  # the recipient's address; empty: nobody in particular, or forgotten
    email: str  # of the order
    discount: Decimal
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Leak:
    """What looks like a leak."""

    leak_id: int
    kind: LeakKind
    campaign: str
    found_at: datetime
    uses: int
    cost: Decimal  # that its orders took off
    shown: tuple[LeakedUse, ...]  # the first of them


@dataclass(frozen=True, kw_only=True)
class LeakFinding:
    """A leak as it was found, by the use that showed it."""

    leak_id: int
    kind: LeakKind
    campaign: str
    found_at: datetime
    redemption_id: int
    code_id: int
    order_id: str
    at: datetime

    def with_uses(self, uses: int, cost: Decimal, shown: Iterable[LeakedUse]) -> Leak:
        return Leak(
            leak_id=self.leak_id,
            kind=self.kind,
            campaign=self.campaign,
            found_at=self.found_at,
            uses=uses,
            cost=cost,
            shown=tuple(shown),
        )


def list_leaks(
    connection: Connection,
    store_id: int,
    *,
    campaign: str | None = None,
    before: int | None = None,
    limit: int = _PAGE,
) -> list[Leak]:
    """Return leaks, the newest first. For the next page, pass the last one's number as `before`."""
    where = [leaks.c.store_id == store_id]
    if campaign is not None:
        where.append(leaks.c.campaign == campaign)
    if before is not None:
        where.append(leaks.c.id < before)
    found = find_leaks(connection, *where, limit=limit)
    single = [each.redemption_id for each in found if each.kind is LeakKind.OTHER_BUYER]
    alone = _uses(connection, redemptions.c.id.in_(single))  # most leaks are one order: one query for all
    return [
        each.with_uses(1, alone[each.redemption_id].discount, [alone[each.redemption_id]])
        if each.kind is LeakKind.OTHER_BUYER and each.redemption_id in alone
        else _of_several(connection, store_id, each)
        for each in found
    ]


def find_leaks(
    connection: Connection, *where: sa.ColumnElement[bool], limit: int | None = None
) -> list[LeakFinding]:
    """Return findings as they are stored, the newest first."""
    query = (
        sa.select(leaks, redemptions.c.code_id, redemptions.c.order_id, redemptions.c.at)
        .join(redemptions, redemptions.c.id == leaks.c.redemption_id)
        .where(*where)
        .order_by(leaks.c.id.desc())
        .limit(limit)
    )
    return [
        LeakFinding(
            leak_id=row.id,
            kind=LeakKind(row.kind),
            campaign=row.campaign,
            found_at=row.found_at,
            redemption_id=row.redemption_id,
            code_id=row.code_id,
            order_id=row.order_id,
            at=row.at,
        )
        for row in connection.execute(query)
    ]


def every_leak(connection: Connection, store_id: int, *, campaign: str | None = None) -> Iterator[Leak]:
    """Yield all leaks, the newest first, a page at a time."""
    before = None
    while page := list_leaks(connection, store_id, campaign=campaign, before=before):
        yield from page
        before = page[-1].leak_id


def _of_several(connection: Connection, store_id: int, found: LeakFinding) -> Leak:
    of_leak = redemptions.c.id.in_(uses_of_leak(connection, store_id, found))
    total = sa.func.sum(redemptions.c.discount, type_=redemptions.c.discount.type)
    uses, cost = connection.execute(sa.select(sa.func.count(), total).where(of_leak)).one()
    shown = _uses(connection, of_leak, most=_MOST_SHOWN)
    return found.with_uses(int(uses), cost or Decimal(0), shown.values())


def _uses(
    connection: Connection, of_leak: sa.ColumnElement[bool], *, most: int | None = None
) -> dict[int, LeakedUse]:
    """Return the first uses of leaks by the number of their redemption."""
    columns = (redemptions.c.id, redemptions.c.order_id, redemptions.c.discount, redemptions.c.at)
    query = (
        sa.select(*columns, codes.c.code, orders.c.email, recipients.c.email.label("given_to"))
        .select_from(redemptions)
        .join(codes, codes.c.id == redemptions.c.code_id)
        .join(orders, is_order_of_use())
        .outerjoin(recipients, recipients.c.id == codes.c.recipient_id)
        .where(of_leak)
        .order_by(redemptions.c.id)
        .limit(most)
    )
    return {
        row.id: LeakedUse(
            order_id=row.order_id,
            code=row.code,
            given_to=row.given_to or "",
            email=row.email,
            discount=row.discount,
            at=row.at,
        )
        for row in connection.execute(query)
    }


def uses_of_leak(connection: Connection, store_id: int, found: LeakFinding) -> sa.Select[Any]:
    """Return a query for the numbers of the uses that belong to a leak, as they are now."""
    use = strange_uses(store_id, redemptions.c.id)
    match found.kind:
        case LeakKind.OTHER_BUYER:
            return sa.select(redemptions.c.id).where(redemptions.c.id == found.redemption_id)
        case LeakKind.MANY_BUYERS:
            return use.where(redemptions.c.code_id == found.code_id)
        case LeakKind.MANY_CODES:
            of_order = (orders.c.store_id == store_id, orders.c.order_id == found.order_id)
            buyer = connection.scalars(sa.select(orders.c.buyer).where(*of_order)).one()
            return use.where(*of_buyer([buyer]), redemptions.c.id >= found.redemption_id)
        case LeakKind.BURST:
            start = hour_of(found.at)
            here = in_time(store_id, found.campaign, start, start + timedelta(hours=1))
            return sa.select(leak_checks.c.redemption_id).where(*here)


@dataclass(frozen=True, kw_only=True)
class LeakShare:
    """How many of a campaign's orders used a code that was given to somebody else."""

    leaked: int
    orders: int  # all that used a code of it

    @property
    def share(self) -> Decimal:
        """The part of the orders, from 0 to 1, in ten-thousandths."""
        return (Decimal(self.leaked) / max(self.orders, 1)).quantize(Decimal("0.0001"))


def leak_share(connection: Connection, store_id: int, campaign: str) -> LeakShare:
    """Return a campaign's share of leaked uses: from the index of what was found, and the sums by day."""
    others = (
        leak_checks.c.store_id == store_id,
        leak_checks.c.campaign == campaign,
        leak_checks.c.used_by == UsedBy.OTHER,
    )
    counted = (day_sums.c.store_id == store_id, day_sums.c.campaign == campaign)
    return LeakShare(
        leaked=int(connection.scalar(sa.select(sa.func.count()).where(*others)) or 0),
        orders=int(connection.scalar(sa.select(sa.func.sum(day_sums.c.orders)).where(*counted)) or 0),
    )
