"""The customers of a run who are one person: one of them gets its code and e-mail.

Of those whom the segment selects and who agreed to e-mails, it is the one with the latest order; of several, the oldest customer.
What excludes one of them, a refusal of e-mails too, excludes all. A run about one customer's event is for that customer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.text.addresses import person_key
from tillroll.ledger.mirror.same_person import ids_of_person
from tillroll.ledger.tables import customers
from tillroll.plan.audience.query import AudienceQuery, AudienceRequest

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class SharedAddress:
    """Customers of one store who are the same person."""

    first: int  # the oldest of them, by whom the person is assigned to an arm and to the control group
    chosen: int | None  # who gets the code and the e-mail; None: nobody
    exclusion: int  # the number (from 1) of the first exclusion that one of them is in; 0: none
    refused: bool  # one of them refused e-mails, or unsubscribed
    had_enough: bool  # together they had all the e-mails that they may get


def people_of(connection: Connection, request: AudienceRequest) -> dict[int, SharedAddress]:
    """Return, by each customer's id, the people whom the store knows as several customers; most stores have few."""
    rows = _of_everybody(connection, request) if request.only is None else _of_one(connection, request)
    by_key: dict[str, list[sa.Row[Any]]] = {}
    for row in rows:
        by_key.setdefault(person_key(row.email, request.revision.guardrails.same_person), []).append(row)
    people: dict[int, SharedAddress] = {}
    for same in by_key.values():
        if len(same) > 1:
            people |= dict.fromkeys((row.customer_id for row in same), _person(same, request))
    return people


def _of_everybody(connection: Connection, request: AudienceRequest) -> Iterable[sa.Row[Any]]:
    mailbox = customers.c.mailbox
    shared = (
        sa.select(mailbox)
        .where(customers.c.store_id == request.store_id, mailbox != "")
        .group_by(mailbox)
        .having(sa.func.count() > 1)
    )
    if connection.execute(shared.limit(1)).first() is None:
        return ()
    return connection.execute(AudienceQuery(connection, request).sharing(mailbox.in_(shared)))


def _of_one(connection: Connection, request: AudienceRequest) -> Iterable[sa.Row[Any]]:
    assert request.only is not None  # noqa: S101 - only a run about one customer comes here
    same = request.revision.guardrails.same_person
    ids = ids_of_person(connection, request.store_id, request.only, same)
    for customer_id in ids if len(ids) > 1 else ():
        query = AudienceQuery(connection, replace(request, only=customer_id))
        yield from connection.execute(query.sharing())


def _person(same: Sequence[sa.Row[Any]], request: AudienceRequest) -> SharedAddress:
    """Return the person that these customers are, in ascending order of their ids."""
    most = request.revision.guardrails.messages_per_person_per_week
    candidates = [row for row in same if row.in_segment and row.accepts_marketing is True]
    latest = max(candidates, key=lambda row: row.last_order_at or _NEVER, default=None)
    chosen = latest.customer_id if latest is not None else None
    return SharedAddress(
        first=same[0].customer_id,
        chosen=chosen if request.only is None else request.only,
        exclusion=min((row.exclusion for row in same if row.exclusion), default=0),
        refused=any(row.accepts_marketing is False or row.is_stopped for row in same),
        had_enough=most is not None and sum(row.emails for row in same) >= most,
    )
