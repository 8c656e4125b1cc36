"""A coupon is ours only if it has the value of its code row."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.contract.samples import coupon
from tests.send.room import CAMPAIGN, agreed, draw, planned
from tests.shop import NOW, run_row
from tillroll.campaign.states import CodeState
from tillroll.ecwid.client import Client
from tillroll.ledger.tables import codes
from tillroll.mint.context import MintContext
from tillroll.mint.coupon import coupon_name, load_pattern
from tillroll.mint.reconcile.by_code import reconcile

OWN = CAMPAIGN.replace(
    "kind: percent, value: 10", "kind: amount, value: {formula: orders * 2.5, at_most: 20}"
)


def drawn(engine: Engine) -> int:
    _, run_id = planned(engine, OWN)
    agreed(engine, run_id)
    draw(engine, run_id, NOW)
    return run_id


def rows(engine: Engine) -> list[sa.Row[object]]:
    with engine.connect() as connection:
        return list(connection.execute(sa.select(codes).order_by(codes.c.id)))


def test_the_request_carries_the_codes_own_value(ledger: Engine) -> None:
    run_id = drawn(ledger)
    with ledger.connect() as connection:
        made = load_pattern(connection, run_row(ledger, run_id))
    assert made.arms[""].discount == 0
    for row in rows(ledger):
        assert made.request(row).discount == row.value == Decimal("7.5")


def test_a_coupon_with_our_name_and_another_value_is_not_ours(ledger: Engine, client: Client) -> None:
    run_id = drawn(ledger)
    ours, other, *_ = rows(ledger)
    name = coupon_name("Hello", run_id)
    client.coupons.create(replace(coupon(ours.code, name=name), discount=Decimal("7.5")))
    client.coupons.create(replace(coupon(other.code, name=name), discount=Decimal(19)))
    found = reconcile(MintContext(engine=ledger, client=client, clock=FakeClock(), store_id=1))
    states = {row.code: row.state for row in rows(ledger)}
    assert states[ours.code] == CodeState.LIVE
    assert states[other.code] == CodeState.RESERVED
    assert (found.corrected, found.unknown) == (1, 1)
