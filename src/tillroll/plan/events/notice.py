"""Whom an event brings into a campaign: what happened becomes an entry, once, with the moment its first step is due.

Crash points: before or after some entries, whose keys make them unique. A look that was cut short is made again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.language.models import Again, Campaign
from tillroll.campaign.states import EntryState
from tillroll.ledger.engine import insert_new, reading, writing
from tillroll.ledger.tables import campaigns, customers, entries, stores
from tillroll.plan.events.happening import PIECE, Happening, Look
from tillroll.plan.events.happenings import happenings
from tillroll.plan.record import Active, active_campaigns

FORGONE = "it may have been answered: the ledger was restored from before it"
NOBODY_KNOWN = "no customer of the store is known by this address"

_LAG = timedelta(minutes=10)  # what the mirror may be behind, and then some
_SETTLED = timedelta(minutes=2)  # a customer is in the store's lists by so long after what they did

Before = dict[int, tuple[int, datetime]]
"""How often a customer (or product) has entered a campaign, and what happened to them last."""


def waits_for_events(connection: Connection, store_id: int) -> bool:
    """Whether any active campaign waits for something to happen."""
    return any(one.revision.campaign.when.on for one in active_campaigns(connection, store_id))


def notice(engine: Engine, *, store_id: int, now: datetime) -> int:
    """Enter what happened since the last look into the campaigns that wait for it; returns how many entries are new."""
    with reading(engine) as connection:
        waiting = [one for one in active_campaigns(connection, store_id) if one.revision.campaign.when.on]
        if not waiting:
            return 0
        store = connection.execute(sa.select(stores).where(stores.c.id == store_id)).one()
    if (
        store.customers_at is None
    ):  # they are still being read: who became a customer is told by their own row alone
        waiting = [one for one in waiting if _is_of_a_customer_created(one)]
    return sum(_notice_for(engine, store, one, now) for one in waiting)


def _is_of_a_customer_created(one: Active) -> bool:
    event = one.revision.campaign.when.on
    return event is not None and event.name == "customer_created"


def _notice_for(engine: Engine, store: sa.Row[Any], active: Active, now: datetime) -> int:
    campaign, row = active.revision.campaign, active.row
    assert campaign.when.on is not None  # noqa: S101 - only such campaigns are looked at
    look = Look(
        store_id=store.id,
        event=campaign.when.on,
        zone=campaign.when.zone(store.timezone),
        first_seen=row.first_seen_at,
        last=row.considered_until,
        since=row.considered_until - _LAG,
        now=now,
    )
    entered, put_off = 0, 0
    with reading(engine) as connection:
        found = happenings(connection, look)
        while piece := list(islice(found, PIECE)):
            new, later = _enter_all(engine, store, active, piece, now)
            entered, put_off = entered + new, put_off + later
    if not put_off:
        with writing(engine) as connection:
            connection.execute(
                sa.update(campaigns)
                .where(campaigns.c.id == row.id, campaigns.c.considered_until < now)
                .values(considered_until=now)
            )
    return entered


def _enter_all(
    engine: Engine, store: sa.Row[Any], active: Active, piece: Sequence[Happening], now: datetime
) -> tuple[int, int]:
    """Enter those that aren't in yet; how many are new, and how many must be looked at again."""
    name, campaign = active.name, active.revision.campaign
    with reading(engine) as connection:
        fresh = _fresh(connection, store.id, name, piece)
        if not fresh:
            return 0, 0
        whose = customers_of(connection, store.id, fresh)
        before = _before(connection, store.id, name, fresh, whose)
    put_off = 0
    rows: list[dict[str, Any]] = []
    for one in fresh:
        subject = one.product_id if one.product_id is not None else whose.get(one.key)
        row = {"store_id": store.id, "campaign": name, "created_at": now, "changed_at": now}
        if subject is None:
            known_by = store.customers_at
            if known_by is None or known_by < one.happened_at + _SETTLED:
                put_off += 1  # the store may be about to make them a customer
                continue
            rows.append({**row, **_left_out(one)})
        elif may_enter(campaign.when.again, before.get(subject), one.happened_at):
            forgone = active.row.forgone_until is not None and one.happened_at <= active.row.forgone_until
            first = _forgone(one, subject) if forgone else _first_step(campaign, one, subject)
            rows.append({**row, **first})
            times, last = before.get(subject, (0, one.happened_at))
            before[subject] = (times + 1, max(last, one.happened_at))
    with writing(engine) as connection:
        insert_new(connection, entries, rows)
    return sum(row["state"] == EntryState.WAITING for row in rows), put_off


def may_enter(again: Again | None, before: tuple[int, datetime] | None, happened_at: datetime) -> bool:
    """Whether `again:` lets somebody in once more; `before`: how often they entered, and what happened to them last."""
    if before is None:
        return True
    times, last = before
    if again is None or (again.most is not None and times >= again.most):
        return False
    return happened_at - last >= again.after


def _first_step(campaign: Campaign, one: Happening, subject: int) -> dict[str, Any]:
    wait = campaign.steps[0].wait if campaign.steps else None
    return {
        "key": one.key,
        "customer_id": subject if one.product_id is None else None,
        "product_id": one.product_id,
        "facts": dict(one.facts),
        "happened_at": one.happened_at,
        "step": 1,
        "due_at": one.happened_at + (wait if wait is not None else campaign.when.delay),
        "state": EntryState.WAITING,
        "reason": "",
    }


def _forgone(one: Happening, subject: int) -> dict[str, Any]:
    """What happened while the ledger knew nothing: they have been in, whether they were greeted or not."""
    whose = {"customer_id": subject if one.product_id is None else None, "product_id": one.product_id}
    return {**_left_out(one), **whose, "reason": FORGONE}


def _left_out(one: Happening) -> dict[str, Any]:
    """What happened to nobody the store knows is written down too, so that it is told and not looked at for ever."""
    return {
        "key": one.key,
        "customer_id": None,
        "product_id": None,
        "facts": dict(one.facts),
        "happened_at": one.happened_at,
        "step": 1,
        "due_at": None,
        "state": EntryState.LEFT,
        "reason": NOBODY_KNOWN,
    }


def _fresh(
    connection: Connection, store_id: int, name: str, piece: Sequence[Happening]
) -> Sequence[Happening]:
    """Those that aren't entered yet."""
    keys = [one.key for one in piece]
    where = (entries.c.store_id == store_id, entries.c.campaign == name, entries.c.key.in_(keys))
    known = set(connection.scalars(sa.select(entries.c.key).where(*where)))
    return [one for one in piece if one.key not in known]


def customers_of(connection: Connection, store_id: int, piece: Sequence[Happening]) -> dict[str, int]:
    """Whom each happening is about, by its key; a guest is who has the address."""
    of_people = [one for one in piece if one.product_id is None]
    ids = [one.customer_id for one in of_people if one.customer_id is not None]
    addresses = [
        one.email.strip().lower() for one in of_people if one.customer_id is None and "@" in one.email
    ]
    of_store = customers.c.store_id == store_id
    query = sa.select(customers.c.customer_id).where(of_store, customers.c.customer_id.in_(ids))
    known = set(connection.scalars(query)) if ids else set()
    by_address: dict[str, int] = {}
    if addresses:
        lowered = sa.func.lower(customers.c.email).label("address")
        people = sa.select(lowered, customers.c.customer_id).where(of_store, lowered.in_(addresses))
        for row in connection.execute(people.order_by(customers.c.customer_id)):
            by_address.setdefault(row.address, row.customer_id)  # the oldest, if several have the address
    found: dict[str, int] = {}
    for one in of_people:
        if one.customer_id is not None:
            found |= {one.key: one.customer_id} if one.customer_id in known else {}
        elif (address := one.email.strip().lower()) in by_address:
            found[one.key] = by_address[address]
    return found


def _before(
    connection: Connection, store_id: int, name: str, piece: Sequence[Happening], whose: Mapping[str, int]
) -> Before:
    """How often each of them has entered. A campaign is about customers or about products, never both."""
    of_products = [one.product_id for one in piece if one.product_id is not None]
    column, ids = (
        (entries.c.product_id, of_products) if of_products else (entries.c.customer_id, [*whose.values()])
    )
    query = sa.select(column, sa.func.count(), sa.func.max(entries.c.happened_at)).where(
        entries.c.store_id == store_id, entries.c.campaign == name, column.in_(ids)
    )
    return {subject: (times, last) for subject, times, last in connection.execute(query.group_by(column))}
