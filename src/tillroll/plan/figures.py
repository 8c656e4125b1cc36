"""What the ledger knows of the past, for a plan's money: orders of the store, and how earlier runs of the campaign went."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.models import Offer
from tillroll.campaign.states import CodeState
from tillroll.ledger.engine import reading
from tillroll.ledger.tables import codes, customers, redemptions, runs
from tillroll.plan import decide
from tillroll.plan.audience import Selection


def figures_by_arm(
    engine: Engine, *, store_id: int, campaign: str, offers: Mapping[str, Offer | None], selection: Selection
) -> dict[str, decide.Figures]:
    """The figures that each arm's cost is worked out from."""
    with reading(engine) as connection:
        orders, spent = selection.orders, selection.spent
        if orders == 0:
            everyone = sa.select(sa.func.sum(customers.c.orders), sa.func.sum(customers.c.spent))
            orders, spent = connection.execute(everyone.where(customers.c.store_id == store_id)).one()
        past_codes, past_redemptions = past(connection, store_id, campaign)
    found = {}
    for arm, offer in offers.items():
        count = selection.arms[arm]
        same = (
            offer.fixed_value * count if offer is not None and offer.fixed_value is not None else Decimal(0)
        )
        found[arm] = decide.Figures(
            codes=count,
            values=selection.values.get(arm, same),
            largest_average_order=selection.largest_average,
            average_order=Decimal(spent) / int(orders) if orders else None,
            past_codes=past_codes,
            past_redemptions=past_redemptions,
        )
    return found


def past(connection: Connection, store_id: int, campaign: str) -> tuple[int, int]:
    """Live codes and redemptions of the campaign's earlier runs."""
    earlier = sa.select(runs.c.id).where(runs.c.store_id == store_id, runs.c.campaign == campaign)
    live = sa.select(sa.func.count()).where(codes.c.run_id.in_(earlier), codes.c.state == CodeState.LIVE)
    used = sa.select(sa.func.count()).where(redemptions.c.run_id.in_(earlier))
    return int(connection.scalar(live) or 0), int(connection.scalar(used) or 0)
