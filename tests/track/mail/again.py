"""Whom the next run of a campaign would write to."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.shop import NOW
from tillroll.ledger.tables import plans, recipients, runs
from tillroll.plan.due.slots import start_by_hand
from tillroll.plan.make import make_plan


def next_readers(ledger: Engine) -> list[str]:
    """Start the campaign `hello` once more and plan it. Returns the addresses that it would write to."""
    later = NOW + timedelta(days=8)
    with ledger.connect() as connection:
        store_id = connection.scalars(sa.select(runs.c.store_id)).first()
    assert store_id is not None
    run_id = start_by_hand(ledger, store_id=store_id, name="hello", person="ana", now=later)
    make_plan(ledger, run_id=run_id, now=later, per_minute=600)
    query = (
        sa.select(recipients.c.email)
        .join(plans, plans.c.id == recipients.c.plan_id)
        .where(plans.c.run_id == run_id)
        .order_by(recipients.c.id)
    )
    with ledger.connect() as connection:
        return list(connection.scalars(query))
