"""Arms and own values, from the file to the checkout: everybody gets exactly what the plan said."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.journeys.path import agree, compare, finish, outbox, start
from tests.journeys.steps import plan_of, see_orders, text_of
from tests.shop import campaign_text, sample_book
from tests.store import buy, turn
from tillroll.campaign import Book
from tillroll.campaign.text.money import say_money
from tillroll.ecwid.client import Client
from tillroll.ledger.tables import codes, customers, recipients
from tillroll.loop.advance import StoreWorker
from tillroll.sandbox.serve import Sandbox
from tillroll.track.results.arms import results_by_arm
from tillroll.wiring import Services

VARIANTS = """
variants:
  - {name: fifteen, weight: 1}
  - {name: twenty, weight: 1, offer: {value: 20, valid: {for: 3d}}, message: {subject: "20% for {{ customer.first_name }}"}}
"""
OWN = "value: {formula: 'average_order / 10', at_least: 2, at_most: 25, step: '0.5'}"


def with_variants() -> Book:
    return sample_book(winback=campaign_text("winback") + VARIANTS)


def with_own_values() -> Book:
    text = campaign_text("winback").replace("kind: percent\n  value: 15", f"kind: amount\n  {OWN}")
    return sample_book(winback=text)


def people(engine: Engine) -> dict[str, Any]:
    """Return every recipient with their code, by address."""
    query = (
        sa.select(recipients, codes.c.code, codes.c.value.label("code_value"), codes.c.coupon_id)
        .join(codes, codes.c.recipient_id == recipients.c.id)
        .where(codes.c.state == "live")
    )
    with engine.connect() as connection:
        return {row.email: row for row in connection.execute(query)}


def test_each_arm_has_its_own_offer_e_mail_and_results(
    worker: StoreWorker, services: Services, client: Client, sandbox: Sandbox
) -> None:
    run_id = start(worker, book=with_variants())
    arms = {one.name: one for one in plan_of(services.engine, run_id).proposal.arms}
    assert "15% off" in arms["fifteen"].offer
    assert "20% off" in arms["twenty"].offer
    assert all(one.count > 5 for one in arms.values())
    agree(services, run_id)
    progress = finish(worker)
    assert (
        progress.codes_live
        == progress.messages_sent
        == progress.planned
        == sum(a.count for a in arms.values())
    )
    assert compare(worker).agrees
    who, lines = people(services.engine), outbox(services)
    assert Counter(one.arm for one in who.values()) == {name: one.count for name, one in arms.items()}
    coupons = {coupon.code: coupon for coupon in client.coupons.every()}
    for line in lines:
        twenty, coupon = who[line["to"]].arm == "twenty", coupons[line["code"]]
        assert coupon.discount == (20 if twenty else 15)
        assert coupon.expires_at is not None
        assert coupon.launches_at is not None
        assert (coupon.expires_at - coupon.launches_at).days == (3 if twenty else 14)
        assert line["subject"].startswith("20% for") is twenty
        assert f"Valid until {coupon.expires_at:%B %-d}" in text_of(services, line)
    line = next(line for line in lines if who[line["to"]].arm == "twenty")
    sold = buy(sandbox, email=line["to"], sku="POT-01", coupon=line["code"])
    assert sold["couponDiscount"] == pytest.approx(sold["subtotal"] * 0.20, abs=0.01)
    see_orders(worker, sold["orderId"])
    with services.engine.connect() as connection:
        run = connection.exec_driver_sql("select id, plan_id from runs").one()
        results = {one.name: one for one in results_by_arm(connection, run)}
    assert {name: one.sent for name, one in results.items()} == {
        name: one.count for name, one in arms.items()
    }
    assert (results["twenty"].redemptions, results["fifteen"].redemptions) == (1, 0)
    assert results["twenty"].discount == Decimal(str(sold["couponDiscount"]))


@pytest.mark.parametrize("lost", [0, 2])
def test_each_coupon_has_its_recipients_own_value(
    worker: StoreWorker, services: Services, client: Client, sandbox: Sandbox, lost: int
) -> None:
    """Also when the store's answers are lost."""
    run_id = start(worker, book=with_own_values())
    turn(sandbox, drop_answers=lost)
    proposal = plan_of(services.engine, run_id).proposal
    assert proposal.values is not None
    assert 2 <= proposal.values.least < proposal.values.mean < proposal.values.most <= 25
    agree(services, run_id)
    progress = finish(worker)
    assert progress.codes_live == progress.messages_sent == progress.planned > 5
    assert compare(worker).agrees
    who = people(services.engine)
    assert sum(one.value for one in who.values()) == proposal.exposure.worst_case
    discounts = {coupon.code: coupon.discount for coupon in client.coupons.every()}
    with services.engine.connect() as connection:
        average = {
            row.customer_id: row.spent / row.orders
            for row in connection.execute(sa.select(customers).where(customers.c.orders > 0))
        }
    for line in outbox(services):
        one = who[line["to"]]
        wanted = min(average[one.customer_id] / 10, Decimal(25))
        assert one.value == one.code_value == wanted - wanted % Decimal("0.5")
        assert discounts[line["code"]] == one.value
        amount = say_money(one.value, "EUR").removesuffix(".00")
        assert f"{amount} off, whatever" in text_of(services, line)
    line = max(outbox(services), key=lambda line: who[line["to"]].value)
    sold = buy(sandbox, email=line["to"], sku="POT-01", coupon=line["code"])
    assert Decimal(str(sold["couponDiscount"])) == who[line["to"]].value
