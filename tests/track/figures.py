"""What a ledger says that was made of a store's orders, so that two ways of reading the same orders can be compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.track.tiers_room import tiers
from tillroll.campaign.text.zones import zone_of
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.queries.stores import load_store
from tillroll.ledger.tables import (
    codes,
    day_sums,
    leak_checks,
    looks,
    order_items,
    orders,
    readings,
    redemptions,
    store_days,
)
from tillroll.track.results.leaks.found import every_leak
from tillroll.track.results.leaks.judge import judge_uses
from tillroll.track.results.report import campaign_reports
from tillroll.track.results.sums import sums_between
from tillroll.track.store_days.judge import StoreDay
from tillroll.track.store_days.kept import count_days, days_between, write_days


@dataclass(frozen=True, kw_only=True)
class OrderFigures:
    """All figures that orders move, without numbers of rows."""

    reports: Mapping[str, tuple[Any, ...]]  # by campaign, what `tillroll report --json` says, with the effect
    sums: Mapping[Any, Any]  # by day and campaign
    days: Mapping[str, StoreDay]
    used_by: Mapping[str, tuple[str, str, str]]  # by order: code, campaign, who used it
    leaks: frozenset[tuple[str, str, int, Decimal]]  # kind, campaign, uses and cost
    tiers: Mapping[int, tuple[str, Decimal]]


def count_store_days(engine: Engine, store_id: int, until: date) -> None:
    with writing(engine) as connection:
        store = load_store(connection, store_id)
        write_days(connection, store_id, count_days(connection, store, until))


def today(engine: Engine, store_id: int, now: datetime) -> date:
    with reading(engine) as connection:
        return now.astimezone(zone_of(load_store(connection, store_id).timezone)).date()


def figures_of(engine: Engine, store_id: int, *, until: date, now: datetime) -> OrderFigures:
    """Let the loop's work over orders end, and return the figures. `until`: the last day of the store that is counted."""
    while judge_uses(engine, store_id=store_id, now=now) is not None:
        pass
    count_store_days(engine, store_id, until)
    of_code = (
        sa.select(redemptions.c.order_id, codes.c.code, leak_checks.c.campaign, leak_checks.c.used_by)
        .join(codes, codes.c.id == redemptions.c.code_id)
        .join(leak_checks, leak_checks.c.redemption_id == redemptions.c.id)
        .where(redemptions.c.store_id == store_id)
    )
    with reading(engine) as connection:
        store = load_store(connection, store_id)
        return OrderFigures(
            reports={
                each.campaign: (each.sent, each.orders, each.rate, each.revenue, each.discount, each.effect)
                for each in campaign_reports(connection, store, now=now)
            },
            sums=sums_between(connection, store_id, "2000", "3000"),
            days=days_between(connection, store_id, "2000", "3000"),
            used_by={row[0]: (row[1], row[2], row[3]) for row in connection.execute(of_code)},
            leaks=frozenset(
                (each.kind.value, each.campaign, each.uses, each.cost)
                for each in every_leak(connection, store_id)
            ),
            tiers=tiers(engine, store_id),
        )


def forget_orders(engine: Engine) -> None:
    """Bring the ledger back to where no order had been read."""
    with writing(engine) as connection:
        for table in (redemptions, order_items, orders, day_sums, store_days, readings, looks):
            connection.execute(sa.delete(table))
        assert connection.scalar(sa.select(sa.func.count()).select_from(leak_checks)) == 0
        connection.execute(sa.update(codes).values(store_use=""))
