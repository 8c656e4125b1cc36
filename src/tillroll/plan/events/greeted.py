"""Who was greeted by flows in a time that a restored ledger has lost, as far as others know it.

They are written down as having been in the campaign, so that nothing greets them once more where `again:` doesn't say so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.states import FORGOTTEN, EntryState
from tillroll.ledger.engine import insert_new, reading, writing
from tillroll.ledger.tables import campaigns, carts, codes, customers, entries, orders, redemptions, runs
from tillroll.plan.record import active_campaigns

WAS_GREETED = "they were greeted before the ledger was restored"

_STEP = re.compile(r" step \d+$")
_CUSTOMER = re.compile(r"(?:^| )customer (\d+)$")
_PIECE = 500


@dataclass(frozen=True, kw_only=True)
class Greeted:
    """Somebody whom a campaign greeted."""

    campaign: str
    key: str  # what happened to them, if it is known, else by what it shows that they were greeted
    at: datetime  # not later than that
    customer_id: int | None = None
    email: str = ""


def by_slot(campaign: str, slot_key: str, at: datetime) -> Greeted:
    """By a run that the store was told of: its slot says what happened, and often to whom."""
    key = _STEP.sub("", slot_key)
    named = _CUSTOMER.search(key)
    return Greeted(campaign=campaign, key=key, at=at, customer_id=int(named[1]) if named else None)


def by_orders(connection: Connection, store_id: int) -> Iterator[Greeted]:
    """By the orders that used codes which the ledger had forgotten."""
    query = (
        sa.select(
            runs.c.campaign, orders.c.order_id, orders.c.customer_id, orders.c.email, orders.c.created_at
        )
        .select_from(redemptions)
        .join(codes, codes.c.id == redemptions.c.code_id)
        .join(runs, runs.c.id == codes.c.run_id)
        .join(
            orders,
            sa.and_(orders.c.store_id == redemptions.c.store_id, orders.c.order_id == redemptions.c.order_id),
        )
        .where(redemptions.c.store_id == store_id, codes.c.reason == FORGOTTEN)
    )
    for row in connection.execute(query):
        key = f"a code used by order {row.order_id}"
        yield Greeted(
            campaign=row.campaign, key=key, at=row.created_at, customer_id=row.customer_id, email=row.email
        )


def on_events(connection: Connection, store_id: int) -> dict[str, str]:
    """The campaigns that begin with what happens, and with what."""
    found = ((one.name, one.revision.campaign.when.on) for one in active_campaigns(connection, store_id))
    return {name: on.name for name, on in found if on is not None}


def write_down(engine: Engine, *, store_id: int, found: Iterable[Greeted], now: datetime) -> int:
    """Have them been in; how many that weren't known before. Only for campaigns that begin with what happens."""
    with reading(engine) as connection:
        names = on_events(connection, store_id)
    wanted = (one for one in found if one.campaign in names)
    new = 0
    while piece := list(islice(wanted, _PIECE)):
        with writing(engine) as connection:
            before = _count(connection, store_id)
            insert_new(connection, entries, _rows(connection, store_id, piece, now))
            new += _count(connection, store_id) - before
    return new


def _count(connection: Connection, store_id: int) -> int:
    query = sa.select(sa.func.count()).where(entries.c.store_id == store_id)
    return int(connection.scalar(query) or 0)


def _rows(
    connection: Connection, store_id: int, piece: Sequence[Greeted], now: datetime
) -> list[dict[str, Any]]:
    whose = _whose(connection, store_id, piece)
    return [
        {
            "store_id": store_id,
            "campaign": one.campaign,
            "key": one.key,
            "customer_id": one.customer_id or whose.get(one.key) or whose.get(one.email.strip().lower()),
            "facts": {},
            "happened_at": one.at,
            "due_at": None,
            "state": EntryState.LEFT,
            "reason": WAS_GREETED,
            "created_at": now,
            "changed_at": now,
        }
        for one in piece
    ]


def _whose(connection: Connection, store_id: int, piece: Sequence[Greeted]) -> dict[str, int]:
    """Customers by their address, and by the key of their order or cart."""
    lowered = sa.func.lower(customers.c.email)
    addresses = {one.email.strip().lower() for one in piece if one.email}
    found: dict[str, int] = {}
    people = sa.select(lowered.label("address"), customers.c.customer_id).where(
        customers.c.store_id == store_id, lowered.in_(addresses)
    )
    for row in connection.execute(people.order_by(customers.c.customer_id)):
        found.setdefault(row.address, row.customer_id)
    for table, column, word in ((orders, orders.c.order_id, "order"), (carts, carts.c.cart_id, "cart")):
        ids = [one.key.removeprefix(f"{word} ") for one in piece if one.key.startswith(f"{word} ")]
        query = sa.select(column.label("id"), table.c.customer_id).where(
            table.c.store_id == store_id, column.in_(ids), table.c.customer_id.is_not(None)
        )
        found |= {f"{word} {row.id}": row.customer_id for row in connection.execute(query)}
    return found


def hold(connection: Connection, *, store_id: int, campaign: str, person: str, now: datetime) -> None:
    """Let a campaign begin nothing until a person restarts it."""
    its = (campaigns.c.store_id == store_id, campaigns.c.name == campaign, campaigns.c.halted_at.is_(None))
    connection.execute(sa.update(campaigns).where(*its).values(halted_at=now, halted_by=person))
