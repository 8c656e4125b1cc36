"""One customer: who they are, whether they take e-mails, what they got, and what they ordered. Each list is bounded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.codes.standing import StandingFacts
from tillroll.campaign.states import NO_SALE, ConsentSource, MessageState
from tillroll.campaign.text.addresses import mailbox_of, same_address
from tillroll.errors import NotFound
from tillroll.ledger import audit
from tillroll.ledger.engine import writing
from tillroll.ledger.mirror.standing_facts import StandingReader
from tillroll.ledger.people.forgotten import forgotten_among
from tillroll.ledger.queries.predicates import is_order_of_use
from tillroll.ledger.tables import (
    codes,
    consents,
    customers,
    messages,
    orders,
    plans,
    recipients,
    redemptions,
    runs,
)

_MOST_CONSENTS = 10


@dataclass(frozen=True, kw_only=True)
class CustomerView:
    """What the ledger knows of a customer."""

    customer_id: int
    name: str
    email: str  # mask it before it is shown; empty: not known any more
    accepts_marketing: bool | None  # None: never asked, or not known any more
    registered_at: datetime | None
    is_forgotten: bool  # their data was erased
    is_in_store: bool  # as far as the mirror knows


@dataclass(frozen=True, kw_only=True)
class ConsentWord:
    """What a customer once said about e-mails."""

    agreed: bool
    source: ConsentSource
    at: datetime


@dataclass(frozen=True, kw_only=True)
class CustomerEmail:
    """An e-mail to a customer, with the code it shows."""

    message_id: int
    run_id: int
    campaign: str
    kind: str  # offer or reminder
    state: MessageState
    reason: str
    sent_at: datetime | None
    code_id: int | None
    code: str | None  # in clear; mask it before it is shown
    facts: StandingFacts | None


@dataclass(frozen=True, kw_only=True)
class CustomerOrder:
    """An order of a customer."""

    order_id: str
    at: datetime | None
    total: Decimal
    is_sale: bool  # it counts
    code_id: int | None  # the code of ours that it used
    code: str | None  # in clear; mask it before it is shown
    campaign: str | None


def look_up_customer(
    engine: Engine, *, store_id: int, address: str, person: str, now: datetime
) -> int | None:
    """Return the number of the customer with an address, or None, and record that a person looked them up."""
    with writing(engine) as connection:
        found = _find_customer(connection, store_id, address)
        audit.record(
            connection,
            at=now,
            actor=person,
            action="customer.looked_up",
            subject=f"store {store_id}",
            body={"customer": found},
        )
    return found


def _find_customer(connection: Connection, store_id: int, address: str) -> int | None:
    """Return the customer with exactly this address, else one who reads the same mailbox."""
    query = sa.select(customers.c.customer_id, customers.c.email).order_by(customers.c.customer_id.desc())
    where = (customers.c.store_id == store_id, customers.c.mailbox == mailbox_of(address))
    rows = connection.execute(query.where(*where, customers.c.mailbox != "").limit(100)).all()
    exact = [row.customer_id for row in rows if same_address(row.email) == same_address(address)]
    return next(iter([*exact, *(row.customer_id for row in rows)]), None)


def load_customer(connection: Connection, store_id: int, customer_id: int) -> CustomerView:
    """Return what is known of a customer of the store, or of somebody whom a run of it had. Raises `NotFound`."""
    where = (customers.c.store_id == store_id, customers.c.customer_id == customer_id)
    row = connection.execute(sa.select(customers).where(*where)).first()
    theirs = _their_recipients(store_id, customer_id)
    if row is None and connection.scalar(sa.select(theirs.c.id).limit(1)) is None:
        raise NotFound(f"There is no customer {customer_id}.")
    return CustomerView(
        customer_id=customer_id,
        name=row.name if row is not None else "",
        email=row.email if row is not None else "",
        accepts_marketing=row.accepts_marketing if row is not None else None,
        registered_at=row.registered_at if row is not None else None,
        is_forgotten=bool(forgotten_among(connection, store_id, [customer_id])),
        is_in_store=row is not None,
    )


def _their_recipients(store_id: int, customer_id: int) -> sa.Subquery:
    """Select the rows of a customer as a recipient of the store's runs."""
    query = (
        sa.select(recipients.c.id)
        .join(plans, plans.c.id == recipients.c.plan_id)
        .join(runs, runs.c.id == plans.c.run_id)
        .where(recipients.c.customer_id == customer_id, runs.c.store_id == store_id)
    )
    return query.subquery()


def consents_of(connection: Connection, store_id: int, email: str) -> list[ConsentWord]:
    """Return what a customer last said about e-mails, newest first."""
    where = (
        consents.c.store_id == store_id,
        consents.c.mailbox == mailbox_of(email),
        consents.c.mailbox != "",
    )
    query = sa.select(consents).where(*where).order_by(consents.c.id.desc()).limit(_MOST_CONSENTS)
    return [
        ConsentWord(agreed=row.agreed, source=ConsentSource(row.source), at=row.at)
        for row in connection.execute(query)
    ]


def emails_to(
    connection: Connection, store_id: int, customer_id: int, *, before: int | None, limit: int
) -> list[CustomerEmail]:
    """Return the e-mails to a customer, newest first. For the next page, pass the last `message_id` as `before`."""
    theirs = _their_recipients(store_id, customer_id)
    query = (
        sa.select(messages, runs.c.campaign, codes.c.code)
        .join(runs, runs.c.id == messages.c.run_id)
        .outerjoin(codes, codes.c.id == messages.c.code_id)
        .where(messages.c.recipient_id.in_(sa.select(theirs.c.id)))
        .order_by(messages.c.id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(messages.c.id < before)
    rows = connection.execute(query).all()
    facts = StandingReader(connection).of(row.code_id for row in rows if row.code_id is not None)
    return [
        CustomerEmail(
            message_id=row.id,
            run_id=row.run_id,
            campaign=row.campaign,
            kind=row.kind,
            state=MessageState(row.state),
            reason=row.reason,
            sent_at=row.sent_at,
            code_id=row.code_id,
            code=row.code,
            facts=facts.get(row.code_id),
        )
        for row in rows
    ]


def orders_by(
    connection: Connection, store_id: int, customer_id: int, *, before: str, limit: int
) -> list[CustomerOrder]:
    """Return the orders of a customer, newest first. For the next page, pass the last `order_id` as `before`."""
    placed = sa.func.coalesce(orders.c.created_at, orders.c.seen_at)
    query = (
        sa.select(orders, redemptions.c.code_id, codes.c.code, runs.c.campaign)
        .outerjoin(redemptions, is_order_of_use())
        .outerjoin(codes, codes.c.id == redemptions.c.code_id)
        .outerjoin(runs, runs.c.id == redemptions.c.run_id)
        .where(orders.c.store_id == store_id, orders.c.customer_id == customer_id)
        .order_by(placed.desc(), orders.c.order_id.desc())
        .limit(limit)
    )
    if before:
        last = orders.alias("last")
        place = sa.select(sa.func.coalesce(last.c.created_at, last.c.seen_at)).where(
            last.c.store_id == store_id, last.c.order_id == before
        )
        query = query.where(sa.tuple_(placed, orders.c.order_id) < sa.tuple_(place.scalar_subquery(), before))
    return [
        CustomerOrder(
            order_id=row.order_id,
            at=row.created_at,
            total=row.total,
            is_sale=row.payment_status not in NO_SALE,
            code_id=row.code_id,
            code=row.code,
            campaign=row.campaign,
        )
        for row in connection.execute(query)
    ]
