"""Looking at each use of a code once, as it is recorded, and keeping what looks like a leak.

A piece is one transaction: what was found of its uses, and the leaks. Whoever dies between pieces begins after the last one. An
order that is undone takes its use with it, and so what was found of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.states import LeakKind, UsedBy
from tillroll.campaign.text.addresses import mailbox_of
from tillroll.ledger.engine import insert_new, reading, writing
from tillroll.ledger.queries.predicates import is_order_of_use
from tillroll.ledger.tables import leak_checks, leaks, orders, redemptions
from tillroll.track.results.leaks.decide import MANY, STRANGERS, is_burst, used_by
from tillroll.track.results.leaks.people import JudgedUse, KnownPeople, next_uses, told_of

PIECE = 200
_LATELY = timedelta(days=90)  # in which one buyer's codes of others count together
_RHYTHM = timedelta(days=7)  # of the hours before, which say what is usual
HOUR = timedelta(hours=1)


def judge_uses(engine: Engine, *, store_id: int, now: datetime) -> frozenset[str] | None:
    """Look at the next uses. Returns the campaigns that they are of, or None if there were none. Safe to repeat.

    Asked at every turn, so it reads first: mostly there are none, and then nobody's writing is waited for.
    """
    with reading(engine) as connection:
        if not _unjudged(connection, store_id, most=1):
            return None
    with writing(engine) as connection:
        uses = _unjudged(connection, store_id, most=PIECE)
        found = _who_used(connection, store_id, uses)
        rows = [
            {
                "redemption_id": use.redemption_id,
                "store_id": store_id,
                "campaign": use.campaign,
                "used_by": found[use.redemption_id],
                "at": use.at,
            }
            for use in uses
        ]
        insert_new(connection, leak_checks, rows)
        strange = [use for use in uses if found[use.redemption_id] in STRANGERS]
        _keep(
            connection,
            store_id,
            now,
            [
                *(
                    (LeakKind.OTHER_BUYER, use.redemption_id, use.campaign)
                    for use in strange
                    if found[use.redemption_id] is UsedBy.OTHER
                ),
                *_many(connection, store_id, strange),
                *_bursts(
                    connection, store_id, [one for one in uses if _is_strange(found[one.redemption_id])]
                ),
            ],
        )
    return frozenset(use.campaign for use in uses)


def _unjudged(connection: Connection, store_id: int, *, most: int) -> list[JudgedUse]:
    """Return the next uses that nobody has looked at."""
    last = sa.select(sa.func.max(leak_checks.c.redemption_id)).where(leak_checks.c.store_id == store_id)
    return next_uses(connection, store_id, after=connection.scalar(last) or 0, most=most)


def _is_strange(found: UsedBy) -> bool:
    return found in STRANGERS or found is UsedBy.PUBLIC


def _who_used(connection: Connection, store_id: int, uses: Sequence[JudgedUse]) -> dict[int, UsedBy]:
    known = KnownPeople(connection, store_id, uses)
    told = told_of(connection, store_id, uses)
    return {
        use.redemption_id: used_by(known.recipient(use), known.buyer(use))
        if use.given_to is not None
        else UsedBy.TOLD
        if (use.code_id, mailbox_of(use.email)) in told
        else UsedBy.PUBLIC
        for use in uses
    }


Finding = tuple[LeakKind, int, str]
"""The kind, the use that stands for it, and the campaign."""


def _keep(connection: Connection, store_id: int, now: datetime, found: Iterable[Finding]) -> None:
    rows = [
        {"store_id": store_id, "campaign": campaign, "kind": kind, "redemption_id": use_id, "found_at": now}
        for kind, use_id, campaign in dict.fromkeys(found)
    ]
    if rows:
        insert_new(connection, leaks, rows)


def strange_uses(store_id: int, *columns: Any) -> sa.Select[Any]:
    """Select from the uses of recipients' codes that nothing says are the recipients'."""
    return (
        sa.select(*columns)
        .select_from(redemptions)
        .join(leak_checks, leak_checks.c.redemption_id == redemptions.c.id)
        .join(orders, is_order_of_use())
        .where(redemptions.c.store_id == store_id, leak_checks.c.used_by.in_(STRANGERS))
    )


def of_buyer(buyers: Iterable[str]) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the condition that an order is one of these buyers', written so that its index is used."""
    return orders.c.buyer.in_(list(buyers)), orders.c.buyer != "", orders.c.coupon_code != ""


def _many(connection: Connection, store_id: int, strange: Sequence[JudgedUse]) -> list[Finding]:
    """Return the buyers with many codes, and the codes with many buyers, among whom or which these uses are."""
    found: list[Finding] = []
    if not strange:
        return found
    first = sa.func.min(redemptions.c.id).label("first")
    since = min(use.at for use in strange) - _LATELY
    codes_used = sa.func.count(sa.distinct(redemptions.c.code_id))
    by_buyer = (
        strange_uses(store_id, first)
        .where(*of_buyer({use.buyer for use in strange} - {""}), redemptions.c.at >= since)
        .group_by(orders.c.buyer)
        .having(codes_used >= MANY)
    )
    buyers = sa.func.count(sa.distinct(orders.c.buyer))
    by_code = (
        strange_uses(store_id, first)
        .where(redemptions.c.code_id.in_({use.code_id for use in strange}), orders.c.buyer != "")
        .group_by(redemptions.c.code_id)
        .having(buyers >= MANY)
    )
    for kind, query in ((LeakKind.MANY_CODES, by_buyer), (LeakKind.MANY_BUYERS, by_code)):
        for use_id in connection.scalars(query).all():
            of_use = sa.select(leak_checks.c.campaign).where(leak_checks.c.redemption_id == use_id)
            found.append((kind, use_id, connection.scalars(of_use).one()))
    return found


def hour_of(moment: datetime) -> datetime:
    """Return the beginning of the hour."""
    return moment.replace(minute=0, second=0, microsecond=0)


def in_time(
    store_id: int, campaign: str, start: datetime, end: datetime
) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the conditions over `leak_checks` for a campaign's uses by people whom nobody told, in some time."""
    return (
        leak_checks.c.store_id == store_id,
        leak_checks.c.campaign == campaign,
        leak_checks.c.used_by.in_((*STRANGERS, UsedBy.PUBLIC)),
        leak_checks.c.at >= start,
        leak_checks.c.at < end,
    )


def _bursts(connection: Connection, store_id: int, strange: Sequence[JudgedUse]) -> list[Finding]:
    """Return the hours of campaigns in which far more uses than usual were by people whom nobody told."""
    found: list[Finding] = []
    for campaign, hour in sorted({(use.campaign, hour_of(use.at)) for use in strange}):
        here = in_time(store_id, campaign, hour, hour + HOUR)
        count = sa.select(sa.func.count(), sa.func.min(leak_checks.c.redemption_id))
        number, first = connection.execute(count.where(*here)).one()
        if is_burst_at(connection, store_id, campaign, hour, count=number):
            found.append((LeakKind.BURST, first, campaign))
    return found


def is_burst_at(connection: Connection, store_id: int, campaign: str, hour: datetime, *, count: int) -> bool:
    """Return whether so many uses of a campaign within an hour are far more than in the hours before."""
    earlier = in_time(store_id, campaign, hour - _RHYTHM, hour)
    before = connection.scalar(sa.select(sa.func.count()).select_from(leak_checks).where(*earlier))
    return is_burst(count, int(before or 0), int(_RHYTHM / HOUR))
