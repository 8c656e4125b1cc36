"""Steps become runs when they are due, once each, until the flow ends."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.flows.events import (
    add_cart,
    add_order,
    add_product,
    all_runs,
    book_of,
    campaign,
    change_cart,
    entered,
    person,
    shop_with,
)
from tests.send.room import context_of
from tests.shop import ANA, NOW, run_row
from tests.web.site import put_under_way
from tillroll.campaign.states import WITHDRAWN, EntryState, MessageState, RunState
from tillroll.errors import Refused
from tillroll.flows.enroll import enroll
from tillroll.flows.overtaken import end_overtaken
from tillroll.flows.steps import take_steps
from tillroll.ledger.engine import writing
from tillroll.ledger.queries.plans import load_plan
from tillroll.ledger.queries.stores import load_store
from tillroll.ledger.tables import (
    carts,
    codes,
    customers,
    looks,
    messages,
    orders,
    recipients,
    runs,
    stock_changes,
)
from tillroll.outlook.plan_preview import PreviewRequest, preview_plan
from tillroll.plan.due.slots import start_by_hand
from tillroll.plan.make import make_plan
from tillroll.plan.record.revisions import record_book
from tillroll.send.slices.deliver import send_slice
from tillroll.track.results.overview import list_campaigns

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FLOW = """steps:
  - wait: 2h
    message: {template: note, subject: One}
  - wait: 2d
    unless: [ordered]
    unless_in: [staff]
    offer: {kind: percent, value: 10, valid: {for: 7d}}
    codes: {prefix: CART}
    message: {template: note, subject: Two}
  - wait: 1d
    unless: [code_used]
    same_code: true
    message: {template: note, subject: Three}
"""


def flow(engine: Engine, more: str = FLOW) -> int:
    store_id = shop_with(engine, person(1), cart=campaign("cart_abandoned", more))
    add_cart(engine, store_id, "c1")
    enroll(engine, store_id=store_id, now=NOW)
    return store_id


def steps(engine: Engine, store_id: int, *at: timedelta) -> list[str]:
    """The runs' keys after the clock showed these times."""
    for after in at:
        take_steps(engine, store_id=store_id, now=NOW + after)
    return [run.slot_key for run in all_runs(engine)]


def test_each_step_becomes_a_run_when_it_is_due_and_only_once(ledger: Engine) -> None:
    store_id = flow(ledger)
    assert steps(ledger, store_id, HOUR) == []
    assert steps(ledger, store_id, 2 * HOUR, 2 * HOUR, 3 * HOUR) == ["cart c1 step 1"]
    assert steps(ledger, store_id, 2 * HOUR + 2 * DAY) == ["cart c1 step 1", "cart c1 step 2"]
    assert len(steps(ledger, store_id, 2 * HOUR + 3 * DAY, 9 * DAY)) == 3
    assert entered(ledger)[0].state == EntryState.DONE
    assert [run.step for run in all_runs(ledger)] == [1, 2, 3]
    assert {run.state for run in all_runs(ledger)} == {RunState.PLANNING}


def test_a_cart_that_became_an_order_ends_the_flow(ledger: Engine) -> None:
    store_id = flow(ledger)
    change_cart(ledger, "c1", recovered_order=9)
    assert steps(ledger, store_id, 2 * HOUR) == []
    assert (entered(ledger)[0].state, entered(ledger)[0].reason) == (
        EntryState.LEFT,
        "the cart became an order",
    )


def test_a_cart_that_is_gone_ends_the_flow(ledger: Engine) -> None:
    store_id = flow(ledger)
    with writing(ledger) as connection:
        connection.execute(sa.delete(carts))
    assert steps(ledger, store_id, 2 * HOUR) == []
    assert entered(ledger)[0].reason == "the cart is gone"


def test_a_cart_that_is_changed_counts_as_abandoned_anew(ledger: Engine) -> None:
    store_id = flow(ledger)
    change_cart(ledger, "c1", updated_at=NOW + HOUR, total=Decimal(95))
    assert steps(ledger, store_id, 2 * HOUR) == []
    assert entered(ledger)[0].due_at == NOW + 3 * HOUR
    assert steps(ledger, store_id, 3 * HOUR) == ["cart c1 step 1"]
    assert Decimal(entered(ledger)[0].facts["cart"]["total"]) == 95


THANKS = """steps:
  - wait: 2d
    message: {template: note, subject: Thanks}
"""


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("PAID", ""),
        (WITHDRAWN, "the buyer withdrew from the order"),
        ("CANCELLED", "the order was cancelled"),
        ("REFUNDED", "the order was refunded"),
        ("", "the order is gone"),
    ],
)
@pytest.mark.parametrize("planned", [True, False])
def test_nobody_is_thanked_for_an_order_that_was_undone(
    ledger: Engine, status: str, reason: str, planned: bool
) -> None:
    store_id = shop_with(ledger, person(1), thanks=campaign("order_placed", THANKS))
    add_order(ledger, store_id, "A1")
    enroll(ledger, store_id=store_id, now=NOW)
    if planned:
        steps(ledger, store_id, 2 * DAY)
    with writing(ledger) as connection:
        same = orders.c.order_id == "A1"
        undo = (
            sa.update(orders).where(same).values(payment_status=status)
            if status
            else sa.delete(orders).where(same)
        )
        connection.execute(undo)
    if planned:
        assert end_overtaken(ledger, store_id=store_id, now=NOW + 2 * DAY) == bool(reason)
        assert [run.reason for run in all_runs(ledger)] == [reason]
    else:
        assert len(steps(ledger, store_id, 2 * DAY)) == (0 if reason else 1)
        assert entered(ledger)[0].reason == reason


@pytest.mark.parametrize("status", ["PAID", WITHDRAWN])
def test_an_e_mail_that_waited_is_held_when_its_order_was_undone_meanwhile(
    ledger: Engine, tmp_path: Path, status: str
) -> None:
    store_id = shop_with(ledger, person(1), thanks=campaign("order_placed", THANKS))
    add_order(ledger, store_id, "A1")
    enroll(ledger, store_id=store_id, now=NOW)
    steps(ledger, store_id, 2 * DAY)
    run_id = int(all_runs(ledger)[-1].id)
    make_plan(ledger, run_id=run_id, now=NOW + 2 * DAY, per_minute=600)
    clock = FakeClock(NOW + 2 * DAY)
    with writing(ledger) as connection:
        connection.execute(sa.update(runs).values(state=RunState.SENDING))
        connection.execute(sa.update(orders).values(payment_status=status))
    context = context_of(ledger, tmp_path, clock)
    send_slice(context, run_id=run_id, until=clock.now() + HOUR)
    with ledger.connect() as connection:
        [row] = connection.execute(sa.select(messages.c.state, messages.c.reason)).all()
    sent, held = (MessageState.SENT, ""), (MessageState.HELD, "the buyer withdrew from the order")
    assert tuple(row) == (sent if status == "PAID" else held)


def test_an_order_ends_a_flow_that_says_unless_ordered(ledger: Engine) -> None:
    store_id = flow(ledger)
    steps(ledger, store_id, 2 * HOUR)
    add_order(ledger, store_id, "A", created_at=NOW + DAY)
    assert steps(ledger, store_id, 3 * DAY) == ["cart c1 step 1"]
    assert entered(ledger)[0].reason == "they ordered"


def test_earlier_and_cancelled_orders_do_not_end_a_flow(ledger: Engine) -> None:
    store_id = flow(ledger)
    steps(ledger, store_id, 2 * HOUR)
    add_order(ledger, store_id, "A", created_at=NOW - DAY)
    add_order(ledger, store_id, "B", created_at=NOW + DAY, payment_status="REFUNDED")
    assert len(steps(ledger, store_id, 2 * HOUR + 2 * DAY)) == 2


def test_a_customer_in_a_segment_of_unless_in_leaves(ledger: Engine) -> None:
    store_id = flow(ledger)
    steps(ledger, store_id, 2 * HOUR)
    with writing(ledger) as connection:
        connection.execute(sa.update(customers).values(group_name="Staff"))
    assert len(steps(ledger, store_id, 3 * DAY)) == 1
    assert entered(ledger)[0].reason == "they are in staff"


def test_a_step_that_is_too_late_is_skipped_and_the_flow_continues(ledger: Engine) -> None:
    store_id = flow(ledger)
    steps(ledger, store_id, 9 * HOUR)
    (run,) = all_runs(ledger)
    assert run.state == RunState.SKIPPED
    assert run.reason == "missed by more than 6 hours"
    assert (entered(ledger)[0].state, entered(ledger)[0].step) == (EntryState.WAITING, 2)
    assert steps(ledger, store_id, 2 * HOUR + 2 * DAY)[1:] == ["cart c1 step 2"]


def test_a_paused_campaign_keeps_its_entries_waiting(ledger: Engine) -> None:
    store_id = flow(ledger)
    text = campaign("cart_abandoned", FLOW)
    record_book(ledger, store_id=store_id, book=book_of(cart=text.replace("active", "paused")), now=NOW)
    assert steps(ledger, store_id, 2 * HOUR) == []
    assert (entered(ledger)[0].state, entered(ledger)[0].reason) == (
        EntryState.WAITING,
        "the campaign is paused",
    )
    record_book(ledger, store_id=store_id, book=book_of(cart=text), now=NOW)
    assert entered(ledger)[0].reason == ""
    assert steps(ledger, store_id, 3 * HOUR) == ["cart c1 step 1"]


def test_a_flow_that_was_shortened_meanwhile_ends_where_it_is(ledger: Engine) -> None:
    store_id = flow(ledger)
    steps(ledger, store_id, 2 * HOUR)
    short = campaign("cart_abandoned", FLOW[: FLOW.index("  - wait: 2d")])
    record_book(ledger, store_id=store_id, book=book_of(cart=short), now=NOW)
    assert len(steps(ledger, store_id, 3 * DAY)) == 1
    assert entered(ledger)[0].reason == "the campaign has fewer steps now"


def test_a_steps_plan_is_for_the_one_it_happened_to_and_says_what_happened(ledger: Engine) -> None:
    store_id = flow(ledger)
    steps(ledger, store_id, 2 * HOUR, 2 * HOUR + 2 * DAY)
    for run in all_runs(ledger):
        assert make_plan(ledger, run_id=run.id, now=NOW + 3 * DAY, per_minute=600) is RunState.WAITING
    with ledger.connect() as connection:
        first, second = (load_plan(connection, run.id) for run in all_runs(ledger))
        found = connection.execute(sa.select(recipients.c.customer_id)).scalars().all()
    assert first is not None
    assert second is not None
    assert found == [1, 1]
    assert first.proposal.happened == "A cart of €80.00 was abandoned"
    assert (first.proposal.code_count, second.proposal.code_count) == (0, 1)
    assert (first.proposal.subject, second.proposal.subject) == ("One", "Two")
    assert first.proposal.exposure.worst_case == 0
    assert second.proposal.to_json()["facts"]["cart"]["total"] == "80.00"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"accepts_marketing": False}, "no consent to e-mails"),
        ({"email": "nobody"}, "no e-mail address"),
    ],
)
def test_who_may_not_be_written_to_ends_the_run_without_asking_anybody(
    ledger: Engine, change: dict[str, object], reason: str
) -> None:
    store_id = flow(ledger)
    with writing(ledger) as connection:
        connection.execute(sa.update(customers).values(change))
    steps(ledger, store_id, 2 * HOUR)
    (run,) = all_runs(ledger)
    assert make_plan(ledger, run_id=run.id, now=NOW + 3 * HOUR, per_minute=600) is RunState.DONE
    (run,) = all_runs(ledger)
    assert run.reason == reason


def test_a_products_run_is_for_its_segment_and_offers_that_product(ledger: Engine) -> None:
    text = campaign(
        "back_in_stock",
        """offer: {kind: percent, value: 10, applies_to: {products: ["{product}"]}, valid: {for: 7d}}
message: {template: note, subject: "{{ product.name }} is back"}""",
        who="who: {segment: newcomers}",
    )
    store_id = shop_with(ledger, person(1), person(2), back=text)
    add_product(ledger, store_id, 5)
    with writing(ledger) as connection:
        connection.execute(
            sa.insert(looks), [{"store_id": store_id, "area": "products", "looked_at": NOW, "whole_at": NOW}]
        )
        connection.execute(
            sa.insert(stock_changes).values(
                store_id=store_id,
                product_id=5,
                was_in_stock=False,
                in_stock=True,
                quantity_before=0,
                quantity=10,
                at=NOW,
            )
        )
    enroll(ledger, store_id=store_id, now=NOW)
    steps(ledger, store_id, timedelta(0))
    (run,) = all_runs(ledger)
    make_plan(ledger, run_id=run.id, now=NOW, per_minute=600)
    with ledger.connect() as connection:
        plan = load_plan(connection, run.id)
    assert plan is not None
    assert plan.proposal.audience.count == 2
    assert plan.proposal.happened == "Sencha 5 is back in stock"
    assert plan.proposal.goods is not None
    assert [one.sku for one in plan.proposal.goods.products] == ["TEA-5"]


def planned_step(engine: Engine, store_id: int, step: int) -> int:
    """The run of a step, planned; it waits for a person."""
    steps(engine, store_id, *(2 * HOUR, 2 * HOUR + 2 * DAY)[:step])
    run_id = int(all_runs(engine)[-1].id)
    assert make_plan(engine, run_id=run_id, now=NOW + 3 * HOUR, per_minute=600) is RunState.WAITING
    return run_id


@pytest.mark.parametrize(
    ("step", "happens", "reason"),
    [
        (1, "nothing", ""),
        (1, "recovered", "the cart became an order"),
        (1, "hidden", "the cart is gone"),
        (1, "ordered", ""),  # the first step doesn't say unless: [ordered]
        (2, "ordered", "they ordered"),
        (2, "refunded", ""),
    ],
)
def test_a_run_that_an_event_overtook_ends_without_a_decision(
    ledger: Engine, step: int, happens: str, reason: str
) -> None:
    store_id = flow(ledger)
    run_id = planned_step(ledger, store_id, step)
    if happens in {"ordered", "refunded"}:
        status = "PAID" if happens == "ordered" else "REFUNDED"
        add_order(ledger, store_id, "A", created_at=NOW + DAY, payment_status=status)
    elif happens != "nothing":
        change_cart(ledger, "c1", **({"recovered_order": 9} if happens == "recovered" else {"hidden": True}))
    now = NOW + 3 * DAY
    assert end_overtaken(ledger, store_id=store_id, now=now) == bool(reason)
    assert end_overtaken(ledger, store_id=store_id, now=now) == 0
    run = run_row(ledger, run_id)
    assert (run.state, run.reason) == ((RunState.DONE, reason) if reason else (RunState.WAITING, ""))
    assert (entered(ledger)[0].state == EntryState.LEFT) == bool(reason)


@pytest.mark.parametrize(
    ("step", "happens", "reason"),
    [
        (1, "recovered", "the cart became an order"),
        (1, "ordered", ""),  # the first step doesn't say unless: [ordered]
        (2, "ordered", "they ordered"),
    ],
)
def test_an_e_mail_that_waits_for_the_morning_is_held_when_its_customer_buys(
    ledger: Engine, step: int, happens: str, reason: str
) -> None:
    store_id = flow(ledger)
    run_id = planned_step(ledger, store_id, step)
    waits = {"state": MessageState.READY, "kind": "offer", "changed_at": NOW}
    with writing(ledger) as connection:
        connection.execute(sa.update(runs).where(runs.c.id == run_id).values(state=RunState.SENDING))
        plan_id = sa.select(runs.c.plan_id).where(runs.c.id == run_id).scalar_subquery()
        recipient = sa.select(recipients.c.id).where(recipients.c.plan_id == plan_id)
        row = {"store_id": store_id, "run_id": run_id, "recipient_id": connection.scalar(recipient), **waits}
        connection.execute(sa.insert(messages).values(row))
    if happens == "ordered":
        add_order(ledger, store_id, "A", created_at=NOW + DAY)
    else:
        change_cart(ledger, "c1", recovered_order=9)
    assert end_overtaken(ledger, store_id=store_id, now=NOW + 3 * DAY) == bool(reason)
    assert end_overtaken(ledger, store_id=store_id, now=NOW + 3 * DAY) == 0
    with ledger.connect() as connection:
        (message,) = connection.execute(sa.select(messages.c.state, messages.c.reason)).all()
    assert tuple(message) == ((MessageState.HELD, reason) if reason else (MessageState.READY, ""))
    assert run_row(ledger, run_id).state == RunState.SENDING, (
        "it ends by itself, once nothing is left to send"
    )


def test_a_run_that_has_begun_is_not_ended_by_events(ledger: Engine) -> None:
    store_id = flow(ledger)
    run_id = planned_step(ledger, store_id, 1)
    with writing(ledger) as connection:
        connection.execute(sa.update(runs).values(state=RunState.SENDING))
    change_cart(ledger, "c1", recovered_order=9)
    assert end_overtaken(ledger, store_id=store_id, now=NOW + DAY) == 0
    assert run_row(ledger, run_id).state == RunState.SENDING


def test_a_used_code_ends_a_flow_that_says_unless_code_used(ledger: Engine) -> None:
    store_id = flow(ledger)
    run_id = planned_step(ledger, store_id, 2)
    put_under_way(ledger, run_id, RunState.TRACKING, live=1, message_states=[("sent", "")], orders=1)
    assert len(steps(ledger, store_id, 2 * HOUR + 3 * DAY)) == 2
    assert entered(ledger)[0].reason == "they used their code"


def test_a_step_belongs_to_who_fits_who_besides(ledger: Engine) -> None:
    text = campaign("cart_abandoned", FLOW, who="who: {segment: regulars}")
    store_id = shop_with(ledger, person(1), cart=text)
    add_cart(ledger, store_id, "c1")
    enroll(ledger, store_id=store_id, now=NOW)
    steps(ledger, store_id, 2 * HOUR)
    (run,) = all_runs(ledger)
    assert make_plan(ledger, run_id=run.id, now=NOW + 3 * HOUR, per_minute=600) is RunState.DONE


@pytest.mark.parametrize(("buyer", "ended"), [(1, True), (2, False)])
def test_a_shared_code_counts_as_used_only_by_who_it_was_shown_to(
    ledger: Engine, buyer: int, ended: bool
) -> None:
    store_id = flow(ledger)
    run_id = planned_step(ledger, store_id, 2)
    put_under_way(ledger, run_id, RunState.TRACKING, live=1, message_states=[("sent", "")], orders=1)
    with writing(ledger) as connection:
        connection.execute(sa.update(codes).values(recipient_id=None))
    add_order(ledger, store_id, f"R{run_id}-0", customer_id=buyer, created_at=NOW - DAY)
    assert len(steps(ledger, store_id, 2 * HOUR + 3 * DAY)) == (2 if ended else 3)


def test_the_lists_of_campaigns_say_how_many_wait(ledger: Engine) -> None:
    store_id = flow(ledger)
    with ledger.connect() as connection:
        (line,) = list_campaigns(connection, load_store(connection, store_id), NOW)
    assert (line.waiting, line.when, line.next_at) == (1, "when a cart is abandoned", None)


def test_a_campaign_that_waits_for_events_cannot_be_started_by_hand(ledger: Engine) -> None:
    store_id = flow(ledger)
    with pytest.raises(Refused, match="starts when a cart is abandoned, not by hand"):
        start_by_hand(ledger, store_id=store_id, name="cart", person=ANA.email, now=NOW)
    revision = book_of(cart=campaign("cart_abandoned", FLOW)).revisions["cart"]
    with ledger.connect() as connection:
        store = load_store(connection, store_id)
    with pytest.raises(Refused, match="not by hand"):
        preview_plan(PreviewRequest(engine=ledger, store=store, revision=revision, now=NOW, per_minute=600))
    assert all_runs(ledger) == []


def test_a_cart_that_its_customer_came_back_to_is_shown_as_it_is_now(ledger: Engine) -> None:
    store_id = flow(ledger)
    item = {
        "product_id": 7,
        "sku": "POT",
        "name": "Pot",
        "quantity": 2,
        "price": "30",
        "picture": "",
        "options": {},
    }
    change_cart(ledger, "c1", total=Decimal(65), subtotal=Decimal(60), items=[item], updated_at=NOW + HOUR)
    steps(ledger, store_id, 2 * HOUR)
    cart = entered(ledger)[0].facts["cart"]
    assert (Decimal(cart["total"]), Decimal(cart["subtotal"])) == (65, 60)
    assert [good["name"] for good in cart["goods"]] == ["Pot"]
