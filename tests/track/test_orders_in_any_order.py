"""Orders delivered as webhooks in any order, repeatedly and with deaths in between give the figures of one clean sync."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Engine

from tests.shop import NOW, planned_run, run_row
from tests.track.figures import count_store_days, figures_of, forget_orders, today
from tests.track.room import CLOCK, call, session_of
from tests.track.tiers_room import BY_SPEND, rules, tiers
from tillroll.campaign.digest import Blinder
from tillroll.campaign.states import RunState
from tillroll.ecwid.client import Client
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.queries.stores import load_store
from tillroll.ledger.tables import codes, held_back, recipients, redemptions, runs
from tillroll.mint.issue.reserve import reserve
from tillroll.sandbox.serve import Sandbox
from tillroll.track.mirror.areas import ORDERS
from tillroll.track.mirror.sync import sync
from tillroll.track.results.leaks.judge import judge_uses
from tillroll.track.results.sums import keep_sums, rebuild_sums, sums_between
from tillroll.track.store_days.rebuild import rebuild_days
from tillroll.track.tiers.follow import follow_tiers, record_tiers
from tillroll.track.tiers.rebuild import rebuild_tiers
from tillroll.track.webhooks.act import handle_events
from tillroll.track.webhooks.intake import WebhookDelivery, store_event

ORDERS_PLACED = 14
EDITS = 60
BLINDER = Blinder("the key of a test")


class Killed(BaseException):
    """The worker died here: nothing of the open transaction stays, and nothing after it happens."""


@contextmanager
def dying(engine: Engine, transaction: int) -> Iterator[None]:
    """Die before a transaction of the block begins or commits, if the block has as many."""
    left = transaction

    def count(*_: Any) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise Killed

    for moment in ("begin", "commit"):
        event.listen(engine, moment, count)
    try:
        with suppress(Killed):
            yield
    finally:
        for moment in ("begin", "commit"):
            event.remove(engine, moment, count)


@dataclass(kw_only=True)
class Shop:
    """A store whose orders change by chance, and the webhooks that it hasn't delivered yet."""

    client: Client
    chance: random.Random
    codes: list[str]
    placed: list[str] = field(default_factory=list)
    waiting: list[WebhookDelivery] = field(default_factory=list)
    events: int = 0

    def change(self) -> None:
        """Place, edit, refund, cancel or delete one order."""
        if len(self.placed) < ORDERS_PLACED and self.chance.random() < 0.5:
            email = self.chance.choice(["ana@example.com", "ben@example.com", "eva@example.com"])
            body = {"email": email, "paymentStatus": "PAID", **self._total(), **self._coupon()}
            self.placed.append(str(call(self.client, "POST", "/orders", body)["orderid"]))
            self._tell("order.created", self.placed[-1])
        elif self.placed and self.chance.random() < 0.1:
            gone = self.placed.pop(self.chance.randrange(len(self.placed)))
            call(self.client, "DELETE", f"/orders/{gone}")
            self._tell("order.deleted", gone)
        elif self.placed:
            order = self.chance.choice(self.placed)
            call(self.client, "PUT", f"/orders/{order}", self._edit())
            self._tell("order.updated", order)

    def _edit(self) -> dict[str, Any]:
        status = self.chance.choice(["PAID", "PAID", "CANCELLED", "REFUNDED", "AWAITING_PAYMENT"])
        refund = {"paymentStatus": "PARTIALLY_REFUNDED", "refundedAmount": self.chance.choice([1, 7.25, 400])}
        return self.chance.choice(
            [
                {"paymentStatus": status},
                self._total(),
                self._coupon(),
                refund,
                {"withdrawalRequested": self.chance.random() < 0.5},
            ]
        )

    def _total(self) -> dict[str, Any]:
        return {"total": self.chance.randrange(1_000, 9_000) / 100, "couponDiscount": 5}

    def _coupon(self) -> dict[str, Any]:
        return {"discountCoupon": {"code": self.chance.choice([*self.codes, "FRIENDS"])}}

    def _tell(self, kind: str, order: str) -> None:
        self.events += 1
        told = WebhookDelivery(
            event_id=f"event {self.events}",
            ecwid_id=1003,
            kind=kind,
            entity="1",
            data={"orderId": order},
            happened_at=CLOCK.now(),
        )
        self.waiting += [told] * self.chance.choice([1, 1, 2, 3])

    def deliver(self, engine: Engine, most: int) -> None:
        """Deliver some of the waiting webhooks, whichever come first."""
        self.chance.shuffle(self.waiting)
        for told in self.waiting[:most]:
            store_event(engine, told, now=CLOCK.now())
        del self.waiting[:most]


@pytest.fixture
def shop(ledger: Engine, client: Client) -> tuple[int, list[str]]:
    """Return a store with built sums whose orders were read, and four codes that are live in it."""
    store_id, run_id = planned_run(ledger, customers=4)
    reserve(ledger, run=run_row(ledger, run_id), now=NOW)
    with writing(ledger) as connection:
        names = list(connection.scalars(sa.select(codes.c.code).order_by(codes.c.id)))
    for name in names:
        coupon = {"name": name, "code": name, "discount": 5, "discountType": "ABS", "usesLimit": "SINGLE"}
        made = call(client, "POST", "/discount_coupons", {**coupon, "launchDate": "2026-01-01"})
        with writing(ledger) as connection:
            live = {"state": "live", "coupon_id": made["id"]}
            connection.execute(sa.update(codes).where(codes.c.code == name).values(live))
    with writing(ledger) as connection:
        connection.execute(sa.update(runs).values(state=RunState.TRACKING))
    sync(session_of(ledger, client, store_id), ORDERS)
    with reading(ledger) as connection:
        store = load_store(connection, store_id)
    keep_sums(ledger, store)
    record_tiers(ledger, store_id=store_id, rules=rules({**BY_SPEND, "within": "20d"}))
    return store_id, names


Uses = dict[str, tuple[str, Decimal, Decimal]]


def uses(engine: Engine) -> Uses:
    """Return what the ledger says of each order with a code: the code, the revenue and the discount."""
    query = sa.select(redemptions, codes.c.code).join(codes, codes.c.id == redemptions.c.code_id)
    with reading(engine) as connection:
        rows = connection.execute(query).all()
    assert max(Counter(row.order_id for row in rows).values(), default=1) == 1
    return {row.order_id: (row.code, row.order_total, row.discount) for row in rows}


def truth(sandbox: Sandbox, names: list[str]) -> Uses:
    """Return the same as the store's own rows say it."""
    found: Uses = {}
    for row in sandbox.store.state.rows("select id, status, total, coupon, body from orders"):
        body = json.loads(row["body"])
        total, refunded = Decimal(str(row["total"])), Decimal(str(body.get("refundedAmount", 0)))
        undone = row["status"] in {"CANCELLED", "REFUNDED", "INCOMPLETE"} or body.get("withdrawalRequested")
        if row["coupon"] in names and not undone and refunded < total:
            found[row["id"]] = (row["coupon"], total - refunded, Decimal(str(body["couponDiscount"])))
    return found


def tiers_by_the_store(sandbox: Sandbox, now: datetime) -> dict[int, tuple[str, Decimal]]:
    """Return each customer's tier and figure as the store's own rows say it."""
    query = "select customer, status, total, body from orders where customer is not null and created > ?"
    spent: dict[int, Decimal] = {}
    for row in sandbox.store.state.rows(query, ((now - timedelta(days=20)).timestamp(),)):
        body = json.loads(row["body"])
        total, refunded = _before_credit(row["total"], body), Decimal(str(body.get("refundedAmount", 0)))
        undone = row["status"] in {"CANCELLED", "REFUNDED", "INCOMPLETE"} or body.get("withdrawalRequested")
        if not undone and (refunded < total or not refunded):
            spent[row["customer"]] = spent.get(row["customer"], Decimal(0)) + total - refunded
    named = {each: "gold" if sum_ >= 250 else "silver" if sum_ >= 100 else "" for each, sum_ in spent.items()}
    return {
        customer_id: (tier, spent[customer_id]) for customer_id, tier in named.items() if spent[customer_id]
    }


def _before_credit(total: float, body: dict[str, Any]) -> Decimal:
    """Return an order's total before store credit and gift certificates."""
    paid = [Decimal(str(body.get(name) or 0)) for name in ("giftCardRedemption", "storeCredit")]
    return Decimal(str(total)) + sum(paid)


def draw_groups(engine: Engine, sandbox: Sandbox) -> None:
    """Make the first buyer a recipient of the run and the second one held back, from a day ago on."""
    query = "select distinct customer from orders where customer is not null order by customer desc"
    ours, theirs = [row["customer"] for row in sandbox.store.state.rows(query)][:2]
    since = CLOCK.now() - timedelta(days=1)
    with writing(engine) as connection:
        plan_id = connection.scalars(sa.select(runs.c.plan_id)).one()
        connection.execute(sa.update(runs).values(valid_from=since, valid_until=since + timedelta(days=14)))
        somebody = sa.select(sa.func.max(recipients.c.id)).scalar_subquery()
        for each in (ours, theirs):
            is_theirs = recipients.c.customer_id == each
            connection.execute(sa.update(recipients).where(is_theirs).values(customer_id=90_000 + each))
        connection.execute(sa.update(recipients).where(recipients.c.id == somebody).values(customer_id=ours))
        connection.execute(sa.delete(held_back))
        connection.execute(sa.insert(held_back).values(plan_id=plan_id, customer_id=theirs))


@pytest.mark.parametrize("seed", [1, 2])
def test_webhooks_in_any_order_with_deaths_between_them_give_the_figures_of_a_clean_sync(
    ledger: Engine, sandbox: Sandbox, client: Client, shop: tuple[int, list[str]], seed: int
) -> None:
    store_id, names = shop
    chance, until = random.Random(seed), today(ledger, store_id, CLOCK.now() + timedelta(days=1))
    client.connection.blinder = BLINDER
    orders_of = Shop(client=client, chance=chance, codes=names)
    while len(orders_of.placed) < 8:
        orders_of.change()
    draw_groups(ledger, sandbox)
    for _ in range(EDITS):
        orders_of.change()
        if chance.random() < 0.5:
            orders_of.deliver(ledger, chance.randrange(1, 6))
            with dying(ledger, chance.randrange(1, 25)):
                handle_events(session_of(ledger, client, store_id))
        if chance.random() < 0.1:
            with dying(ledger, chance.randrange(1, 12)):
                sync(session_of(ledger, client, store_id), ORDERS)
        if chance.random() < 0.3:
            with dying(ledger, chance.randrange(1, 12)):
                follow_tiers(ledger, store_id=store_id, now=CLOCK.now())
        if chance.random() < 0.3:
            with dying(ledger, chance.randrange(1, 6)):
                judge_uses(ledger, store_id=store_id, now=CLOCK.now())
        if chance.random() < 0.1:
            with dying(ledger, chance.randrange(1, 4)):
                count_store_days(ledger, store_id, until)
    orders_of.deliver(ledger, len(orders_of.waiting))
    while handle_events(session_of(ledger, client, store_id)):
        pass
    expected = truth(sandbox, names)
    assert len(expected) > 3, "some orders count"
    assert uses(ledger) == expected
    with reading(ledger) as connection:
        store = load_store(connection, store_id)
        sums = sums_between(connection, store_id, "2000", "3000")
    assert sum(earned.orders for earned in sums.values()) == len(expected)
    assert sum(earned.revenue for earned in sums.values()) == sum(use[1] for use in expected.values())
    assert rebuild_sums(ledger, store) == []
    holds_after_a_clean_sync(ledger, sandbox, client, store_id, until)


def holds_after_a_clean_sync(
    ledger: Engine, sandbox: Sandbox, client: Client, store_id: int, until: date
) -> None:
    """Compare all figures with those of a ledger that reads the store's orders once, as they are now."""
    with reading(ledger) as connection:
        store = load_store(connection, store_id)
    expected = uses(ledger)
    now = CLOCK.now()
    assert not follow_tiers(ledger, store_id=store_id, now=now)
    assert tiers(ledger, store_id) == tiers_by_the_store(sandbox, now) != {}
    assert list(rebuild_tiers(ledger, store_id=store_id, now=now)) == []
    later = now + timedelta(days=40)
    found = figures_of(ledger, store_id, until=until, now=later)
    assert set(found.used_by) == set(expected)
    effect = found.reports["winback"][-1].effect
    assert effect.treated.buyers + effect.control.buyers > 0
    assert rebuild_days(ledger, store) == []
    forget_orders(ledger)
    sync(session_of(ledger, client, store_id), ORDERS)
    assert uses(ledger) == expected
    follow_tiers(ledger, store_id=store_id, now=now)
    assert figures_of(ledger, store_id, until=until, now=later) == found
