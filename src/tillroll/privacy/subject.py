"""Whose data it is: all that one person is known by in a store."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.figures.batched import batched
from tillroll.campaign.text.addresses import mailbox_of, same_address
from tillroll.ledger.folding import folded
from tillroll.ledger.tables import (
    carts,
    customers,
    events,
    messages,
    orders,
    plans,
    recipients,
    reviews,
    runs,
    sign_ups,
)
from tillroll.privacy.places import DataPlace, FoundBy

_IN_A_QUERY = 500


@dataclass(frozen=True, kw_only=True)
class DataSubject:
    """A person, as one store knows them."""

    store_id: int
    addresses: tuple[str, ...]  # in lower case: the one that was asked for, and others of the same customers
    numbers: tuple[int, ...]  # of the customers in the store
    recipients: tuple[int, ...]  # rows of the runs that they were planned for
    signed_up: bool = False  # by the form, perhaps without becoming a customer

    @property
    def is_known(self) -> bool:
        """Whether anything was found."""
        return bool(self.numbers or self.recipients or self.signed_up)


def find_subject(connection: Connection, store_id: int, email: str) -> DataSubject:
    """Return whom an address belongs to: its customers with all their addresses, and the recipients who are they.

    Capitals don't matter. Reads all recipients of the store, which takes a second for a million: nobody asks often.
    """
    address = same_address(email)
    numbers = set(_numbers_of(connection, store_id, address))
    of_store = (
        sa.select(plans.c.id).join(runs, runs.c.id == plans.c.run_id).where(runs.c.store_id == store_id)
    )
    mine = sa.or_(folded(recipients.c.email) == address, recipients.c.customer_id.in_(numbers))
    found = connection.execute(
        sa.select(recipients.c.id, recipients.c.customer_id, recipients.c.email).where(
            recipients.c.plan_id.in_(of_store), mine
        )
    ).all()
    numbers |= {row.customer_id for row in found}
    known = sa.select(customers.c.email).where(
        customers.c.store_id == store_id, customers.c.customer_id.in_(numbers)
    )
    said = (address, *(row.email for row in found), *connection.scalars(known))
    return DataSubject(
        store_id=store_id,
        addresses=tuple(sorted({same_address(one) for one in said if one})),
        numbers=tuple(sorted(numbers)),
        recipients=tuple(sorted(row.id for row in found)),
        signed_up=connection.scalar(sa.select(sa.exists().where(*_signed_up(store_id, address)))) is True,
    )


def _signed_up(store_id: int, address: str) -> tuple[sa.ColumnElement[bool], ...]:
    return sign_ups.c.store_id == store_id, sign_ups.c.address == address


def _numbers_of(connection: Connection, store_id: int, address: str) -> Iterator[int]:
    """Yield the numbers of the customers with an address, also of those whom only an order, a cart or a review still names."""
    if mailbox := mailbox_of(address):
        same = sa.select(customers.c.customer_id, customers.c.email).where(
            customers.c.store_id == store_id, customers.c.mailbox == mailbox
        )
        yield from (row.customer_id for row in connection.execute(same) if same_address(row.email) == address)
    for table in (orders, carts, reviews):
        named = sa.select(table.c.customer_id).where(
            table.c.store_id == store_id,
            folded(table.c.email) == address,
            table.c.customer_id.is_not(None),
        )
        yield from connection.scalars(named.distinct())


def conditions(subject: DataSubject, place: DataPlace) -> list[sa.ColumnElement[bool]]:
    """Return the conditions that together find a person's rows in a place: each row fits at least one of them."""
    table = place.table
    in_store = [table.c.store_id == subject.store_id] if "store_id" in table.c else []
    return [sa.and_(*in_store, one) for one in _keys(subject, place.found_by, table)]


def _keys(subject: DataSubject, found_by: FoundBy, table: sa.Table) -> list[sa.ColumnElement[bool]]:
    match found_by:
        case FoundBy.NUMBER if table is recipients:
            return among(table.c.id, subject.recipients)
        case FoundBy.NUMBER:
            by_address = among(folded(table.c.email), subject.addresses) if "email" in table.c else []
            return [*among(table.c.customer_id, subject.numbers), *by_address]
        case FoundBy.RECIPIENT:
            return among(table.c.recipient_id, subject.recipients)
        case FoundBy.MESSAGE:
            theirs = [
                sa.select(messages.c.id).where(one)
                for one in among(messages.c.recipient_id, subject.recipients)
            ]
            return [table.c.message_id.in_(some) for some in theirs]
        case FoundBy.ADDRESS if "address" in table.c:
            return among(table.c.address, subject.addresses)
        case FoundBy.ADDRESS:
            return among(table.c.mailbox, sorted(filter(None, map(mailbox_of, subject.addresses))))
        case FoundBy.MEMBER:
            return among(table.c.member, (*subject.addresses, *map(str, subject.numbers)))
        case FoundBy.EVENT:
            about = among(table.c.entity, tuple(map(str, subject.numbers)))
            if table is not events:
                return [*about, *among(folded(table.c.email), subject.addresses)]
            said = [json.dumps(address) for address in subject.addresses]
            text = sa.func.lower(sa.cast(table.c.data, sa.Text))
            return [
                *(sa.and_(one, table.c.kind.like("customer%")) for one in about),
                *(text.contains(one, autoescape=True) for one in said),
            ]


def among(column: sa.ColumnElement[Any], values: Iterable[Any]) -> list[sa.ColumnElement[bool]]:
    """Return the conditions that a column holds one of these values: each for as many as a query takes."""
    return [column.in_(some) for some in batched(values, _IN_A_QUERY)]
