"""Forgetting a person (GDPR, article 17): their rows are removed or blanked, and they come into no campaign again.

Runs that wait or were approved with them are planned again. E-mails to them that wait are held. Their codes stay what they are in
the store. What must stay says so in `places.py`: that they don't want e-mails, and the proof of their consent.

A CRM that is told of changes is told of the erasure (`ledger/crm/events.py`), and of nothing else about them any more.

The mirror doesn't take a forgotten customer up again, even if the store still has them (`ledger/people/forgotten.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.states import CODE_IN_STORE, EntryState, MessageState, PrivacyKind, RunState
from tillroll.errors import NotFound, TryLater
from tillroll.ledger import audit
from tillroll.ledger.crm.events import tell_erasure
from tillroll.ledger.engine import insert_if_new, writing
from tillroll.ledger.queries.runs import move_run
from tillroll.ledger.records import Store
from tillroll.ledger.tables import codes, entries, forgotten, messages, privacy_requests, recipients, runs
from tillroll.privacy.places import PLACES, DataPlace
from tillroll.privacy.subject import DataSubject, among, conditions, find_subject

_A_MOMENT = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class Erasure:
    """What was done to forget a person."""

    customers: tuple[
        int, ...
    ]  # their numbers in the store, which still has them unless somebody deletes them there
    rows: int  # that were removed or blanked
    held: int  # e-mails that will not be sent
    replanned: int  # runs that are planned again without them
    codes_live: int  # that they can still use
    settled: int  # requests that the store had passed on


def erase_person(engine: Engine, store: Store, *, email: str, actor: str, now: datetime) -> Erasure:
    """Forget a person in one transaction. Safe to repeat.

    Raises `NotFound` for somebody whom the ledger doesn't know, and `TryLater` while an e-mail to them is leaving.
    """
    with writing(engine) as connection:
        subject = find_subject(connection, store.id, email)
        if not subject.is_known:
            raise NotFound(
                f"Nobody with this address is known for {store.name or 'this store'}.",
                hint="Capitals don't matter, but the address must be whole. `tillroll store` shows which store is meant.",
            )
        _refuse_while_sending(connection, subject, now)
        for number in subject.numbers:
            row = {"store_id": store.id, "customer_id": number, "at": now, "person": actor}
            insert_if_new(connection, forgotten, row)
        erasure = Erasure(
            customers=subject.numbers,
            held=_hold_messages(connection, subject, now),
            replanned=_plan_again(connection, subject, now),
            codes_live=_live_codes(connection, subject),
            settled=_settle_requests(connection, subject, now),
            rows=_leave_flows(connection, subject, now)
            + sum(_empty(connection, subject, one) for one in PLACES),
        )
        tell_erasure(connection, store.id, subject.numbers, subject.addresses)
        body = {"customers": list(subject.numbers), "rows": erasure.rows, "held": erasure.held}
        about = f"store {store.ecwid_id}"
        audit.record(connection, at=now, actor=actor, action="privacy.erased", subject=about, body=body)
    return erasure


def _refuse_while_sending(connection: Connection, subject: DataSubject, now: datetime) -> None:
    for theirs in among(messages.c.recipient_id, subject.recipients):
        leaving = sa.exists().where(theirs, messages.c.state == MessageState.SENDING)
        if connection.scalar(sa.select(leaving)):
            raise TryLater("An e-mail to them is leaving right now.", retry_at=now + _A_MOMENT)


def _hold_messages(connection: Connection, subject: DataSubject, now: datetime) -> int:
    held = sa.update(messages).where(messages.c.state == MessageState.READY)
    values = {"state": MessageState.HELD, "changed_at": now}
    return _change(connection, held.values(values), among(messages.c.recipient_id, subject.recipients))


def _plan_again(connection: Connection, subject: DataSubject, now: datetime) -> int:
    """Send the runs that have not begun and were planned with the person back to planning."""
    not_begun = {RunState.WAITING, RunState.APPROVED}
    found: set[int] = set()
    for theirs in among(recipients.c.id, subject.recipients):
        of_plan = sa.select(recipients.c.plan_id).where(theirs)
        query = sa.select(runs.c.id).where(runs.c.plan_id.in_(of_plan), runs.c.state.in_(tuple(not_begun)))
        found |= set(connection.scalars(query))
    reason = "somebody's data was erased"
    return sum(
        move_run(connection, run_id, was=not_begun, to=RunState.PLANNING, now=now, reason=reason)
        for run_id in sorted(found)
    )


def _live_codes(connection: Connection, subject: DataSubject) -> int:
    live = sa.select(sa.func.count()).where(codes.c.state.in_(tuple(CODE_IN_STORE)))
    theirs = among(codes.c.recipient_id, subject.recipients)
    return sum(connection.scalar(live.where(one)) or 0 for one in theirs)


def _settle_requests(connection: Connection, subject: DataSubject, now: datetime) -> int:
    """Settle the requests to be deleted that the store passed on about these customers."""
    open_ones = sa.update(privacy_requests).where(
        privacy_requests.c.store_id == subject.store_id,
        privacy_requests.c.kind == PrivacyKind.REMOVAL,
        privacy_requests.c.settled_at.is_(None),
    )
    about = among(privacy_requests.c.entity, map(str, subject.numbers))
    return _change(connection, open_ones.values(settled_at=now), about)


def _leave_flows(connection: Connection, subject: DataSubject, now: datetime) -> int:
    waiting = sa.update(entries).where(
        entries.c.store_id == subject.store_id, entries.c.state == EntryState.WAITING
    )
    values = {
        "state": EntryState.LEFT,
        "due_at": None,
        "reason": "their data was erased",
        "changed_at": now,
    }
    return _change(connection, waiting.values(values), among(entries.c.customer_id, subject.numbers))


def _empty(connection: Connection, subject: DataSubject, place: DataPlace) -> int:
    """Remove or blank a person's rows in one place. Returns how many."""
    if not (place.removed or place.blanked):
        return 0
    change = sa.delete(place.table) if place.removed else sa.update(place.table).values(dict(place.blanked))
    return _change(connection, change, conditions(subject, place))


def _change(
    connection: Connection, change: sa.Update | sa.Delete, theirs: Iterable[sa.ColumnElement[bool]]
) -> int:
    """Change the rows that fit one of these conditions. Returns how many."""
    return sum(connection.execute(change.where(one)).rowcount for one in theirs)
