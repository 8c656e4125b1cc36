"""What the arms, languages, weeks and segments of a campaign have brought, on both databases."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.shop import NOW
from tests.track.effect.people import DAY, planned
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.queries.stores import load_store
from tillroll.ledger.tables import (
    codes,
    customers,
    mail_events,
    messages,
    order_items,
    orders,
    plans,
    products,
    recipients,
    redemptions,
    runs,
)
from tillroll.track.results.breakdown.collect import Groups, campaign_groups
from tillroll.track.results.breakdown.groups import GroupBy

HOUR = timedelta(hours=1)


class Desk:
    """A run with an e-mail and a code for each recipient: odd ones in the arm `short`, the others in `long`."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.store_id, self.plan_id, self.ours, _ = planned(engine, customers=40)
        with writing(engine) as connection:
            self.run_id = connection.scalars(sa.select(runs.c.id)).one()
            plan = {"worst_case": 5 * len(self.ours), "expected": 40, "code_count": len(self.ours)}
            connection.execute(sa.update(plans).values(plan))
            rows = connection.execute(sa.select(recipients.c.id, recipients.c.customer_id)).all()
            self.reader = {customer_id: number for number, customer_id in rows}
            for customer_id, number in self.reader.items():
                arm = {"arm": arm_of(customer_id), "language": "de" if customer_id <= 20 else "en"}
                connection.execute(sa.update(recipients).where(recipients.c.id == number).values(arm))
                self._equip(connection, number, arm_of(customer_id))

    def _equip(self, connection: sa.Connection, reader: int, arm: str) -> None:
        common = {"store_id": self.store_id, "run_id": self.run_id, "recipient_id": reader}
        code = {"code": f"BACK{reader}", "state": "live", "arm": arm, "reserved_at": NOW, "changed_at": NOW}
        made = connection.execute(sa.insert(codes).values(**common, **code).returning(codes.c.id))
        mail = {"code_id": made.scalar_one(), "state": "sent", "sent_at": NOW, "changed_at": NOW}
        connection.execute(sa.insert(messages).values(**common, **mail))

    def insert(self, table: sa.Table, **values: Any) -> None:
        with writing(self.engine) as connection:
            connection.execute(sa.insert(table).values(store_id=self.store_id, **values))

    def order(self, customer_id: int, at: timedelta, total: int, *, with_code: bool = True) -> str:
        order_id = f"{customer_id}-{at.total_seconds():.0f}"
        when = {"created_at": NOW + at, "seen_at": NOW + at}
        amounts = {"total": Decimal(total), "subtotal": Decimal(total + 5), "payment_status": "PAID"}
        self.insert(orders, order_id=order_id, customer_id=customer_id, **amounts, **when)
        if with_code:
            with reading(self.engine) as connection:
                of_reader = codes.c.recipient_id == self.reader[customer_id]
                code_id = connection.scalars(sa.select(codes.c.id).where(of_reader)).one()
            use = {"order_total": Decimal(total), "discount": Decimal(5), "payment_status": "PAID"}
            of = {"run_id": self.run_id, "code_id": code_id, "order_id": order_id, "at": NOW + at}
            self.insert(redemptions, **of, **use)
        return order_id

    def groups(self, after: timedelta = 5 * DAY) -> Groups:
        with reading(self.engine) as connection:
            store = load_store(connection, self.store_id)
            return campaign_groups(connection, store, "winback", now=NOW + after)


def arm_of(customer_id: int) -> str:
    return "short" if customer_id % 2 else "long"


def test_each_group_has_its_own_sums(ledger: Engine) -> None:
    desk = Desk(ledger)
    odd = [number for number in desk.ours if number % 2][:3]
    even = [number for number in desk.ours if not number % 2][:1]
    for hours, number in enumerate(odd):
        desk.order(number, 10 * HOUR + hours * HOUR, 30)
    desk.order(even[0], 2 * DAY, 100)
    desk.order(odd[0], 4 * DAY, 70, with_code=False)  # a second order
    with writing(ledger) as connection:
        at = {"first_order_at": NOW + 2 * DAY}
        connection.execute(sa.update(customers).where(customers.c.customer_id == even[0]).values(at))
    bounced = {"service": "smtp", "event_key": "b", "kind": "bounced"}
    moments = {"happened_at": NOW, "received_at": NOW}
    with reading(ledger) as connection:
        of_reader = messages.c.recipient_id == desk.reader[even[0]]
        message_id = connection.scalars(sa.select(messages.c.id).where(of_reader)).one()
    desk.insert(mail_events, message_id=message_id, **bounced, **moments)
    found = desk.groups()

    long, short = found[GroupBy.ARM]
    assert (long.name, long.sent - long.delivered, long.orders, long.revenue) == ("long", 1, 1, 100)
    assert (long.new_customers, long.second_orders, long.time_to_redeem) == (1, 0, 2 * DAY)
    assert (short.name, short.sent, short.delivered, short.orders) == (
        "short",
        short.delivered,
        short.sent,
        3,
    )
    assert (short.revenue, short.discount, short.average_order) == (90, 15, 30)
    assert (short.new_customers, short.second_orders, short.time_to_redeem) == (0, 1, 11 * HOUR)
    assert short.rate is not None
    assert short.rate.low < short.rate.middle == 3 / short.delivered < short.rate.high
    assert short.plan is None  # a plan's cost isn't kept by arm

    for by, names in ((GroupBy.WEEK, ["2026-11-23"]), (GroupBy.SEGMENT, ["lapsed-90"])):
        (whole,) = found[by]
        assert [whole.name] == names
        assert (whole.orders, whole.revenue, whole.sent) == (4, 190, len(desk.ours))
        assert whole.plan is not None
        assert (whole.plan.expected, whole.plan.worst_case) == (40, 5 * len(desk.ours))
    by_language = {group.name: group.sent for group in found[GroupBy.LANGUAGE]}
    german = sum(number <= 20 for number in desk.ours)
    assert by_language == {"de": german, "en": len(desk.ours) - german}


def test_codes_are_open_until_they_expire(ledger: Engine) -> None:
    desk = Desk(ledger)
    desk.order(desk.ours[0], DAY, 30)
    unused = len(desk.ours) - 1
    (before,) = desk.groups()[GroupBy.SEGMENT]
    assert (before.codes.live, before.codes.expired) == (unused, 0)
    assert before.codes.exposure == Decimal("22.5") * unused  # 15% of the largest basket allowed for
    (after,) = desk.groups(after=14 * DAY)[GroupBy.SEGMENT]
    assert (after.codes.live, after.codes.expired, after.codes.exposure) == (0, unused, 0)


def test_a_margin_is_told_where_all_costs_are_known(ledger: Engine) -> None:
    desk = Desk(ledger)
    known = desk.order(desk.ours[0], DAY, 45)  # goods for 50, and 5 off
    mixed = desk.order(desk.ours[1], DAY, 45)
    flags = {"in_stock": True, "enabled": True, "discounts_allowed": True, "category_ids": [], "seen_at": NOW}
    desk.insert(products, product_id=1, cost_price=Decimal("7.5"), **flags)
    desk.insert(products, product_id=2, **flags)
    desk.insert(order_items, order_id=known, line=1, product_id=1, quantity=2, price=Decimal(25))
    desk.insert(order_items, order_id=mixed, line=1, product_id=1, quantity=1, price=Decimal(25))
    desk.insert(order_items, order_id=mixed, line=2, product_id=2, quantity=1, price=Decimal(25))
    (whole,) = desk.groups()[GroupBy.SEGMENT]
    assert whole.margin is not None
    assert (whole.margin.amount, whole.margin.orders) == (Decimal(50 - 5 - 15), 1)
