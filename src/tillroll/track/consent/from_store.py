"""What the store says of its customers' consent, as the mirror is about to be written: it is proof, and may end a suppression.

Who unsubscribed here stays so, whatever the store says, until it says something later: it was told (`to_store.py`) and has
changed its mind since, or the customer came after. Bounces and complaints stay whatever it says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.figures.batched import batched
from tillroll.campaign.states import ConsentSource, PushOutcome, SuppressionCause
from tillroll.campaign.text.addresses import mailbox_of, same_address
from tillroll.ecwid.endpoints.customers import Customer
from tillroll.ledger.consent.standing import is_active
from tillroll.ledger.consent.suppress import WITHDRAWALS, Which, lift
from tillroll.ledger.tables import consent_pushes, consents, customers, suppressions
from tillroll.ledger.tables.types import UtcDateTime

_SURELY_LATER = timedelta(minutes=5)
"""The store's clock and ours may differ by this: what is later by less counts as what was there before."""

_ACTOR = "store"
_IN_A_QUERY = 500


@dataclass(frozen=True, kw_only=True)
class _Withdrawal:
    """Since when somebody gets no e-mails of any campaign."""

    at: datetime
    told_at: datetime | None = None  # when the store was told; None: it wasn't


def take_consent(
    connection: Connection, store_id: int, values: Sequence[Customer], now: datetime
) -> frozenset[int]:
    """Note what the store says, before the mirror is written. Return the customers who have withdrawn consent all the same."""
    before = _before(connection, store_id, values)
    stops = _stops(connection, store_id, values, now)
    proof, withdrawn = list[dict[str, Any]](), set[int]()
    for customer in values:
        agreed, stop = customer.accepts_marketing, stops.get(mailbox_of(customer.email))
        if stop is not None:
            if not agreed or not _is_later(customer, stop, is_new=customer.customer_id not in before):
                withdrawn.add(customer.customer_id)
                continue
            which = Which(causes=frozenset({SuppressionCause.UNSUBSCRIBED}))
            lift(connection, store_id, customer.email, which, now=now, actor=_ACTOR)
        elif agreed is None or before.get(customer.customer_id) is agreed or "@" not in customer.email:
            continue
        proof.append(_proof(store_id, customer, bool(agreed), now))
    if proof:
        connection.execute(sa.insert(consents), proof)
    return frozenset(withdrawn)


def _is_later(customer: Customer, stop: _Withdrawal, *, is_new: bool) -> bool:
    """Whether the store's word that a customer agrees is later than theirs that they don't."""
    if is_new:
        return customer.registered_at is not None and customer.registered_at > stop.at + _SURELY_LATER
    if stop.told_at is None or customer.updated_at is None:
        return False
    return customer.updated_at > stop.told_at + _SURELY_LATER


def _proof(store_id: int, customer: Customer, agreed: bool, now: datetime) -> dict[str, Any]:
    return {
        "store_id": store_id,
        "address": same_address(customer.email),
        "mailbox": mailbox_of(customer.email),
        "agreed": agreed,
        "source": ConsentSource.STORE,
        "detail": f"customer {customer.customer_id}",
        "at": customer.updated_at or customer.registered_at or now,
        "noted_at": now,
    }


def _before(connection: Connection, store_id: int, values: Sequence[Customer]) -> Mapping[int, bool | None]:
    """Return what the mirror says of the customers that it has."""
    found: dict[int, bool | None] = {}
    for some in batched([customer.customer_id for customer in values], _IN_A_QUERY):
        where = (customers.c.store_id == store_id, customers.c.customer_id.in_(some))
        query = sa.select(customers.c.customer_id, customers.c.accepts_marketing).where(*where)
        found |= {row.customer_id: row.accepts_marketing for row in connection.execute(query)}
    return found


def _stops(
    connection: Connection, store_id: int, values: Sequence[Customer], now: datetime
) -> Mapping[str, _Withdrawal]:
    """Return by mailbox since when the few of these customers who took consent back have done so, and when the store heard."""
    mailboxes = sorted({mailbox_of(customer.email) for customer in values} - {""})
    stops: dict[str, _Withdrawal] = {}
    for some in batched(mailboxes, _IN_A_QUERY):
        stopped = sa.select(
            suppressions.c.mailbox, sa.func.max(suppressions.c.at, type_=UtcDateTime()).label("at")
        ).where(
            suppressions.c.store_id == store_id,
            suppressions.c.mailbox.in_(some),
            suppressions.c.campaign == "",
            suppressions.c.every_days.is_(None),
            suppressions.c.cause.in_(sorted(WITHDRAWALS)),
            is_active(now),
        )
        stops |= {
            row.mailbox: _Withdrawal(at=row.at)
            for row in connection.execute(stopped.group_by(suppressions.c.mailbox))
        }
    for some in batched(sorted(stops), _IN_A_QUERY):
        told = sa.select(
            consent_pushes.c.mailbox, sa.func.max(consent_pushes.c.done_at, type_=UtcDateTime()).label("at")
        ).where(
            consent_pushes.c.store_id == store_id,
            consent_pushes.c.mailbox.in_(some),
            consent_pushes.c.agreed.is_(sa.false()),
            consent_pushes.c.outcome == PushOutcome.TOLD,
        )
        for row in connection.execute(told.group_by(consent_pushes.c.mailbox)):
            stops[row.mailbox] = _Withdrawal(at=stops[row.mailbox].at, told_at=row.at)
    return stops
