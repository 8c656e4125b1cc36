"""A shared code: one coupon in the store and the same code in every e-mail, never silently replaced."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import sqlalchemy as sa

from tests.contract.samples import coupon
from tests.journeys.path import agree, compare, finish, go_on, outbox, start, state
from tests.journeys.steps import book_of, plan_of, see_orders, text_of, wake, write_down
from tests.shop import run_row, sample_book
from tests.store import buy, turn
from tillroll.campaign.states import RunState
from tillroll.ecwid.client import Client
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import codes
from tillroll.loop.advance import StoreWorker, advance
from tillroll.plan.due.slots import start_by_hand
from tillroll.sandbox.serve import Sandbox
from tillroll.track.results.progress import run_progress
from tillroll.wiring import Services

SUMMER = """title: Summer
owner: ana@shop.example
status: active
when: {manual: true}
who: {segment: lapsed-90, limit: 12}
offer: {kind: percent, value: 10, uses: once_per_customer, valid: {for: 14d}}
codes: {shared: SUMMER26}
message: {template: winback, subject: Summer}
"""


def once_more(worker: StoreWorker) -> int:
    """Start another run of the campaign, up to its plan. Returns its number."""
    services = worker.services
    now = services.clock.now()
    run_id = start_by_hand(services.engine, store_id=1, name="summer", person="ana", now=now)
    go_on(worker, until=lambda: state(services, run_id) is RunState.WAITING)
    return run_id


def test_everybody_gets_the_shared_code_and_later_runs_reuse_it(
    worker: StoreWorker, services: Services, client: Client, sandbox: Sandbox
) -> None:
    before = len(list(client.coupons.every()))
    run_id = start(worker, "summer", book_of(summer=SUMMER))
    proposal = plan_of(services.engine, run_id).proposal
    assert (proposal.audience.count, proposal.code_count, proposal.calls) == (12, 1, 1)
    assert (proposal.code_example, proposal.exposure.worst_case) == ("SUMMER26", None)
    assert "can be passed on" in proposal.exposure.worst_case_basis
    agree(services, run_id)
    progress = finish(worker)
    assert (progress.codes_live, progress.messages_sent) == (1, 12)
    assert compare(worker).agrees
    assert {line["code"] for line in outbox(services)} == {"SUMMER26"}
    assert "Your code: SUMMER26" in text_of(services, outbox(services)[0])
    made = [one for one in client.coupons.every() if one.code == "SUMMER26"]
    assert [(one.uses_limit, one.discount) for one in made] == [("ONCEPERCUSTOMER", Decimal(10))]

    again = once_more(worker)
    agree(services, again)
    assert finish(worker, again).messages_sent == 12
    assert len(list(client.coupons.every())) == before + 1
    sold = buy(sandbox, email=outbox(services)[0]["to"], coupon="SUMMER26")
    see_orders(worker, sold["orderId"])
    with services.engine.connect() as connection:
        assert run_progress(connection, again).redemptions == 1


def test_a_lost_answer_leads_to_no_second_coupon(
    worker: StoreWorker, services: Services, client: Client, sandbox: Sandbox
) -> None:
    before = len(list(client.coupons.every()))
    run_id = start(worker, "summer", book_of(summer=SUMMER))
    turn(sandbox, drop_answers=1)
    agree(services, run_id)
    assert finish(worker).codes_live == 1
    assert len(list(client.coupons.every())) == before + 1
    assert len(outbox(services)) == 12


def test_guardrails_on_the_worst_case_refuse_an_unlimited_shared_code(
    worker: StoreWorker, services: Services
) -> None:
    write_down(worker, sample_book(summer=SUMMER))
    now = services.clock.now()
    run_id = start_by_hand(services.engine, store_id=1, name="summer", person="ana", now=now)
    go_on(worker, until=lambda: state(services, run_id) is RunState.REFUSED)
    assert "the worst case is unlimited, the limit is 400,000" in run_row(services.engine, run_id).reason
    write_down(worker, sample_book(summer=SUMMER + "budget: {discount: 500}\n"))
    bounded = start_by_hand(services.engine, store_id=1, name="summer", person="ben", now=now, key="bounded")
    go_on(worker, until=lambda: state(services, bounded) is RunState.WAITING)


def test_a_shared_code_that_the_store_has_is_not_replaced(
    worker: StoreWorker, services: Services, client: Client
) -> None:
    coupon_id = client.coupons.create(coupon("SUMMER26", name="Made in the admin"))
    run_id = start(worker, "summer", book_of(summer=SUMMER))
    agree(services, run_id)
    go_on(worker, until=lambda: "that isn't ours" in run_row(services.engine, run_id).reason)
    assert state(services, run_id) is RunState.MINTING
    assert outbox(services) == []
    wake(worker)
    advance(worker, until=services.clock.now() + timedelta(seconds=2))
    assert "that isn't ours" in run_row(services.engine, run_id).reason

    client.coupons.delete(coupon_id)  # as the hint says; some minutes later it is asked for again
    with writing(services.engine) as connection:
        connection.execute(sa.update(codes).values(changed_at=services.clock.now() - timedelta(minutes=11)))
    wake(worker)
    progress = finish(worker, run_id)
    assert (progress.codes_live, progress.messages_sent) == (1, 12)
    assert compare(worker).agrees


def test_a_run_with_another_offer_does_not_send_the_old_code(
    worker: StoreWorker, services: Services, client: Client
) -> None:
    agree(services, start(worker, "summer", book_of(summer=SUMMER)))
    finish(worker)
    write_down(worker, book_of(summer=SUMMER.replace("value: 10", "value: 20")))
    run_id = once_more(worker)
    agree(services, run_id)
    go_on(worker, until=lambda: bool(run_row(services.engine, run_id).reason))
    assert "made for run 1 (summer) with another offer" in run_row(services.engine, run_id).reason
    assert len(outbox(services)) == 12
    made = [one for one in client.coupons.every() if one.code == "SUMMER26"]
    assert [one.discount for one in made] == [Decimal(10)]
