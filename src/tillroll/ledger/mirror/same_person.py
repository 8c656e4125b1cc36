"""Customers of a store who are one person: their addresses are the same (`campaign/text/addresses.py`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.figures.batched import batched
from tillroll.campaign.text.addresses import SamePerson, person_key
from tillroll.ledger.tables import customers

_IN_A_QUERY = 500
_TWIN = customers.alias("twin")


def same_person_ids(
    connection: Connection, store_id: int, customer_ids: Collection[int], same: SamePerson
) -> Mapping[int, tuple[int, ...]]:
    """Return, for each of these customers who shares an address with others, the ids of all of them, the oldest first."""
    themselves = customers.c
    twins: dict[int, set[int]] = {}
    for some in batched(sorted(customer_ids), _IN_A_QUERY):
        query = (
            sa.select(themselves.customer_id, themselves.email, _TWIN.c.customer_id, _TWIN.c.email)
            .join(_TWIN, sa.and_(_TWIN.c.store_id == store_id, _TWIN.c.mailbox == themselves.mailbox))
            .where(
                themselves.store_id == store_id,
                themselves.customer_id.in_(some),
                themselves.mailbox != "",
                _TWIN.c.customer_id != themselves.customer_id,
            )
        )
        for customer_id, email, twin_id, twin_email in connection.execute(query):
            if person_key(email, same) == person_key(twin_email, same):
                twins.setdefault(customer_id, {customer_id}).add(twin_id)
    return {customer_id: tuple(sorted(ids)) for customer_id, ids in twins.items()}


def ids_of_person(
    connection: Connection, store_id: int, customer_id: int, same: SamePerson
) -> tuple[int, ...]:
    """Return the ids of all customers who are the same person as this one, with their own."""
    return same_person_ids(connection, store_id, [customer_id], same).get(customer_id, (customer_id,))
