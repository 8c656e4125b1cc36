"""Writing that somebody wants no e-mails, or fewer, and that they want them again.

It is written at once, with the mirror's consent, so that nothing planned or sent from here on passes it by. What the store must
be told waits in `consent_pushes`. The store's row is locked, so that the same wish twice is written once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.frozen.recipient import mask_email
from tillroll.campaign.states import ConsentSource, PushOutcome, SuppressionCause
from tillroll.campaign.text.addresses import mailbox_of, same_address
from tillroll.ledger import audit
from tillroll.ledger.consent.standing import is_active
from tillroll.ledger.engine import lock_store_row
from tillroll.ledger.records import Suppression
from tillroll.ledger.tables import consent_pushes, consents, customers, suppressions

WITHDRAWALS = frozenset(
    {
        SuppressionCause.UNSUBSCRIBED,
        SuppressionCause.COMPLAINT,
        SuppressionCause.BY_HAND,
        SuppressionCause.IMPORTED,
    }
)
"""What takes consent back, of which the store is told. An address that doesn't work says nothing about it."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What somebody wants of a store's e-mails, or what a report about them comes to."""

    address: str
    cause: SuppressionCause
    source: ConsentSource
    campaign: str = ""  # empty: all
    every_days: int | None = None  # at most one e-mail in so many days; None: none
    run_id: int | None = None  # whose e-mail led to it
    until: datetime | None = None  # None: for good
    note: str = ""

    @property
    def stops_everything(self) -> bool:
        """Whether no e-mail of any campaign goes to them."""
        return not self.campaign and self.every_days is None


def suppress(connection: Connection, store_id: int, wish: Wish, *, now: datetime, actor: str) -> bool:
    """Write a wish. Returns whether it is new: the same wish again changes nothing."""
    lock_store_row(connection, store_id)
    address, mailbox = same_address(wish.address), mailbox_of(wish.address)
    if not mailbox or connection.scalar(_same(store_id, mailbox, wish, now)) is not None:
        return False
    withdraws = wish.stops_everything and wish.cause in WITHDRAWALS
    withdrew = withdraws and _withdraw(connection, store_id, mailbox)
    row = {
        "store_id": store_id,
        "address": address,
        "mailbox": mailbox,
        "campaign": wish.campaign,
        "every_days": wish.every_days,
        "cause": wish.cause,
        "source": wish.source,
        "run_id": wish.run_id,
        "note": wish.note,
        "withdrew": withdrew,
        "at": now,
        "until": wish.until,
    }
    insert = sa.insert(suppressions).values(row).returning(suppressions.c.id)
    number = connection.scalars(insert).one()
    if withdraws:
        note_consent(connection, store_id, address, agreed=False, source=wish.source, now=now)
        ask_store(connection, store_id, mailbox, agreed=False, now=now)
    body = {
        "address": mask_email(address),
        "campaign": wish.campaign,
        "cause": wish.cause.value,
        "source": wish.source.value,
        "every_days": wish.every_days,
    }
    subject = f"suppression {number}"
    audit.record(connection, at=now, actor=actor, action="suppression.added", subject=subject, body=body)
    return True


def _same(store_id: int, mailbox: str, wish: Wish, now: datetime) -> sa.Select[tuple[int]]:
    """Select an active suppression that says the same."""
    columns = suppressions.c
    every = columns.every_days
    return (
        sa.select(columns.id)
        .where(
            columns.store_id == store_id,
            columns.mailbox == mailbox,
            columns.campaign == wish.campaign,
            columns.cause == wish.cause,
            every.is_(None) if wish.every_days is None else every == wish.every_days,
            columns.until.is_(None) if wish.until is None else columns.until == wish.until,
            is_active(now),
        )
        .limit(1)
    )


def _withdraw(connection: Connection, store_id: int, mailbox: str) -> bool:
    """Write to the mirror that a person takes consent back. Returns whether they had given it."""
    theirs = (customers.c.store_id == store_id, customers.c.mailbox == mailbox)
    agreed = customers.c.accepts_marketing.is_(sa.true())
    had = connection.scalar(sa.select(customers.c.customer_id).where(*theirs, agreed).limit(1)) is not None
    connection.execute(sa.update(customers).where(*theirs).values(accepts_marketing=False))
    return had


@dataclass(frozen=True, kw_only=True)
class Which:
    """Which suppressions of an address are lifted: by default all."""

    causes: frozenset[SuppressionCause] = frozenset(SuppressionCause)
    sources: frozenset[ConsentSource] = frozenset(ConsentSource)
    campaign: str | None = None  # only those of this campaign, or of all (empty)
    since: datetime | None = None  # only those written since


def lift(
    connection: Connection, store_id: int, address: str, which: Which, *, now: datetime, actor: str
) -> list[Suppression]:
    """Lift the suppressions of an address, and return them.

    Consent that one of them took back is not given again: that is for whoever knows that the person wants it (`agree`).
    """
    lock_store_row(connection, store_id)
    where = [
        suppressions.c.store_id == store_id,
        suppressions.c.mailbox == mailbox_of(address),
        suppressions.c.cause.in_(sorted(which.causes)),
        suppressions.c.source.in_(sorted(which.sources)),
        is_active(now),
    ]
    if which.campaign is not None:
        where.append(suppressions.c.campaign == which.campaign)
    if which.since is not None:
        where.append(suppressions.c.at >= which.since)
    rows = connection.execute(sa.select(suppressions).where(*where).order_by(suppressions.c.id))
    found = [Suppression.from_row(row) for row in rows]
    if not found:
        return []
    numbers = [suppression.id for suppression in found]
    lifted = sa.update(suppressions).where(suppressions.c.id.in_(numbers))
    connection.execute(lifted.values(lifted_at=now, lifted_by=actor))
    body = {"address": mask_email(same_address(address)), "suppressions": numbers}
    audit.record(
        connection, at=now, actor=actor, action="suppression.lifted", subject=f"store {store_id}", body=body
    )
    return found


def agree(
    connection: Connection,
    store_id: int,
    address: str,
    *,
    source: ConsentSource,
    now: datetime,
    detail: str = "",
) -> None:
    """Write that somebody agrees to e-mails: to the mirror, as proof, and for the store."""
    mailbox = mailbox_of(address)
    theirs = (customers.c.store_id == store_id, customers.c.mailbox == mailbox)
    connection.execute(sa.update(customers).where(*theirs).values(accepts_marketing=True))
    note_consent(connection, store_id, address, agreed=True, source=source, now=now, detail=detail)
    ask_store(connection, store_id, mailbox, agreed=True, now=now)


def note_consent(
    connection: Connection,
    store_id: int,
    address: str,
    *,
    agreed: bool,
    source: ConsentSource,
    now: datetime,
    at: datetime | None = None,
    detail: str = "",
) -> None:
    """Add to the proof of consent what somebody said, and when: at a moment, or now."""
    row = {
        "store_id": store_id,
        "address": same_address(address),
        "mailbox": mailbox_of(address),
        "agreed": agreed,
        "source": source,
        "detail": detail,
        "at": at or now,
        "noted_at": now,
    }
    connection.execute(sa.insert(consents).values(row))


def ask_store(connection: Connection, store_id: int, mailbox: str, *, agreed: bool, now: datetime) -> None:
    """Have the store told. What it was to be told before about the same person is settled with it: the last wish counts."""
    open_ = (
        consent_pushes.c.store_id == store_id,
        consent_pushes.c.mailbox == mailbox,
        consent_pushes.c.done_at.is_(None),
    )
    overtaken = {"done_at": now, "outcome": PushOutcome.OVERTAKEN}
    connection.execute(sa.update(consent_pushes).where(*open_).values(overtaken))
    row = {"store_id": store_id, "mailbox": mailbox, "agreed": agreed, "asked_at": now}
    connection.execute(sa.insert(consent_pushes).values(row))
