"""Count customers' orders, and write where they stand now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.figures.tiers import TierCause, TierScale
from tillroll.campaign.states import NO_SALE
from tillroll.ledger.engine import upsert
from tillroll.ledger.mirror.loyalty import TierCounting, TierStanding, standings_of
from tillroll.ledger.people.forgotten import forgotten_among
from tillroll.ledger.tables import customer_tiers, orders, tier_changes
from tillroll.track.tiers.queue import queue_moves

PIECE = 500
"""Customers who are counted in one transaction."""

_SCALE = 10_000  # amounts are kept in ten-thousandths


def count_customers(
    connection: Connection, store_id: int, scale: TierScale, ids: Sequence[int], now: datetime
) -> dict[int, TierStanding]:
    """Return where customers stand by their orders alone; `since` is left open. Who was forgotten has no tier."""
    at: sa.ColumnElement[Any] = orders.c.created_at
    total = sa.type_coerce(orders.c.total, sa.BigInteger)
    worth: sa.ColumnElement[Any] = (
        total if scale.points_per_unit is None else (total // _SCALE) * scale.points_per_unit
    )
    if scale.within is not None:  # no condition: with one, the database would read all orders of that time
        is_recent = at > now - scale.within
        worth, at = sa.case((is_recent, worth), else_=0), sa.case((is_recent, at))
    oldest = sa.func.min(at, type_=orders.c.created_at.type)
    query = sa.select(orders.c.customer_id, sa.func.sum(worth).label("worth"), oldest.label("oldest")).where(
        orders.c.store_id == store_id,
        orders.c.customer_id.in_(ids),
        orders.c.payment_status.not_in(NO_SALE),
    )
    counted = {}
    for row in connection.execute(query.group_by(orders.c.customer_id)):
        if scale.within is not None and row.oldest is None:
            continue
        figure = Decimal(int(row.worth))
        figure = figure if scale.points_per_unit is not None else figure / _SCALE
        moves_at = row.oldest + scale.within if scale.within is not None else None
        counted[row.customer_id] = TierStanding(
            customer_id=row.customer_id, tier=scale.tier_of(figure), figure=figure, moves_at=moves_at
        )
    for customer_id in forgotten_among(connection, store_id, list(counted)):
        del counted[customer_id]
    return counted


def recount(
    connection: Connection,
    store_id: int,
    counting: TierCounting,
    ids: Sequence[int],
    *,
    cause: TierCause,
    now: datetime,
) -> None:
    """Count customers again, and write what differs from what is kept, each change of tier once.

    By new rules, who was never counted before has no change: nobody knows since when they would have been in their tier.
    """
    kept = standings_of(connection, store_id, list(ids))
    counted = count_customers(connection, store_id, counting.scale, ids, now)
    standings: list[dict[str, Any]] = []
    changes: list[dict[str, Any]] = []
    for customer_id in ids:
        was, new = kept.get(customer_id), counted.get(customer_id, TierStanding(customer_id=customer_id))
        if was is None and customer_id not in counted:
            continue
        before = was or TierStanding(customer_id=customer_id)
        is_first = was is None and cause is TierCause.RULES
        if new.tier != before.tier and not is_first:
            rose = counting.scale.rank(new.tier) > counting.scale.rank(before.tier)
            change = {"customer_id": customer_id, "was": before.tier, "tier": new.tier, "rose": rose}
            changes.append({"store_id": store_id, **change, "cause": cause, "at": now})
            new = replace(new, since=now)
        else:
            new = replace(new, since=before.since)
        standings.append({"store_id": store_id, **asdict(new)})
    upsert(connection, customer_tiers, standings)
    if changes:
        connection.execute(sa.insert(tier_changes), changes)
    if counting.groups:
        queue_moves(connection, store_id, [change["customer_id"] for change in changes], now)
