"""Find customers who came into a loyalty tier, as `track/tiers/` noted. Only their latest change counts: they are still in it."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.figures.tiers import TierCause
from tillroll.campaign.language.events.tiers import TIER_ENTERED, ComingFrom, TierEntered
from tillroll.flows.finders.finder import EventFinder, EventWindow, StoreEvent, stream
from tillroll.flows.finders.keys import customer_key
from tillroll.ledger.tables import tier_changes


def _entered(connection: Connection, window: EventWindow, conditions: TierEntered) -> Iterator[StoreEvent]:
    change, later = tier_changes.c, tier_changes.alias("later").c
    query = sa.select(change.id, change.customer_id, change.was, change.at).where(
        change.store_id == window.store_id,
        change.tier == conditions.tier,
        change.cause == TierCause.ORDERS,
        change.at >= max(window.first_seen, window.since),
        ~sa.exists().where(
            later.store_id == change.store_id,
            later.customer_id == change.customer_id,
            later.id > change.id,
        ),
    )
    if conditions.from_ is not ComingFrom.ANYWHERE:
        rose = sa.true() if conditions.from_ is ComingFrom.BELOW else sa.false()
        query = query.where(change.rose.is_(rose))
    for row in stream(connection, query.order_by(change.at, change.id)):
        yield StoreEvent(
            key=customer_key(row.customer_id, event=f"tier {conditions.tier} change {row.id}"),
            customer_id=row.customer_id,
            happened_at=row.at,
            facts={"tier": {"name": conditions.tier, "was": row.was}},
        )


FINDERS = (EventFinder(kind=TIER_ENTERED, find=_entered),)
