"""An e-mail of a flow asks the store once whether its order or cart still stands, right before it would leave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.flows.events import add_cart, add_order, all_runs, campaign, change_cart, person, shop_with
from tests.send.room import agreed, context_of, lines_of, minted, ready_to_send
from tests.shop import NOW
from tillroll.campaign.states import MessageState
from tillroll.flows.enroll import enroll
from tillroll.flows.steps import take_steps
from tillroll.ledger.engine import writing
from tillroll.ledger.mirror.event_subject import EventSubject, SubjectKind
from tillroll.ledger.tables import carts, messages, orders
from tillroll.plan.make import make_plan
from tillroll.send.context import SendContext
from tillroll.send.slices.deliver import send_slice
from tillroll.send.slices.subject import ASK_AGAIN_AFTER

HOUR = timedelta(hours=1)
CART = EventSubject(kind=SubjectKind.CART, id="c1")
FLOW = "steps:\n  - wait: 2h\n    message: {template: note, subject: One}\n"


class Store:
    """What the store says when it is asked."""

    def __init__(self, says: Callable[[], None] | None) -> None:
        self.says, self.asked = says, list[EventSubject]()

    def __call__(self, subject: EventSubject) -> bool:
        self.asked.append(subject)
        if self.says is not None:
            self.says()
        return self.says is not None


def due(engine: Engine, event: str, clock: FakeClock) -> int:
    """Return a run of one reader's flow, whose e-mail may leave now."""
    store_id = shop_with(engine, person(1), flow=campaign(event, FLOW))
    if event == "cart_abandoned":
        add_cart(engine, store_id, "c1")
    else:
        add_order(engine, store_id, "c1", created_at=NOW, seen_at=NOW)
    enroll(engine, store_id=store_id, now=NOW)
    take_steps(engine, store_id=store_id, now=NOW + 2 * HOUR)
    run_id = int(all_runs(engine)[-1].id)
    clock.pass_by(3 * 3600)
    make_plan(engine, run_id=run_id, now=clock.now(), per_minute=600)
    agreed(engine, run_id, clock.now())
    minted(engine, run_id, clock)
    return run_id


def send(context: SendContext, run_id: int) -> None:
    send_slice(context, run_id=run_id, until=context.clock.now() + timedelta(seconds=5))


def message_of(engine: Engine) -> tuple[str, str]:
    with engine.connect() as connection:
        row = connection.execute(sa.select(messages.c.state, messages.c.reason)).one()
    return row.state, row.reason


@pytest.mark.parametrize(
    ("event", "news", "state", "reason"),
    [
        ("cart_abandoned", {}, MessageState.SENT, ""),
        ("cart_abandoned", {"recovered_order": 9}, MessageState.HELD, "the cart became an order"),
        ("cart_abandoned", {"hidden": True}, MessageState.HELD, "the cart is gone"),
        ("cart_abandoned", None, MessageState.HELD, "the cart is gone"),
        ("order_placed", {}, MessageState.SENT, ""),
        ("order_placed", {"payment_status": "CANCELLED"}, MessageState.HELD, "the order was cancelled"),
        ("order_placed", {"payment_status": "REFUNDED"}, MessageState.HELD, "the order was refunded"),
        (
            "order_placed",
            {"payment_status": "WITHDRAWN"},
            MessageState.HELD,
            "the buyer withdrew from the order",
        ),
        ("order_placed", None, MessageState.HELD, "the order is gone"),
    ],
)
def test_what_the_store_says_at_the_last_moment_counts(
    ledger: Engine, tmp_path: Path, event: str, news: dict[str, object] | None, state: str, reason: str
) -> None:
    clock = FakeClock()
    run_id = due(ledger, event, clock)
    table = carts if event == "cart_abandoned" else orders

    def says() -> None:
        change = sa.delete(table) if news is None else sa.update(table).values(seen_at=clock.now(), **news)
        with writing(ledger) as connection:
            connection.execute(change)

    store = Store(says)
    send(replace(context_of(ledger, tmp_path, clock), ask_store=store), run_id)
    assert message_of(ledger) == (state, reason)
    assert len(store.asked) == 1
    assert len(lines_of(tmp_path)) == (state is MessageState.SENT)


def test_without_an_answer_the_e_mail_waits_and_is_asked_for_again(ledger: Engine, tmp_path: Path) -> None:
    clock = FakeClock()
    run_id = due(ledger, "cart_abandoned", clock)
    silent = Store(None)
    unreadable = Store(lambda: None)  # an answer of which nothing reached the mirror
    waits = (MessageState.READY, "the store doesn't say whether the cart still stands")
    for store in (silent, unreadable):
        context = replace(context_of(ledger, tmp_path, clock), ask_store=store)
        send(context, run_id)
        send(context, run_id)
        assert store.asked == [CART]  # it isn't asked all the time
        assert message_of(ledger) == waits
        clock.pass_by(ASK_AGAIN_AFTER.total_seconds())
    speaks = Store(lambda: change_cart(ledger, "c1", seen_at=clock.now()))
    send(replace(context_of(ledger, tmp_path, clock), ask_store=speaks), run_id)
    assert (len(lines_of(tmp_path)), speaks.asked) == (1, [CART])


def test_a_cart_that_was_just_read_is_not_asked_for(ledger: Engine, tmp_path: Path) -> None:
    clock = FakeClock()
    run_id = due(ledger, "cart_abandoned", clock)
    change_cart(ledger, "c1", seen_at=clock.now() - timedelta(seconds=5))
    store = Store(None)
    send(replace(context_of(ledger, tmp_path, clock), ask_store=store), run_id)
    assert (len(lines_of(tmp_path)), store.asked) == (1, [])


def test_a_campaign_to_many_asks_nothing(ledger: Engine, tmp_path: Path) -> None:
    clock = FakeClock()
    run_id = ready_to_send(ledger, clock=clock)
    store = Store(None)
    send(replace(context_of(ledger, tmp_path, clock), ask_store=store), run_id)
    assert (len(lines_of(tmp_path)), store.asked) == (8, [])
