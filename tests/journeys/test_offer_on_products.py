"""An offer on some goods, from its file to the checkout: the code works for these goods only."""

from __future__ import annotations

from datetime import timedelta

import pytest
import requests
import sqlalchemy as sa

from tests.journeys.path import SLICE, agree, compare, finish, go_on, outbox, start, state
from tests.shop import ROOT, campaign_text, run_row, sample_book
from tests.store import buy, turn
from tillroll.campaign import Book, fingerprint
from tillroll.campaign.states import RunState
from tillroll.ecwid.client import Client
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import looks, runs
from tillroll.loop.advance import StoreWorker, advance
from tillroll.plan.due.slots import start_by_hand
from tillroll.plan.record.revisions import record_book
from tillroll.sandbox.serve import Sandbox
from tillroll.wiring import Services


def book_for(goods: str, *, limit: int = 12) -> Book:
    text = campaign_text("winback").replace("limit: 50000", f"limit: {limit}")
    return sample_book(winback=text.replace("  uses: single\n", f"  uses: single\n  applies_to: {goods}\n"))


@pytest.mark.parametrize(
    ("goods", "works", "not_for", "said"),
    [
        ("{products: [POT-01]}", "POT-01", "POT-02", "15% off Cast-iron pot on orders of"),
        ("{categories: [green TEA]}", "TEA-06", "POT-01", "15% off all of Green tea on orders of"),
    ],
    ids=["product", "category"],
)
def test_a_code_works_at_the_checkout_only_for_the_offers_goods(
    worker: StoreWorker, services: Services, sandbox: Sandbox, goods: str, works: str, not_for: str, said: str
) -> None:
    run_id = start(worker, book=book_for(goods))
    with services.engine.connect() as connection:
        body = connection.exec_driver_sql("select body from plans").scalar_one()
    assert said in str(body)
    agree(services, run_id)
    progress = finish(worker)
    assert progress.codes_live == progress.messages_sent == progress.planned > 5
    assert compare(worker).agrees
    line = outbox(services)[0]
    with pytest.raises(requests.HTTPError) as refused:
        buy(sandbox, email=line["to"], sku=not_for, coupon=line["code"])
    assert "the coupon is for other products" in refused.value.response.text
    sold = buy(sandbox, email=line["to"], sku=works, coupon=line["code"])
    assert sold["couponDiscount"] == pytest.approx(sold["subtotal"] * 0.15, abs=0.01)


def test_a_limited_coupon_is_recognised_after_a_lost_answer(
    worker: StoreWorker, services: Services, sandbox: Sandbox
) -> None:
    run_id = start(worker, book=book_for("{products: [POT-01, CUP-01], categories: [Infusions]}", limit=4))
    turn(sandbox, drop_answers=1)
    agree(services, run_id)
    progress = finish(worker)
    assert dict(progress.codes) == {"live": 4}
    assert compare(worker).agrees


def test_a_product_deleted_after_approval_stops_the_run_before_minting(
    worker: StoreWorker, services: Services, client: Client
) -> None:
    run_id = start(worker, book=book_for("{products: [POT-01]}"))
    before = [coupon.code for coupon in client.coupons.every()]
    pot = next(one for one in client.products.every() if one.sku == "POT-01")
    client.products.delete(pot.product_id)
    agree(services, run_id)
    with writing(services.engine) as connection:
        connection.execute(sa.update(looks).values(looked_at=services.clock.now() - timedelta(hours=1)))
    worker.following.polled_at = None
    go_on(worker, until=lambda: state(services, run_id) is RunState.REFUSED)
    assert "the store has no product 'POT-01'" in run_row(services.engine, run_id).reason
    assert [coupon.code for coupon in client.coupons.every()] == before
    assert outbox(services) == []


def test_a_run_waits_while_its_token_may_not_read_the_catalogue(
    worker: StoreWorker, services: Services
) -> None:
    worker.following.lacking |= {"products"}
    now = services.clock.now()
    record_book(services.engine, store_id=1, book=book_for("{products: [POT-01]}"), now=now)
    worker.files_seen = fingerprint(ROOT)
    run_id = start_by_hand(services.engine, store_id=1, name="winback", person="ana", now=now)
    advance(worker, until=now + SLICE)
    run = run_row(services.engine, run_id)
    assert (run.state, run.reason) == (RunState.PLANNING, "the store's catalogue hasn't been read yet")
    worker.following.lacking.clear()
    worker.following.polled_at = None
    with writing(services.engine) as connection:
        connection.execute(sa.update(runs).values(not_before=None))
    go_on(worker, until=lambda: state(services, run_id) is RunState.WAITING)
