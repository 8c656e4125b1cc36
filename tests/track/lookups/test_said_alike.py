"""A look-up, a run's list of e-mails and an export say the same of each code, with few queries however many they are."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.send.room import agreed, minted
from tests.shop import NOW, counting, planned_run
from tillroll.campaign.codes.standing import Standing, standing_of
from tillroll.campaign.states import CodeState, StoreUse
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.tables import codes, messages, redemptions
from tillroll.mint.export import reveal_codes
from tillroll.track.lookups.code_lookup import find_code
from tillroll.track.results.messages import list_messages

STANDINGS: dict[Standing, dict[str, Any]] = {
    Standing.LIVE: {},
    Standing.USED: {},
    Standing.RETURNED: {"store_use": StoreUse.RETURNED},
    Standing.USED_UP: {"store_use": StoreUse.USED_UP},
    Standing.PAUSED: {"state": CodeState.PAUSED},
    Standing.REVOKED: {"state": CodeState.REVOKED},
    Standing.EXPIRED: {"valid_until": NOW - timedelta(hours=1)},
    Standing.SCHEDULED: {"valid_from": NOW + timedelta(days=1)},
}


def test_every_place_says_the_same_of_a_code(ledger: Engine) -> None:
    store_id, run_id = planned_run(ledger, customers=12)
    agreed(ledger, run_id, NOW)
    minted(ledger, run_id, FakeClock())
    expected = {}
    with writing(ledger) as connection:
        rows = connection.execute(sa.select(codes).order_by(codes.c.id)).all()[: len(STANDINGS)]
        for row, (standing, values) in zip(rows, STANDINGS.items(), strict=True):
            expected[row.code] = standing
            if values:
                connection.execute(sa.update(codes).where(codes.c.id == row.id).values(values))
            message = {
                "store_id": store_id, "run_id": run_id, "recipient_id": row.recipient_id, "code_id": row.id,
                "message_key": row.code, "kind": "offer", "state": "sent", "changed_at": NOW,
            }  # fmt: skip
            connection.execute(sa.insert(messages), message)
            if standing is Standing.USED:
                used = {
                    "store_id": store_id, "run_id": run_id, "code_id": row.id, "order_id": "A1",
                    "order_total": Decimal(40), "discount": Decimal(6), "payment_status": "PAID", "at": NOW,
                }  # fmt: skip
                connection.execute(sa.insert(redemptions), used)
    with reading(ledger) as connection:
        for code, standing in expected.items():
            found = find_code(connection, store_id=store_id, typed=code, forms=())
            assert found is not None
            assert standing_of(found.facts, NOW) is standing
        with counting(ledger) as statements:
            lines = list_messages(connection, run_id, state=None, after=0, limit=50)
        assert len(statements) <= 3
    assert {line.code: standing_of(line.facts, NOW) for line in lines if line.facts} == expected
    exported = reveal_codes(ledger, run_id=run_id, person="ana@shop.example", now=NOW)
    shown = [row for row in exported if row["code"] in expected]
    assert {row["code"]: row["state"] for row in shown} == expected
    assert {row["last_order"] for row in shown if row["uses"]} == {"A1"}
