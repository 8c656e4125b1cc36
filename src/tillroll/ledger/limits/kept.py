"""The watched limits of a store's campaigns as rows: what the files say, and what was done about each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign import Revision
from tillroll.campaign.states import LimitKind
from tillroll.ledger.records import Record
from tillroll.ledger.tables import campaign_limits, day_sums

Bars = Mapping[LimitKind, Decimal]
"""What bounds one campaign: an amount of money, or a share from 0 to 1."""


@dataclass(frozen=True, kw_only=True)
class KeptLimit(Record):
    """One limit of one campaign."""

    campaign: str
    kind: LimitKind
    bar: Decimal  # an amount of money, or a share from 0 to 1
    figure: Decimal  # as last compared with the bar
    warned_for: Decimal | None  # the bar of which people were told that it is near
    paused_for: Decimal | None  # the bar for which the codes were paused; None: the figure is below it
    paused_at: datetime | None
    change_id: int | None  # the last pause
    resumed_at: datetime | None  # when a person had the codes work again since then

    @property
    def is_reached(self) -> bool:
        """Whether its codes were paused for the bar as it is now."""
        return self.paused_for == self.bar


def bars_of(revision: Revision) -> Bars:
    """Return the limits of a campaign that are watched while its codes work."""
    budget = revision.campaign.budget
    bars = {
        LimitKind.BUDGET: budget.discount if budget is not None else None,
        LimitKind.LEAKS: revision.guardrails.pause_leaks_from,
    }
    return {kind: bar for kind, bar in bars.items() if bar is not None}


def record_limits(connection: Connection, store_id: int, wanted: Mapping[str, Bars]) -> None:
    """Write the bars of these campaigns, and remove those that they have no longer. Other campaigns keep what they had."""
    before = {(one.campaign, one.kind): one for one in list_limits(connection, store_id)}
    for campaign, bars in wanted.items():
        for kind in LimitKind:
            bar, was = bars.get(kind), before.get((campaign, kind))
            if bar is None and was is not None:
                connection.execute(sa.delete(campaign_limits).where(*_of(store_id, campaign, kind)))
            elif bar is not None and was is None:
                row = {"store_id": store_id, "campaign": campaign, "kind": kind, "bar": bar}
                connection.execute(sa.insert(campaign_limits).values(row))
            elif bar is not None and was is not None and bar != was.bar:
                note_limit(connection, store_id, was, bar=bar)


def list_limits(
    connection: Connection, store_id: int, *, kind: LimitKind | None = None, campaign: str | None = None
) -> list[KeptLimit]:
    """Return the watched limits of a store, of one kind or one campaign if it is given, by campaign."""
    query = sa.select(campaign_limits).where(campaign_limits.c.store_id == store_id)
    if kind is not None:
        query = query.where(campaign_limits.c.kind == kind)
    if campaign is not None:
        query = query.where(campaign_limits.c.campaign == campaign)
    rows = connection.execute(query.order_by(campaign_limits.c.campaign, campaign_limits.c.kind))
    return [KeptLimit.from_row(row) for row in rows]


def note_limit(connection: Connection, store_id: int, limit: KeptLimit, **values: Any) -> None:
    """Write what was done about a limit."""
    where = _of(store_id, limit.campaign, limit.kind)
    connection.execute(sa.update(campaign_limits).where(*where).values(values))


def _of(store_id: int, campaign: str, kind: LimitKind) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        campaign_limits.c.store_id == store_id,
        campaign_limits.c.campaign == campaign,
        campaign_limits.c.kind == kind,
    )


def discount_given(connection: Connection, store_id: int, campaign: str) -> Decimal:
    """Return what orders with a campaign's codes have taken off in all: from the sums by day, which move with every order."""
    given = sa.func.sum(day_sums.c.discount, type_=day_sums.c.discount.type)
    where = (day_sums.c.store_id == store_id, day_sums.c.campaign == campaign)
    return connection.scalar(sa.select(given).where(*where)) or Decimal(0)
