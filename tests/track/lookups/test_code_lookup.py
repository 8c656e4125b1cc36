"""A code is found however it was typed, and a mistyped code is told from an unknown one."""

from __future__ import annotations

from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.send.room import agreed, minted
from tests.shop import NOW, planned_run
from tillroll.campaign.codes.format import CROCKFORD, CodeFormat
from tillroll.campaign.codes.standing import Standing, standing_of
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import codes, redemptions
from tillroll.mint.draw import draw_codes
from tillroll.track.lookups.code_forms import mistyped_campaigns
from tillroll.track.lookups.code_lookup import find_code

SHORT = [("winback", CodeFormat(title="Short"), "BACK")]
CHECKED = [("spring", CodeFormat(title="Checked", length=8, check_symbol=True, group=3), "SPRING")]


def test_a_code_is_found_with_its_state_and_uses(ledger: Engine) -> None:
    store_id, run_id = planned_run(ledger, customers=3)
    agreed(ledger, run_id, NOW)
    minted(ledger, run_id, FakeClock())
    with writing(ledger) as connection:
        row = connection.execute(sa.select(codes).order_by(codes.c.id)).first()
        assert row is not None
        used = {
            "store_id": store_id,
            "run_id": run_id,
            "code_id": row.id,
            "order_id": "A1",
            "order_total": Decimal(40),
            "discount": Decimal(6),
            "payment_status": "PAID",
            "at": NOW,
        }
        connection.execute(sa.insert(redemptions), used)
    typed = f" {row.code[:4].lower()}-{row.code[4:].replace('0', 'O').replace('1', 'i')} "
    with ledger.connect() as connection:
        found = find_code(connection, store_id=store_id, typed=typed, forms=SHORT)
        assert found is not None
        assert (found.code, found.campaign) == (row.code, "winback")
        assert standing_of(found.facts, NOW) is Standing.USED
        assert (found.facts.uses, found.facts.last_order, found.facts.last_used_at) == (1, "A1", NOW)
        assert found.email.endswith("@example.com")
        assert found.facts.works_until is not None
        assert [(one.order_id, one.discount) for one in found.uses] == [("A1", Decimal(6))]
        assert find_code(connection, store_id=store_id, typed="BACK0000000000", forms=SHORT) is None
        assert find_code(connection, store_id=store_id + 1, typed=row.code, forms=SHORT) is None


def test_a_mistyped_code_is_told_from_an_unknown_one() -> None:
    (code,) = draw_codes(1, code_format=CHECKED[0][1], prefix="SPRING")
    wrong = code[:-1] + next(sign for sign in CROCKFORD if sign != code[-1])
    assert mistyped_campaigns(code, CHECKED) == ()
    assert mistyped_campaigns(wrong.lower(), CHECKED) == ("spring",)
    assert mistyped_campaigns("SPRING-1", CHECKED) == ()
    assert mistyped_campaigns("BACK0000000000", SHORT) == (), "without a check symbol nobody can tell"
