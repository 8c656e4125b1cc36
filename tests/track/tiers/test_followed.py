"""Whatever happens to orders, and however the news of it arrives, each customer is in the tier that their orders say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from tests.shop import NOW
from tests.track.tiers_room import BY_POINTS, BY_SPEND, DAY, changes, order, remove, rules, shop, tiers, write
from tillroll.campaign.text.clean import CleanText
from tillroll.ecwid.endpoints.orders import Order
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.mirror.loyalty import load_counting
from tillroll.ledger.tables import customer_tiers, forgotten, looks, tier_marks
from tillroll.track.tiers.follow import follow_tiers, record_tiers
from tillroll.track.tiers.rebuild import TierDifference, rebuild_tiers


@dataclass(kw_only=True)
class Truth:
    """What the store itself knows of an order: the test's own picture, which the oracle counts."""

    customer_id: int | None
    total: Decimal
    created_at: datetime
    refunded: Decimal = Decimal(0)
    status: str = "PAID"
    withdrawn: bool = False
    is_deleted: bool = False

    def as_order(self, order_id: str) -> Order:
        return order(
            order_id,
            self.customer_id,
            str(self.total),
            refunded=self.refunded,
            payment_status=CleanText(self.status),
            withdrawn=self.withdrawn,
            created_at=self.created_at,
        )


def oracle(
    truths: Mapping[str, Truth], raw: Mapping[str, Any], now: datetime
) -> dict[int, tuple[str, Decimal]]:
    """Add up what counts, customer by customer, order by order."""
    figures: dict[int, Decimal] = {}
    for each in truths.values():
        left = each.total - each.refunded
        undone = each.status in {"CANCELLED", "REFUNDED", "INCOMPLETE"} or each.withdrawn or each.is_deleted
        too_old = "within" in raw and each.created_at <= now - int(raw["within"][:-1]) * DAY
        if undone or too_old or each.customer_id is None or (each.refunded and left <= 0):
            continue
        worth = left if "points_per_unit" not in raw else Decimal(int(left)) * raw["points_per_unit"]
        figures[each.customer_id] = figures.get(each.customer_id, Decimal(0)) + worth
    said = {}
    for customer_id, figure in figures.items():
        reached = [tier["name"] for tier in raw["tiers"] if figure >= tier["from"]]
        said[customer_id] = (reached[-1] if reached else "", figure)
    return {customer_id: standing for customer_id, standing in said.items() if standing[1]}


_orders = st.sampled_from([f"A{number}" for number in range(8)])
_edits = st.one_of(
    st.fixed_dictionaries(
        {"status": st.sampled_from(["PAID", "CANCELLED", "REFUNDED", "AWAITING_PAYMENT", "INCOMPLETE"])}
    ),
    st.fixed_dictionaries({"refunded": st.sampled_from(["0", "12.75", "60", "200"]).map(Decimal)}),
    st.fixed_dictionaries({"total": st.integers(100, 19_999).map(lambda cents: Decimal(cents) / 100)}),
    st.fixed_dictionaries({"withdrawn": st.booleans()}),
    st.fixed_dictionaries({"customer_id": st.sampled_from([1, 2, 3, None])}),
    st.fixed_dictionaries({"created_at": st.integers(0, 120).map(lambda days: NOW - days * DAY)}),
    st.just({"is_deleted": True}),
)
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("edit"), _orders, _edits),
        st.tuples(st.just("tell"), st.lists(_orders, max_size=6)),
        st.tuples(st.just("look"), st.integers(0, 40)),
    ),
    min_size=12,
    max_size=40,
)


class Delivery:
    """Brings the store's news to the mirror: what an order is now, whenever it is told of it, and however often."""

    def __init__(self, engine: Engine, store_id: int) -> None:
        self.engine, self.store_id, self.now = engine, store_id, NOW
        self.truths: dict[str, Truth] = {}

    def edit(self, order_id: str, values: Mapping[str, Any]) -> None:
        fresh = Truth(customer_id=1 + int(order_id[1:]) % 3, total=Decimal(80), created_at=self.now)
        self.truths[order_id] = replace(self.truths.get(order_id, fresh), **values)

    def tell(self, order_ids: list[str]) -> None:
        for order_id in order_ids:
            truth = self.truths.get(order_id)
            if truth is None or truth.is_deleted:
                remove(self.engine, self.store_id, order_id)
            else:
                write(self.engine, self.store_id, truth.as_order(order_id))

    def look(self, days: int) -> None:
        self.now += days * DAY
        assert not follow_tiers(self.engine, store_id=self.store_id, now=self.now)


@settings(max_examples=6, deadline=None, phases=(Phase.generate,), suppress_health_check=list(HealthCheck))
@given(
    steps=_steps,
    scale=st.sampled_from([BY_SPEND, BY_POINTS]),
    within=st.sampled_from([{}, {"within": "60d"}]),
    last=st.permutations([f"A{number}" for number in range(8)]),
)
def test_orders_and_reversals_in_any_order_end_in_the_tier_that_they_say(
    ledger: Engine,
    steps: list[tuple[Any, ...]],
    scale: dict[str, Any],
    within: dict[str, str],
    last: list[str],
) -> None:
    raw = {**scale, **within}
    delivery = Delivery(ledger, shop(ledger, raw))
    for name, *values in steps:
        getattr(delivery, name)(*values)
    delivery.tell([*last, *last[::2]])
    delivery.look(0)
    assert tiers(ledger, delivery.store_id) == oracle(delivery.truths, raw, delivery.now)
    assert list(rebuild_tiers(ledger, store_id=delivery.store_id, now=delivery.now)) == []
    kept: dict[int, str] = {}
    for customer_id, was, tier, _, _ in changes(ledger, delivery.store_id):
        assert was == kept.get(customer_id, "") != tier, (
            "each change is kept once, and follows the one before"
        )
        kept[customer_id] = tier
    now_in = {customer_id: tier for customer_id, (tier, _) in tiers(ledger, delivery.store_id).items()}
    assert {each: tier for each, tier in kept.items() if tier} == {
        each: tier for each, tier in now_in.items() if tier
    }


def test_a_rise_a_fall_and_a_new_rise_are_three_changes_and_nothing_happens_within_one_look(
    ledger: Engine,
) -> None:
    store_id = shop(ledger, BY_SPEND)
    for version in (
        order("A", total="300"),
        order("A", total="300", refunded=Decimal(150)),
        order("A", total="300"),
    ):
        write(ledger, store_id, version)
        follow_tiers(ledger, store_id=store_id, now=NOW)
    up, down = (1, "", "gold", True, "orders"), (1, "gold", "silver", False, "orders")
    assert changes(ledger, store_id) == [up, down, (1, "silver", "gold", True, "orders")]
    write(ledger, store_id, order("A", total="300", payment_status=CleanText("CANCELLED")))
    write(ledger, store_id, order("A", total="300"))
    follow_tiers(ledger, store_id=store_id, now=NOW + DAY)
    assert len(changes(ledger, store_id)) == 3
    with reading(ledger) as connection:
        assert connection.scalar(sa.select(customer_tiers.c.since)) == NOW, "nor did they come into it anew"


def test_an_order_that_leaves_the_window_takes_the_tier_with_it_at_its_moment(ledger: Engine) -> None:
    store_id = shop(ledger, {**BY_SPEND, "within": "60d"})
    write(ledger, store_id, order("A", total="200", created_at=NOW - 50 * DAY), order("B", total="60"))
    follow_tiers(ledger, store_id=store_id, now=NOW)
    assert tiers(ledger, store_id) == {1: ("gold", Decimal(260))}
    follow_tiers(ledger, store_id=store_id, now=NOW + 10 * DAY - DAY / 86_400)
    assert tiers(ledger, store_id) == {1: ("gold", Decimal(260))}
    follow_tiers(ledger, store_id=store_id, now=NOW + 10 * DAY)
    assert tiers(ledger, store_id) == {1: ("", Decimal(60))}
    assert [change[1:3] for change in changes(ledger, store_id)] == [("", "gold"), ("gold", "")]


def test_the_first_count_and_new_rules_bring_nobody_into_a_campaign(ledger: Engine) -> None:
    """Who has a tier when tiers are first counted has no change; new rules change tiers, with their cause."""
    store_id = shop(ledger, BY_SPEND)
    record_tiers(ledger, store_id=store_id, rules=None)
    write(ledger, store_id, *(order(f"A{number}", number, total="120") for number in range(1, 1_201)))
    record_tiers(ledger, store_id=store_id, rules=rules(BY_SPEND))
    while follow_tiers(ledger, store_id=store_id, now=NOW, finished=lambda: True):
        pass
    assert len(tiers(ledger, store_id)) == 1_200
    assert changes(ledger, store_id) == []
    record_tiers(ledger, store_id=store_id, rules=rules(BY_POINTS))
    follow_tiers(ledger, store_id=store_id, now=NOW)
    assert set(tiers(ledger, store_id).values()) == {("silver", Decimal(240))}
    assert changes(ledger, store_id) == [], "silver is still silver"
    lower = {"by": "spent", "tiers": [{"name": "bronze", "from": 50}, {"name": "silver", "from": 121}]}
    record_tiers(ledger, store_id=store_id, rules=rules(lower))
    follow_tiers(ledger, store_id=store_id, now=NOW)
    assert len(changes(ledger, store_id)) == 1_200
    assert {change[1:] for change in changes(ledger, store_id)} == {("silver", "bronze", False, "rules")}


def test_nobody_is_counted_until_the_orders_that_count_are_read(ledger: Engine) -> None:
    store_id = shop(ledger, BY_SPEND)
    with writing(ledger) as connection:
        connection.execute(sa.update(looks).where(looks.c.store_id == store_id).values(whole_at=None))
    record_tiers(ledger, store_id=store_id, rules=rules(BY_POINTS))
    write(ledger, store_id, order("A", total="300"))
    assert not follow_tiers(ledger, store_id=store_id, now=NOW)
    with reading(ledger) as connection:
        counting = load_counting(connection, store_id)
        marks = connection.scalar(sa.select(sa.func.count()).select_from(tier_marks))
    assert counting is not None
    assert not counting.covers_everybody
    assert (tiers(ledger, store_id), marks) == ({}, 0)
    with writing(ledger) as connection:
        connection.execute(sa.update(looks).where(looks.c.store_id == store_id).values(whole_at=NOW))
    follow_tiers(ledger, store_id=store_id, now=NOW)
    assert tiers(ledger, store_id) == {1: ("gold", Decimal(600))}


def test_a_wrong_tier_is_found_and_mended_and_who_was_forgotten_has_none(ledger: Engine) -> None:
    store_id = shop(ledger, BY_SPEND)
    write(ledger, store_id, order("A", total="300"), order("B", 2, total="300"))
    with writing(ledger) as connection:
        gone = {"store_id": store_id, "customer_id": 2, "person": "ana@shop.example", "at": NOW}
        connection.execute(sa.insert(forgotten), gone)
    follow_tiers(ledger, store_id=store_id, now=NOW)
    with writing(ledger) as connection:
        connection.execute(sa.update(customer_tiers).values(tier="silver", figure=Decimal(7)))
    wrong = TierDifference(
        customer_id=1, kept_tier="silver", kept_figure=Decimal(7), tier="gold", figure=Decimal(300)
    )
    assert list(rebuild_tiers(ledger, store_id=store_id, now=NOW)) == [wrong]
    assert tiers(ledger, store_id) == {1: ("gold", Decimal(300))}
    assert changes(ledger, store_id)[-1][-1] == "mended"


def test_without_the_file_nobody_has_a_tier_any_more(ledger: Engine) -> None:
    store_id = shop(ledger, BY_SPEND)
    write(ledger, store_id, order("A", total="300"))
    follow_tiers(ledger, store_id=store_id, now=NOW)
    record_tiers(ledger, store_id=store_id, rules=None)
    while follow_tiers(ledger, store_id=store_id, now=NOW):
        pass
    assert tiers(ledger, store_id) == {}
    assert list(rebuild_tiers(ledger, store_id=store_id, now=NOW)) == []
