"""Customers whom flows contacted in the lost time, as far as the store and the transport know.

They are recorded as having been in the campaign, so that it contacts them again only where `again:` allows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.figures.batched import batched
from tillroll.campaign.states import CodeCause, EntryCause, EntryState
from tillroll.flows.finders.keys import entry_of_slot
from tillroll.ledger.causes import entry_cause
from tillroll.ledger.engine import insert_new, reading, writing
from tillroll.ledger.queries.predicates import is_order_of_use
from tillroll.ledger.tables import campaigns, carts, codes, customers, entries, orders, redemptions, runs
from tillroll.plan.record.revisions import active_campaigns

_PIECE = 500


@dataclass(frozen=True, kw_only=True)
class Contacted:
    """A customer whom a campaign contacted."""

    campaign: str
    key: str  # of the event that brought them in if it is known, else what shows that they were contacted
    at: datetime  # the latest moment at which it can have happened
    customer_id: int | None = None
    email: str = ""
    order_id: str = ""  # the order or the cart that the key names
    cart_id: str = ""


def contacted_by_run(campaign: str, slot_key: str, at: datetime) -> Contacted:
    """Return whom a lost run contacted: its slot key names the event, and often the customer."""
    entry = entry_of_slot(slot_key)
    return Contacted(
        campaign=campaign,
        key=entry.text,
        at=at,
        customer_id=entry.customer_id,
        order_id=entry.order_id,
        cart_id=entry.cart_id,
    )


def contacted_by_orders(connection: Connection, store_id: int) -> Iterator[Contacted]:
    """Yield the customers whose orders used codes that the ledger had lost."""
    query = (
        sa.select(
            runs.c.campaign, orders.c.order_id, orders.c.customer_id, orders.c.email, orders.c.created_at
        )
        .select_from(redemptions)
        .join(codes, codes.c.id == redemptions.c.code_id)
        .join(runs, runs.c.id == codes.c.run_id)
        .join(orders, is_order_of_use())
        .where(redemptions.c.store_id == store_id, codes.c.cause == CodeCause.IMPORTED)
    )
    for row in connection.execute(query):
        key = f"a code used by order {row.order_id}"
        yield Contacted(
            campaign=row.campaign, key=key, at=row.created_at, customer_id=row.customer_id, email=row.email
        )


def event_campaigns(connection: Connection, store_id: int) -> dict[str, str]:
    """Return the active campaigns that begin with an event, and the name of the event."""
    triggers = (
        (active.name, active.revision.campaign.when.on) for active in active_campaigns(connection, store_id)
    )
    return {name: event.name for name, event in triggers if event is not None}


def record_contacted(engine: Engine, *, store_id: int, people: Iterable[Contacted], now: datetime) -> int:
    """Record that these people have been in their campaigns. Returns how many entries are new.

    People of campaigns that don't begin with an event are ignored.
    """
    with reading(engine) as connection:
        names = event_campaigns(connection, store_id)
    added = 0
    for piece in batched((person for person in people if person.campaign in names), _PIECE):
        with writing(engine) as connection:
            before = _count_entries(connection, store_id)
            insert_new(connection, entries, _rows(connection, store_id, piece, now))
            added += _count_entries(connection, store_id) - before
    return added


def _count_entries(connection: Connection, store_id: int) -> int:
    query = sa.select(sa.func.count()).where(entries.c.store_id == store_id)
    return int(connection.scalar(query) or 0)


def _rows(
    connection: Connection, store_id: int, people: Sequence[Contacted], now: datetime
) -> list[dict[str, Any]]:
    by_email = _customers_by_email(connection, store_id, people)
    by_key = _customers_by_key(connection, store_id, people)
    return [
        {
            "store_id": store_id,
            "campaign": person.campaign,
            "key": person.key,
            "customer_id": person.customer_id
            or by_key.get(person.key)
            or by_email.get(person.email.strip().lower()),
            "facts": {},
            "happened_at": person.at,
            "due_at": None,
            "state": EntryState.LEFT,
            **entry_cause(EntryCause.WAS_CONTACTED),
            "created_at": now,
            "changed_at": now,
        }
        for person in people
    ]


def _customers_by_email(connection: Connection, store_id: int, people: Sequence[Contacted]) -> dict[str, int]:
    """Return customers by their lower-case address; of several with the same address, the first."""
    lowered = sa.func.lower(customers.c.email)
    addresses = {person.email.strip().lower() for person in people if person.email}
    query = sa.select(lowered.label("address"), customers.c.customer_id).where(
        customers.c.store_id == store_id, lowered.in_(addresses)
    )
    rows = connection.execute(query.order_by(customers.c.customer_id.desc()))
    return {row.address: row.customer_id for row in rows}


def _customers_by_key(connection: Connection, store_id: int, people: Sequence[Contacted]) -> dict[str, int]:
    """Return customers by the key of their order or cart."""
    keys_by_order = {person.order_id: person.key for person in people if person.order_id}
    keys_by_cart = {person.cart_id: person.key for person in people if person.cart_id}
    by_key: dict[str, int] = {}
    for column, keys in ((orders.c.order_id, keys_by_order), (carts.c.cart_id, keys_by_cart)):
        table = column.table
        query = sa.select(column.label("id"), table.c.customer_id).where(
            table.c.store_id == store_id, column.in_(keys), table.c.customer_id.is_not(None)
        )
        by_key |= {keys[row.id]: row.customer_id for row in connection.execute(query)}
    return by_key


def halt_campaign(
    connection: Connection, *, store_id: int, campaign: str, person: str, now: datetime
) -> None:
    """Halt a campaign until a person restarts it."""
    where = (campaigns.c.store_id == store_id, campaigns.c.name == campaign, campaigns.c.halted_at.is_(None))
    connection.execute(sa.update(campaigns).where(*where).values(halted_at=now, halted_by=person))
