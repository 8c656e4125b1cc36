"""Telling the store who takes e-mails back, or wants them again: the customer's `acceptMarketing`.

A process that dies between the call and its record calls again, which changes nothing. Without the scope `update_customers` the
store isn't told; the ledger's own suppressions count all the same, and it is tried again a day later.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection

from tillroll.batches.session import StoreSession
from tillroll.campaign.states import PushOutcome
from tillroll.ecwid.http.errors import StoreRefusal, StoreSaysNotFound
from tillroll.errors import OutcomeUnknown, ScopeMissing
from tillroll.ledger.engine import reading
from tillroll.ledger.records import ConsentPush
from tillroll.ledger.tables import consent_pushes, customers
from tillroll.track.waiting import WITHOUT_SCOPE, WaitingRows

log = structlog.get_logger("tillroll.track")

_WAITING = WaitingRows(table=consent_pushes)
_MOST = 100  # in one turn


def tell_store(session: StoreSession, *, until: datetime) -> datetime | None:
    """Tell the store what waits, until then. Return when to continue, or None while nothing waits for its time."""
    with reading(session.engine) as connection:
        waiting = _due(connection, session.store_id, session.clock.now())
    for push in waiting:
        if session.clock.now() >= until:
            break
        try:
            outcome = _tell(session, push)
        except ScopeMissing as missing:
            _WAITING.put_off(session.engine, session.store_id, session.clock.now() + WITHOUT_SCOPE)
            log.warning(
                "consent.not_told", store_id=session.store_id, reason=missing.message, do=missing.hint
            )
            break
        except (OutcomeUnknown, StoreRefusal):
            _try_later(session, push)
            continue
        _settle(session, push, outcome)
    with reading(session.engine) as connection:
        return _next_at(connection, session.store_id, session.clock.now())


def _due(connection: Connection, store_id: int, now: datetime) -> Sequence[ConsentPush]:
    where = _WAITING.due(store_id, now)
    query = sa.select(consent_pushes).where(*where).order_by(consent_pushes.c.id).limit(_MOST)
    return [ConsentPush.from_row(row) for row in connection.execute(query)]


def _tell(session: StoreSession, push: ConsentPush) -> PushOutcome:
    """Change every customer of the store who is this person."""
    theirs = (customers.c.store_id == session.store_id, customers.c.mailbox == push.mailbox)
    with reading(session.engine) as connection:
        query = sa.select(customers.c.customer_id).where(*theirs).order_by(customers.c.customer_id)
        ids = list(connection.scalars(query))
    outcome = PushOutcome.NO_CUSTOMER
    for customer_id in ids:
        try:
            session.client.customers.set_consent(customer_id, push.agreed)
        except StoreSaysNotFound:  # deleted meanwhile
            continue
        outcome = PushOutcome.TOLD
    return outcome


def _settle(session: StoreSession, push: ConsentPush, outcome: PushOutcome) -> None:
    _WAITING.change(session.engine, push.id, {"done_at": session.clock.now(), "outcome": outcome})


def _try_later(session: StoreSession, push: ConsentPush) -> None:
    """Count an attempt in vain; after several the store is left as it is."""
    if not _WAITING.try_later(session.engine, push.id, push.attempts, session.clock.now()):
        log.error("consent.refused", store_id=session.store_id, push=push.id)
        _settle(session, push, PushOutcome.REFUSED)


def _next_at(connection: Connection, store_id: int, now: datetime) -> datetime | None:
    """Return when the next one is due, if that is within the minute in which a store has its turn anyway."""
    not_before = sa.func.coalesce(consent_pushes.c.not_before, consent_pushes.c.asked_at)
    query = sa.select(sa.func.min(not_before, type_=consent_pushes.c.asked_at.type)).where(
        *_WAITING.of_store(store_id)
    )
    due_at: datetime | None = connection.scalar(query)
    return max(due_at, now) if due_at is not None and due_at < now + timedelta(minutes=1) else None
