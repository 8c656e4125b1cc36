"""What each campaign of a store has brought: e-mails, orders with its codes, and what they changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import MessageState
from tillroll.ledger.queries.plans import load_revision
from tillroll.ledger.records import Store
from tillroll.ledger.tables import campaigns, message_counts, plans, redemptions, runs
from tillroll.track.results.effect.estimate import Interval, share_interval
from tillroll.track.results.effect.outcomes import CampaignEffect, campaign_effect


@dataclass(frozen=True, kw_only=True)
class CampaignReport:
    """What one campaign has brought up to now, in the store's currency."""

    campaign: str
    title: str
    runs: int  # that were planned
    sent: int  # e-mails with an offer that left, without reminders
    orders: int  # that used one of its codes and weren't undone
    rate: Interval | None  # orders an e-mail; none without e-mails, and where a code is for everybody
    revenue: Decimal
    discount: Decimal
    effect: CampaignEffect

    @property
    def average_order(self) -> Decimal | None:
        """The average order that used one of its codes; None if there is none."""
        return self.revenue / self.orders if self.orders else None


def campaign_reports(
    connection: Connection, store: Store, *, now: datetime, name: str | None = None
) -> Iterator[CampaignReport]:
    """Yield a report for each campaign that has had a run, by name. Reads every recipient, so it isn't for a page."""
    query = _reported(store.id, name).add_columns(campaigns.c.revision_id)
    for row in connection.execute(query).all():
        revision_id = row.revision_id or _last_revision(connection, store.id, row.name)
        if revision_id is not None:
            yield _report(connection, store, row.name, revision_id, now)


def reported_campaigns(connection: Connection, store_id: int, name: str | None = None) -> list[str]:
    """Return the names of the campaigns that have had a run, or of one of them."""
    return list(connection.scalars(_reported(store_id, name)))


def _reported(store_id: int, name: str | None) -> sa.Select[Any]:
    had_run = sa.exists().where(*_runs_of(store_id), runs.c.campaign == campaigns.c.name)
    query = sa.select(campaigns.c.name).where(campaigns.c.store_id == store_id, had_run)
    if name is not None:
        query = query.where(campaigns.c.name == name)
    return query.order_by(campaigns.c.name)


def _runs_of(store_id: int) -> tuple[sa.ColumnElement[bool], ...]:
    return runs.c.store_id == store_id, runs.c.plan_id.is_not(None)


def _last_revision(connection: Connection, store_id: int, name: str) -> int | None:
    """Return the revision of a campaign's latest plan: its files have faults now, or are gone."""
    query = (
        sa.select(plans.c.revision_id)
        .join(runs, runs.c.plan_id == plans.c.id)
        .where(*_runs_of(store_id), runs.c.campaign == name)
        .order_by(plans.c.id.desc())
        .limit(1)
    )
    found: int | None = connection.scalar(query)
    return found


def _report(
    connection: Connection, store: Store, name: str, revision_id: int, now: datetime
) -> CampaignReport:
    campaign = load_revision(connection, revision_id).campaign
    of_campaign = (*_runs_of(store.id), runs.c.campaign == name)
    count = connection.scalar(sa.select(sa.func.count()).select_from(runs).where(*of_campaign)) or 0
    sent = connection.scalar(
        sa.select(sa.func.sum(message_counts.c.n))
        .join(runs, runs.c.id == message_counts.c.run_id)
        .where(*of_campaign, message_counts.c.kind == "offer", message_counts.c.state == MessageState.SENT)
    )
    used = connection.execute(
        sa.select(
            sa.func.count().label("orders"),
            sa.func.sum(redemptions.c.order_total).label("revenue"),
            sa.func.sum(redemptions.c.discount).label("discount"),
        )
        .select_from(redemptions)
        .join(runs, runs.c.id == redemptions.c.run_id)
        .where(*of_campaign)
    ).one()
    return CampaignReport(
        campaign=name,
        title=campaign.title,
        runs=int(count),
        sent=int(sent or 0),
        orders=int(used.orders),
        rate=share_interval(used.orders, sent) if sent and used.orders <= sent else None,
        revenue=used.revenue or Decimal(0),
        discount=used.discount or Decimal(0),
        effect=campaign_effect(connection, store_id=store.id, campaign=campaign, name=name, now=now),
    )
