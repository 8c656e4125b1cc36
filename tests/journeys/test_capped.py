"""A percentage of at most an amount, from the file to the checkout: no till gives more, and no e-mail says more."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
import requests
import sqlalchemy as sa

from tests.journeys.path import agree, compare, finish, outbox, start
from tests.journeys.steps import plan_of, text_of, write_down
from tests.journeys.test_pool import pool_run
from tests.journeys.test_variants_and_values import people
from tests.shop import campaign_text, sample_book, sample_files
from tillroll.campaign import Book, parse_book
from tillroll.campaign.text.money import say_price
from tillroll.ecwid.client import Client
from tillroll.ledger.tables import customers
from tillroll.loop.advance import StoreWorker
from tillroll.sandbox.serve import Sandbox
from tillroll.wiring import Services

CAP = Decimal(9)
SHARE = Decimal("0.15")


def capped_text(extra: str = "") -> str:
    text = campaign_text("winback").replace(
        "  value: 15\n  minimum_subtotal: 30\n", f"  value: 15\n  at_most: {CAP}\n{extra}"
    )
    text = text.replace("15% is waiting for you", "{{ offer.discount }} for you")
    assert "at_most" in text
    return text


def capped_book() -> Book:
    return sample_book(winback=capped_text())


def orders(sandbox: Sandbox, email: str, coupon: str) -> Iterator[tuple[Decimal, Decimal]]:
    """Order ever larger baskets with one code until one is accepted, and yield its subtotal and what it got off."""
    for count in (1, 2, 4, 8, 16, 32):
        answer = order(sandbox, email, coupon, count)
        if answer.ok:
            body = answer.json()
            yield Decimal(str(body["subtotal"])), Decimal(str(body["couponDiscount"]))
            return


def order(sandbox: Sandbox, email: str, coupon: str, count: int) -> requests.Response:
    address = sandbox.ready.base_url.removesuffix("/api/v3")
    basket = {"email": email, "items": [{"sku": "TEA-01", "quantity": count}], "coupon": coupon}
    return requests.post(f"{address}/sandbox/checkout", json=basket, timeout=60)


def test_each_coupon_keeps_the_cap_and_the_percentage(
    worker: StoreWorker, services: Services, client: Client, sandbox: Sandbox
) -> None:
    run_id = start(worker, book=capped_book())
    proposal = plan_of(services.engine, run_id).proposal
    assert proposal.offer.startswith("15% off (at most €9)")
    assert "get €9 off orders of €60 or more" in proposal.cap
    assert proposal.values is not None
    assert proposal.values.most == CAP
    agree(services, run_id)
    progress = finish(worker)
    assert progress.codes_live == progress.messages_sent == progress.planned > 5
    assert compare(worker).agrees
    who = people(services.engine)
    assert sum(each.value for each in who.values()) == proposal.exposure.worst_case
    at_cap = sum(each.value == CAP for each in who.values())
    assert f"{at_cap} recipients get €9" in proposal.cap
    coupons = {coupon.code: coupon for coupon in client.coupons.every()}
    with services.engine.connect() as connection:
        average = {
            row.customer_id: row.spent / row.orders
            for row in connection.execute(sa.select(customers).where(customers.c.orders > 0))
        }
    for line in outbox(services):
        each, coupon = who[line["to"]], coupons[line["code"]]
        assert coupon.discount_type == "ABS"
        assert coupon.minimum_subtotal is not None
        assert coupon.discount == each.value == each.code_value <= CAP
        assert coupon.discount <= SHARE * coupon.minimum_subtotal
        assert coupon.minimum_subtotal <= average[each.customer_id]
        price, least = (say_price(amount, "EUR") for amount in (each.value, coupon.minimum_subtotal))
        text = text_of(services, line)
        assert f"{price} off, whatever" in text
        assert f"For orders of {least} or more" in text
        assert "15" not in line["subject"]
        assert f"{price} off for you" in line["subject"]


def test_the_till_gives_no_more_on_any_basket(
    worker: StoreWorker, services: Services, sandbox: Sandbox
) -> None:
    agree(services, start(worker, book=capped_book()))
    finish(worker)
    who, given = people(services.engine), 0
    for line in outbox(services):
        assert not order(sandbox, line["to"], line["code"], 1).ok or who[line["to"]].value <= 2
        for subtotal, off in orders(sandbox, line["to"], line["code"]):
            given += 1
            assert off == who[line["to"]].value <= min(CAP, SHARE * subtotal)
    assert given > 5


@pytest.mark.parametrize(
    ("codes_block", "extra", "off", "least"),
    [
        ("shared: COME-BACK", "", 9, 60),
        ("prefix: CB, pool: {size: 100, low_water: 60}", "  usual_basket: 40\n", 6, 40),
    ],
)
def test_codes_that_nobody_has_yet_take_one_amount_off(
    worker: StoreWorker,
    services: Services,
    client: Client,
    codes_block: str,
    extra: str,
    off: int,
    least: int,
) -> None:
    text = capped_text(extra).replace("codes: {format: short, prefix: BACK}", f"codes: {{{codes_block}}}")
    if "shared" in codes_block:
        text = text.replace("uses: single", "uses: once_per_customer").replace(
            "budget: {worst_case: 400000}\n", ""
        )
    files = {**sample_files(), "campaigns/winback.yaml": text.encode()}
    del files["rules/guardrails.yaml"]
    book = parse_book(files)
    write_down(worker, book)
    if "pool" in codes_block:
        pool = pool_run(worker, "pool 1")
        assert (
            f"so each takes €{off} off orders of €{least} or more"
            in plan_of(services.engine, pool).proposal.cap
        )
        assert plan_of(services.engine, pool).proposal.exposure.worst_case == 100 * off
        agree(services, pool)
        finish(worker, pool)
    run_id = start(worker, book=book)
    proposal = plan_of(services.engine, run_id).proposal
    assert f"so each takes €{off} off orders of €{least} or more" in proposal.cap
    assert proposal.values is None
    agree(services, run_id)
    finish(worker, run_id)
    ours = [coupon for coupon in client.coupons.every() if "(tillroll run " in coupon.name]
    assert ours
    for coupon in ours:
        assert (coupon.discount_type, coupon.discount, coupon.minimum_subtotal) == ("ABS", off, least)
    assert outbox(services)
    for line in outbox(services):
        assert f"€{off} off, whatever" in text_of(services, line)
        assert f"orders of €{least} or more" in text_of(services, line)
