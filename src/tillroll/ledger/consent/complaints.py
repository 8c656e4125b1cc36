"""Counting a campaign's complaints: what follows from them is decided in `campaign/figures/complaints.py`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.figures.complaints import WITHIN, ComplaintLevel, ComplaintRate
from tillroll.campaign.states import MessageState, ReportKind
from tillroll.ledger.tables import mail_reports, messages, runs


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


def high_rates(connection: Connection, store_id: int, now: datetime) -> Sequence[ComplaintRate]:
    """Return the rates of the campaigns about which readers complain too often."""
    columns = mail_reports.c
    query = sa.select(columns.campaign).where(
        columns.store_id == store_id,
        columns.kind == ReportKind.COMPLAINT,
        columns.at > now - WITHIN,
        columns.campaign != "",
    )
    names = list(connection.scalars(query.distinct().order_by(columns.campaign)))
    rates = [rate_of(connection, store_id, name, now) for name in names]
    return [rate for rate in rates if rate.level is not ComplaintLevel.FINE]


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
