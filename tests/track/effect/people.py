"""People of a campaign and its control group, and what they order."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.shop import NOW, planned_run, sample_book
from tillroll.campaign.states import RunState
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import held_back, orders, recipients, runs

DAY = timedelta(days=1)
WINDOW = 14 * DAY + 7 * DAY  # of the sample's win-back: its codes' fourteen days and a week


def planned(
    engine: Engine, *, since: datetime = NOW, customers: int = 200
) -> tuple[int, int, list[int], list[int]]:
    """Plan a run that has begun. Returns the store, the plan, and the numbers of those written to and held back."""
    store_id, run_id = planned_run(engine, book=sample_book(), customers=customers)
    with writing(engine) as connection:
        begun = {"state": RunState.TRACKING, "valid_from": since, "valid_until": since + 14 * DAY}
        connection.execute(sa.update(runs).where(runs.c.id == run_id).values(begun))
        plan_id = connection.scalars(sa.select(runs.c.plan_id)).one()
        ours = list(connection.scalars(sa.select(recipients.c.customer_id).order_by(recipients.c.id)))
        theirs = list(connection.scalars(sa.select(held_back.c.customer_id)))
    return store_id, plan_id, ours, theirs


def ordered(
    engine: Engine, store_id: int, customer_id: int, at: datetime, total: int, *, status: str = "PAID"
) -> None:
    with writing(engine) as connection:
        number = connection.scalar(sa.select(sa.func.count()).select_from(orders)) or 0
        row = {
            "store_id": store_id,
            "order_id": f"O{number}",
            "customer_id": customer_id,
            "total": Decimal(total),
            "payment_status": status,
            "created_at": at,
            "seen_at": at,
        }
        connection.execute(sa.insert(orders).values(row))
