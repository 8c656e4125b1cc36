"""A run with some hundreds of codes that are live in the store."""

from __future__ import annotations

import time
from datetime import timedelta

import sqlalchemy as sa

from tests.mint.coupons import coupon
from tillroll.campaign.states import (
    CodeState,
    RunState,
)
from tillroll.ecwid.client import Client
from tillroll.ledger.engine import writing
from tillroll.ledger.queries.changes import Scope
from tillroll.ledger.tables import codes, runs
from tillroll.wiring import Services

COUNT = 600


def add_live_codes(parts: Services, client: Client) -> Scope:
    """Add a run whose codes are live in the store, and return its scope."""
    now = parts.clock.now().replace(microsecond=0)
    until = now + timedelta(days=30)
    row = {
        "store_id": 1,
        "campaign": "long-ago",
        "slot_key": "one",
        "slot_at": now,
        "state": RunState.TRACKING,
    }
    row |= {"valid_from": now, "valid_until": until, "created_at": now, "changed_at": now}
    with writing(parts.engine) as connection:
        run_id = connection.execute(sa.insert(runs).values(row).returning(runs.c.id)).scalar_one()
    texts = [f"LONG{number:04}" for number in range(COUNT)]
    for start in range(0, COUNT, 300):
        inner = [
            client.coupons.creation(code, coupon(code, now, until)) for code in texts[start : start + 300]
        ]
        ticket = client.batches.create(inner, deduplication_key=f"key-{start}", group="made")
        while not client.batches.status(ticket).finished:
            time.sleep(0.02)
    ids = {coupon.code: coupon.coupon_id for coupon in client.coupons.every()}
    same = {"store_id": 1, "run_id": run_id, "state": CodeState.LIVE, "reserved_at": now, "changed_at": now}
    with writing(parts.engine) as connection:
        connection.execute(
            sa.insert(codes), [{**same, "code": code, "coupon_id": ids[code]} for code in texts]
        )
    return Scope(store_id=1, campaign="long-ago", run_id=run_id)
