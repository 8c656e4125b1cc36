"""A campaign's budget is watched while its codes work: people are told at 80%, its codes are paused once it is reached."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.journeys.coupons import audited, carried_out, have, in_store
from tests.journeys.path import agree, finish, go_on, outbox, start, state
from tests.journeys.steps import book_of, see_orders
from tests.loop.test_outage import account, letters
from tests.shop import ANA, run_row
from tests.store import buy
from tillroll.campaign import Book
from tillroll.campaign.states import ChangeKind, CodeState, RunState
from tillroll.ecwid.client import Client
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.limits.kept import KeptLimit, list_limits
from tillroll.ledger.queries.changes import ChangeLine, Scope, list_changes
from tillroll.ledger.tables import codes, day_sums, looks
from tillroll.loop.advance import StoreWorker, advance
from tillroll.plan.due.slots import start_by_hand
from tillroll.plan.record.revisions import record_book
from tillroll.sandbox.serve import Sandbox
from tillroll.wiring import Services

GIFT = Scope(store_id=1, campaign="gift")


def gift(budget: str) -> Book:
    return book_of(
        gift=f"""title: A gift
owner: ana@shop.example
status: active
when: {{manual: true}}
who: {{segment: lapsed-90, limit: 12}}
offer: {{kind: amount, value: 10, valid: {{for: 14d}}}}
budget: {{discount: {budget}}}
message: {{template: winback, subject: A gift}}
"""
    )


def a_turn(worker: StoreWorker) -> None:
    advance(worker, until=worker.services.clock.now())


def pauses(engine: Engine) -> list[ChangeLine]:
    with reading(engine) as connection:
        return [one for one in list_changes(connection, 1) if one.kind is ChangeKind.PAUSE]


def limit_of(engine: Engine) -> KeptLimit:
    with reading(engine) as connection:
        (limit,) = list_limits(connection, 1)
    return limit


def states(engine: Engine) -> set[str]:
    with reading(engine) as connection:
        return set(connection.scalars(sa.select(codes.c.state)))


def use(worker: StoreWorker, sandbox: Sandbox, number: int) -> str:
    """Have a recipient order with their code, and let the worker see it. Returns the order's id."""
    line = outbox(worker.services)[number]
    sold = buy(sandbox, email=line["to"], coupon=line["code"])
    see_orders(worker, sold["orderId"])
    a_turn(worker)
    return str(sold["orderId"])


def raise_budget(worker: StoreWorker, budget: str) -> None:
    now = worker.services.clock.now()
    record_book(worker.services.engine, store_id=1, book=gift(budget), now=now)


def test_codes_are_paused_once_a_campaign_has_given_its_budget_and_a_person_goes_on(
    worker: StoreWorker, services: Services, client: Client, sandbox: Sandbox
) -> None:
    engine = services.engine
    account(services, ANA.email, "approver")
    run_id = start(worker, "gift", gift("20.00"))
    agree(services, run_id)
    finish(worker, run_id)

    use(worker, sandbox, 0)
    assert limit_of(engine).figure == Decimal(10)
    raise_budget(worker, "12.50")  # 10.00 is 80% of it, to the cent
    a_turn(worker)
    assert pauses(engine) == []
    use(worker, sandbox, 1)
    go_on(worker, until=lambda: states(engine) == {CodeState.PAUSED})
    (pause,) = pauses(engine)
    carried_out(worker, pause.change_id)
    assert {one.status for one in in_store(client).values() if one.code not in used(worker)} == {"PAUSED"}
    assert (pause.person, pause.campaign, pause.run_id) == ("loop", "gift", None)
    assert audited(services).count("codes.paused") == 1
    for _ in range(3):
        a_turn(worker)
    said = [one["subject"] for one in letters(services) if "budget" in one["subject"]]
    assert ["most of its budget" in one for one in said] == [True, False]

    carried_out(
        worker, have(services, ChangeKind.RESUME, GIFT)
    )  # without a higher budget: a person wants it so
    for _ in range(3):
        a_turn(worker)
    assert len(pauses(engine)) == 1
    assert limit_of(engine).resumed_at is not None

    raise_budget(worker, "30.00")
    a_turn(worker)
    assert limit_of(engine).paused_for is None
    use(worker, sandbox, 2)
    go_on(worker, until=lambda: len(pauses(engine)) == 2)


def used(worker: StoreWorker) -> set[str]:
    return {line["code"] for line in outbox(worker.services)[:2]}


def test_refunds_lower_what_was_given_and_a_used_up_budget_begins_no_run(
    worker: StoreWorker, services: Services, client: Client, sandbox: Sandbox
) -> None:
    engine = services.engine
    run_id = start(worker, "gift", gift("10.00"))
    agree(services, run_id)
    finish(worker, run_id)
    order = use(worker, sandbox, 0)
    (pause,) = pauses(engine)
    carried_out(worker, pause.change_id)
    again = start_by_hand(engine, store_id=1, name="gift", person="ana", now=services.clock.now())
    go_on(worker, until=lambda: state(services, again) is RunState.REFUSED)
    assert "orders have taken 10.00 off already" in run_row(engine, again).reason
    client.connection.write("PUT", f"/orders/{order}", body={"paymentStatus": "CANCELLED"})
    go_on(worker, until=lambda: given_is(worker, Decimal(0)))
    a_turn(worker)
    assert limit_of(engine).paused_for is None  # it may be reached once more; the codes stay as they are
    assert states(engine) == {CodeState.PAUSED}


def given_is(worker: StoreWorker, amount: Decimal) -> bool:
    """Have the next turn read the orders anew, and return whether they have taken this off in all."""
    worker.following.polled_at = None
    given = sa.select(sa.func.sum(day_sums.c.discount, type_=day_sums.c.discount.type))
    with writing(worker.services.engine) as connection:
        connection.execute(
            sa.update(looks).values(looked_at=worker.services.clock.now() - timedelta(hours=1))
        )
        return connection.scalar(given) == amount
