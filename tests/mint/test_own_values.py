"""A coupon is ours only with the value its own code row has."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.contract.test_client import coupon
from tests.send.room import CAMPAIGN, Still, agreed, draw, planned
from tests.shop import NOW, run_row
from tillroll.campaign.states import CodeState
from tillroll.ecwid.client import Client
from tillroll.ledger.tables import codes
from tillroll.mint.coupon import coupon_name, pattern
from tillroll.mint.parts import Mint
from tillroll.mint.reconcile import reconcile

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
        made = pattern(connection, run_row(ledger, run_id))
    assert made.arms[""].discount == 0
    for row in rows(ledger):
        assert made.of(row).discount == row.value == Decimal("7.5")


def test_a_coupon_with_another_value_under_our_name_is_not_taken_for_ours(
    ledger: Engine, client: Client
) -> None:
    run_id = drawn(ledger)
    ours, other, *_ = rows(ledger)
    name = coupon_name("Hello", run_id)
    client.coupons.create(replace(coupon(ours.code, name=name), discount=Decimal("7.5")))
    client.coupons.create(replace(coupon(other.code, name=name), discount=Decimal(19)))
    found = reconcile(Mint(engine=ledger, client=client, clock=Still(), store_id=1))
    states = {row.code: row.state for row in rows(ledger)}
    assert states[ours.code] == CodeState.LIVE
    assert states[other.code] == CodeState.RESERVED
    assert (found.put_right, found.unknown) == (1, 1)
