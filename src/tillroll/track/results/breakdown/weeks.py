"""What the last weeks have brought, from the kept sums and the kept effects alone: it costs the same whatever was sold."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.ledger.records import Store
from tillroll.ledger.tables import campaigns, revisions
from tillroll.track.results.effect.kept import ALL_CAMPAIGNS, KeptEffect, kept_effects
from tillroll.track.results.sums import Earnings, sums_between

WEEKS = 8
"""How many weeks are shown."""

_WEEK = timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class CampaignWeek:
    """What one campaign brought in the week."""

    campaign: str
    title: str
    earned: Earnings


@dataclass(frozen=True, kw_only=True)
class WeekResults:
    """What one week brought, beside the weeks before it."""

    monday: date
    weeks: tuple[tuple[date, Earnings], ...]  # their Mondays; the last is the week itself
    campaigns: tuple[CampaignWeek, ...]  # that brought something, the largest first
    effects: tuple[tuple[str, KeptEffect], ...]  # by the campaign's title

    @property
    def total(self) -> Earnings:
        """What the week brought."""
        return self.weeks[-1][1]

    @property
    def before(self) -> Earnings:
        """What the week before it brought."""
        return self.weeks[-2][1]


def week_results(
    connection: Connection, store: Store, monday: date, only: Collection[str] = ()
) -> WeekResults:
    """Return what the week from that Monday on has brought, by the store's days. `only`: these campaigns; empty: all."""
    first, last = monday - (WEEKS - 1) * _WEEK, monday + timedelta(days=6)
    sums = sums_between(connection, store.id, first.isoformat(), last.isoformat())
    by_week = {first + number * _WEEK: Earnings() for number in range(WEEKS)}
    by_campaign: dict[str, Earnings] = {}
    for (day_text, campaign), earned in sums.items():
        if only and campaign not in only:
            continue
        day = date.fromisoformat(day_text)
        by_week[day - timedelta(days=day.weekday())] += earned
        if day >= monday:
            by_campaign[campaign] = by_campaign.get(campaign, Earnings()) + earned
    titles = {ALL_CAMPAIGNS: "All campaigns together", **_titles(connection, store.id)}
    ranked = sorted(by_campaign.items(), key=lambda each: (-each[1].revenue, each[0]))
    effects = kept_effects(connection, store.id)
    return WeekResults(
        monday=monday,
        weeks=tuple(by_week.items()),
        campaigns=tuple(
            CampaignWeek(campaign=name, title=titles.get(name, name), earned=earned)
            for name, earned in ranked
            if earned.orders
        ),
        effects=tuple(
            (titles.get(name, name), kept) for name, kept in effects.items() if not only or name in only
        ),
    )


def _titles(connection: Connection, store_id: int) -> dict[str, str]:
    query = (
        sa.select(campaigns.c.name, revisions.c.title)
        .join(revisions, revisions.c.id == campaigns.c.revision_id)
        .where(campaigns.c.store_id == store_id)
    )
    return {row.name: row.title or row.name for row in connection.execute(query)}
