"""Whether somebody wants a campaign's e-mails: what planning and sending ask, by mailbox."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.figures.batched import batched
from tillroll.campaign.states import SuppressionCause
from tillroll.campaign.text.addresses import mailbox_of
from tillroll.ledger.records import Suppression
from tillroll.ledger.tables import customers, suppressions

_IN_A_QUERY = 500


@dataclass(frozen=True, kw_only=True)
class MailStanding:
    """What a person said about a campaign's e-mails."""

    stopped: SuppressionCause | None = None  # why they get none
    pause: timedelta | None = None  # at most one e-mail in so long


WANTS_ALL = MailStanding()


def is_active(now: datetime) -> sa.ColumnElement[bool]:
    """Return the condition that a suppression counts, over `suppressions`."""
    until = suppressions.c.until
    return sa.and_(suppressions.c.lifted_at.is_(None), sa.or_(until.is_(None), until > now))


def is_stopped(store_id: int, campaign: str, now: datetime) -> sa.ColumnElement[bool]:
    """Return the condition that a customer gets no e-mail of a campaign, over `customers`."""
    return sa.exists().where(
        suppressions.c.store_id == store_id,
        suppressions.c.mailbox == customers.c.mailbox,
        suppressions.c.mailbox != "",
        suppressions.c.every_days.is_(None),
        suppressions.c.campaign.in_(("", campaign)),
        is_active(now),
    )


def active_of(connection: Connection, store_id: int, address: str, now: datetime) -> list[Suppression]:
    """Return the suppressions of one person that count, the oldest first."""
    where = (suppressions.c.store_id == store_id, suppressions.c.mailbox == mailbox_of(address))
    query = sa.select(suppressions).where(*where, suppressions.c.mailbox != "", is_active(now))
    return [Suppression.from_row(row) for row in connection.execute(query.order_by(suppressions.c.id))]


def standings(
    connection: Connection, store_id: int, campaign: str, addresses: Collection[str], now: datetime
) -> Mapping[str, MailStanding]:
    """Return the standings of the few of these addresses that have one, by mailbox (`mailbox_of`)."""
    columns = suppressions.c
    found: dict[str, MailStanding] = {}
    for some in batched(sorted({mailbox_of(address) for address in addresses} - {""}), _IN_A_QUERY):
        query = (
            sa.select(columns.mailbox, columns.cause, columns.every_days)
            .where(
                columns.store_id == store_id,
                columns.mailbox.in_(some),
                columns.campaign.in_(("", campaign)),
                is_active(now),
            )
            .order_by(columns.id)
        )
        for mailbox, cause, every_days in connection.execute(query):
            found[mailbox] = _with(found.get(mailbox, WANTS_ALL), SuppressionCause(cause), every_days)
    return found


def _with(standing: MailStanding, cause: SuppressionCause, every_days: int | None) -> MailStanding:
    """Return a standing with one more suppression: the first reason stays, and the longest pause counts."""
    if every_days is None:
        return MailStanding(stopped=standing.stopped or cause, pause=standing.pause)
    pause = max(standing.pause or timedelta(0), timedelta(days=every_days))
    return MailStanding(stopped=standing.stopped, pause=pause)
