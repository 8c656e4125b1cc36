"""Whom an event brings into a campaign: what happened becomes an entry, once, with the moment its first step is due.

Crash points: before or after an entry's row, which its key makes unique. A look that was cut short is made again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.models import Campaign
from tillroll.ledger.engine import insert_if_new, reading, writing
from tillroll.ledger.tables import campaigns, customers, entries, stores
from tillroll.plan.happening import Happening, Look
from tillroll.plan.happenings import happenings
from tillroll.plan.record import Active, active_campaigns

WAITING, LEFT, DONE = "waiting", "left", "done"
"""States of an entry: a step to come; gone before the last step; through all steps."""

_LAG = timedelta(minutes=10)  # what the mirror may be behind, and then some


def notice(engine: Engine, *, store_id: int, now: datetime) -> int:
    """Enter what happened since the last look into the campaigns that wait for it; returns how many entries are new."""
    with reading(engine) as connection:
        zone = connection.scalars(sa.select(stores.c.timezone).where(stores.c.id == store_id)).one()
        waiting = [one for one in active_campaigns(connection, store_id) if one.revision.campaign.when.on]
    return sum(_notice_for(engine, store_id, one, zone, now) for one in waiting)


def _notice_for(engine: Engine, store_id: int, active: Active, zone: str, now: datetime) -> int:
    campaign, row = active.revision.campaign, active.row
    assert campaign.when.on is not None  # noqa: S101 - only such campaigns are looked at
    look = Look(
        store_id=store_id,
        event=campaign.when.on,
        zone=ZoneInfo(zone) if campaign.when.timezone == "store" else campaign.when.zone(zone),
        first_seen=row.first_seen_at,
        since=row.considered_until - _LAG,
        now=now,
    )
    with reading(engine) as connection:
        found = list(happenings(connection, look))
    entered = 0
    for one in found:
        with writing(engine) as connection:
            entered += _enter(connection, store_id, active.name, campaign, one, now)
    with writing(engine) as connection:
        connection.execute(
            sa.update(campaigns)
            .where(campaigns.c.id == row.id, campaigns.c.considered_until < now)
            .values(considered_until=now)
        )
    return entered


def _enter(
    connection: Connection, store_id: int, name: str, campaign: Campaign, one: Happening, now: datetime
) -> bool:
    """Write the entry, unless it is there or its customer (or product) may not enter again."""
    customer_id = one.customer_id or _customer_of(connection, store_id, one.email)
    of_customer = one.product_id is None
    known = sa.exists().where(
        entries.c.store_id == store_id, entries.c.campaign == name, entries.c.key == one.key
    )
    if connection.scalar(sa.select(known)):
        return False
    if of_customer and customer_id is None:
        return False  # a guest whom the store hasn't made a customer yet: the next look finds them
    if not _may_enter(connection, store_id, name, campaign, customer_id, one):
        return False
    first = campaign.steps[0].wait if campaign.steps else None
    return insert_if_new(
        connection,
        entries,
        {
            "store_id": store_id,
            "campaign": name,
            "key": one.key,
            "customer_id": customer_id if of_customer else None,
            "product_id": one.product_id,
            "facts": dict(one.facts),
            "happened_at": one.happened_at,
            "step": 1,
            "due_at": one.happened_at + (first if first is not None else campaign.when.delay),
            "state": WAITING,
            "created_at": now,
            "changed_at": now,
        },
    )


def _customer_of(connection: Connection, store_id: int, email: str) -> int | None:
    """The customer with an e-mail address, for what the store says of a guest."""
    if "@" not in email:
        return None
    where = (customers.c.store_id == store_id, sa.func.lower(customers.c.email) == email.strip().lower())
    found: int | None = connection.scalar(sa.select(customers.c.customer_id).where(*where).limit(1))
    return found


def _may_enter(
    connection: Connection,
    store_id: int,
    name: str,
    campaign: Campaign,
    customer_id: int | None,
    one: Happening,
) -> bool:
    """Whether `again:` lets this customer or product in once more."""
    whose = entries.c.customer_id == customer_id
    if one.product_id is not None:
        whose = entries.c.product_id == one.product_id
    query = sa.select(sa.func.count(), sa.func.max(entries.c.happened_at)).where(
        entries.c.store_id == store_id, entries.c.campaign == name, whose
    )
    times, last = connection.execute(query).one()
    again = campaign.when.again
    if not times:
        return True
    if again is None or (again.most is not None and times >= again.most):
        return False
    return bool(one.happened_at - last >= again.after)


def waiting_entries(connection: Connection, store_id: int, name: str) -> int:
    """How many wait for their next step in a campaign."""
    where: tuple[Any, ...] = (
        entries.c.store_id == store_id,
        entries.c.campaign == name,
        entries.c.state == WAITING,
    )
    return int(connection.scalar(sa.select(sa.func.count()).where(*where)) or 0)
