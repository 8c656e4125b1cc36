"""How many of a campaign's readers call its e-mails spam, and what follows: a warning, or a hold.

Gmail and Yahoo ask senders to stay below 0.1 %, and punish them from 0.3 % on (https://support.google.com/a/answer/81126).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from fractions import Fraction

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import MessageState, ReportKind
from tillroll.ledger.tables import mail_reports, messages, runs

WARNS_OVER = Fraction(1, 1000)
HOLDS_OVER = Fraction(3, 1000)
WITHIN = timedelta(days=30)
FEWEST = 3
"""With fewer complaints no campaign is held: one reader's slip would stop each small one."""


class ComplaintLevel(StrEnum):
    """What a rate of complaints leads to."""

    FINE = "fine"
    WARN = "warn"
    HOLD = "hold"


@dataclass(frozen=True, kw_only=True)
class ComplaintRate:
    """A campaign's complaints and e-mails of the last 30 days."""

    campaign: str
    complaints: int
    sent: int

    @property
    def share(self) -> Fraction:
        """The complaints for each e-mail."""
        return Fraction(self.complaints, max(self.sent, self.complaints, 1))

    @property
    def level(self) -> ComplaintLevel:
        """What it leads to."""
        if self.share > HOLDS_OVER and self.complaints >= FEWEST:
            return ComplaintLevel.HOLD
        return ComplaintLevel.WARN if self.share > WARNS_OVER else ComplaintLevel.FINE

    @property
    def sentence(self) -> str:
        """The rate, for people."""
        return f"{self.complaints:,} of {self.sent:,} e-mails of the last 30 days were called spam ({float(self.share):.2%})"


def new_complaints(connection: Connection, store_id: int) -> Sequence[str]:
    """Return the campaigns that somebody complained about since they were last judged."""
    columns = mail_reports.c
    query = sa.select(columns.campaign).where(
        columns.store_id == store_id,
        columns.kind == ReportKind.COMPLAINT,
        columns.judged_at.is_(None),
        columns.campaign != "",
    )
    return list(connection.scalars(query.distinct().order_by(columns.campaign)))


def rate_of(connection: Connection, store_id: int, campaign: str, now: datetime) -> ComplaintRate:
    """Return a campaign's rate of complaints."""
    complaints = sa.select(sa.func.count()).where(
        mail_reports.c.store_id == store_id,
        mail_reports.c.campaign == campaign,
        mail_reports.c.kind == ReportKind.COMPLAINT,
        mail_reports.c.at > now - WITHIN,
    )
    sent = (
        sa.select(sa.func.count())
        .select_from(messages)
        .join(runs, runs.c.id == messages.c.run_id)
        .where(
            runs.c.store_id == store_id,
            runs.c.campaign == campaign,
            messages.c.state == MessageState.SENT,
            messages.c.sent_at > now - WITHIN,
        )
    )
    return ComplaintRate(
        campaign=campaign,
        complaints=int(connection.scalar(complaints) or 0),
        sent=int(connection.scalar(sent) or 0),
    )


def mark_judged(connection: Connection, store_id: int, campaign: str, now: datetime) -> None:
    """Note that a campaign's complaints so far were judged: what a person decides then stands until the next one."""
    of_campaign = (
        mail_reports.c.store_id == store_id,
        mail_reports.c.campaign == campaign,
        mail_reports.c.kind == ReportKind.COMPLAINT,
        mail_reports.c.judged_at.is_(None),
    )
    connection.execute(sa.update(mail_reports).where(*of_campaign).values(judged_at=now))
