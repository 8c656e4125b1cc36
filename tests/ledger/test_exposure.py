"""Counting the codes of a store that plans compare themselves with."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.send.room import agreed, minted
from tests.shop import NOW, add_store, planned_run
from tillroll.campaign.states import CodeState
from tillroll.ledger.engine import writing
from tillroll.ledger.queries.exposure import count_codes_like, held_by_runs
from tillroll.ledger.tables import codes

FORM = {"prefix": "BACK", "length": 14}


def test_codes_of_a_form_are_counted_by_prefix_and_length_in_any_state(ledger: Engine) -> None:
    store_id, run_id = planned_run(ledger, customers=3)
    agreed(ledger, run_id, NOW)
    minted(ledger, run_id, FakeClock())
    other = add_store(ledger, ecwid_id=1004)
    row = {"run_id": run_id, "state": CodeState.REVOKED, "reserved_at": NOW, "changed_at": NOW}
    texts = [
        "BACKZZZZZZZZZZ",
        "BACK0000000000",
        "BACK-ABCD-EFGH",
        "BACK000000000",
        "BACL0000000000",
        "BACJZZZZZZZZZZ",
    ]
    with writing(ledger) as connection:
        connection.execute(sa.insert(codes), [{**row, "store_id": store_id, "code": text} for text in texts])
        connection.execute(sa.insert(codes), {**row, "store_id": other, "code": "BACKAAAAAAAAAA"})
    with ledger.connect() as connection:
        live = sa.select(sa.func.count()).where(codes.c.state == CodeState.LIVE)
        drawn = int(connection.scalar(live) or 0)
        assert drawn >= 2, "the control group gets none"
        assert count_codes_like(connection, store_id=store_id, **FORM) == drawn + 3
        assert count_codes_like(connection, store_id=other, **FORM) == 1
        assert count_codes_like(connection, store_id=store_id, prefix="", length=14) == drawn + 5
        held = held_by_runs(connection, store_id=store_id, campaign="winback", now=NOW)
        assert held.codes == drawn, "those of live runs can work, and no more"
