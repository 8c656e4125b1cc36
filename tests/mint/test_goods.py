"""Coupons are limited to the goods of the approved plan; if these change in the store, the run is planned again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.mint.approved import approve_run
from tests.plan.shelf import GREEN, POT, TABLEWARE, TEA, change, run_for
from tests.shop import NOW, planned_run, run_row
from tillroll.campaign.frozen.proposal import Goods, Proposal
from tillroll.campaign.states import RunState
from tillroll.ecwid.endpoints.coupons import Coupon, CouponRequest
from tillroll.ledger.queries.plans import load_plan
from tillroll.ledger.tables import audit, categories, products
from tillroll.mint.coupon import is_our_coupon, load_pattern
from tillroll.mint.issue.begin import begin
from tillroll.plan.make import make_plan


@pytest.fixture
def approved(ledger: Engine) -> int:
    goods = "{products: [TEA-01, POT-01], categories: [Tea/Green, Tableware]}"
    return approve_run(ledger, run_for(ledger, goods)[1])


def request_of(ledger: Engine, run_id: int) -> CouponRequest:
    assert begin(ledger, run_id=run_id, now=NOW) is RunState.MINTING
    with ledger.connect() as connection:
        return load_pattern(connection, run_row(ledger, run_id)).arms[""]


def test_a_coupon_is_requested_with_the_ids_that_were_approved(ledger: Engine, approved: int) -> None:
    request = request_of(ledger, approved)
    assert (request.products, request.categories) == ((TEA, POT), (GREEN, TABLEWARE))


def test_an_offer_on_everything_does_not_limit_coupons(ledger: Engine) -> None:
    request = request_of(ledger, approve_run(ledger, planned_run(ledger)[1]))
    assert (request.products, request.categories) == ((), ())


@pytest.mark.parametrize(
    ("table", "where", "name"),
    [
        (products, products.c.product_id == POT, "Pot"),
        (categories, categories.c.category_id == TABLEWARE, "Tableware"),
        (categories, categories.c.category_id == GREEN, "Tea/Green"),
    ],
)
def test_goods_missing_from_the_store_send_the_run_back_to_planning(
    ledger: Engine, approved: int, table: sa.Table, where: sa.ColumnElement[bool], name: str
) -> None:
    change(ledger, table, where)
    assert begin(ledger, run_id=approved, now=NOW) is RunState.PLANNING
    run = run_row(ledger, approved)
    assert (run.plan_id, run.reason) == (None, f"no longer in the store: {name}")
    with ledger.connect() as connection:
        assert "plan.sent_back" in set(connection.scalars(sa.select(audit.c.action)))
    assert make_plan(ledger, run_id=approved, now=NOW, per_minute=600) is RunState.REFUSED


def test_a_product_that_no_longer_allows_discounts_sends_the_run_back_to_planning(
    ledger: Engine, approved: int
) -> None:
    change(ledger, products, products.c.product_id == POT, discounts_allowed=False)
    assert begin(ledger, run_id=approved, now=NOW) is RunState.PLANNING
    assert run_row(ledger, approved).reason == "the store no longer allows discounts on Pot"


def test_other_changes_of_the_catalogue_do_not_matter(ledger: Engine, approved: int) -> None:
    change(ledger, products, products.c.product_id == POT, in_stock=False, name="Kettle")
    assert begin(ledger, run_id=approved, now=NOW) is RunState.MINTING


def test_a_price_that_changed_since_the_plan_sends_the_run_back_to_planning(
    ledger: Engine, approved: int
) -> None:
    change(ledger, products, products.c.product_id == POT, price=Decimal("24.50"))
    assert begin(ledger, run_id=approved, now=NOW) is RunState.PLANNING
    assert run_row(ledger, approved).reason == "Pot costs 24.5 now, not 19"
    begun = approve_run(ledger, approved)
    assert begin(ledger, run_id=begun, now=NOW) is RunState.MINTING


def test_a_plan_from_before_prices_were_stored_is_not_compared_with_any(
    ledger: Engine, approved: int
) -> None:
    with ledger.connect() as connection:
        plan = load_plan(connection, approved)
    assert plan is not None
    assert plan.proposal.goods is not None
    assert [one.price for one in plan.proposal.goods.products] == ["19", "19"]
    before = replace(plan.proposal.goods.products[0], price="")
    body = replace(plan.proposal, goods=Goods(products=(before,))).to_json()
    assert list(body["goods"]["products"]) == [
        {"product_id": TEA, "sku": "TEA-01", "name": "Sencha", "by_variation": ""}
    ]
    assert Proposal.from_json(body).goods == Goods(products=(before,))


REQUEST = CouponRequest(
    name="We miss you (tillroll run 1)",
    code="BACK-1",
    discount_type="PERCENT",
    discount=Decimal(15),
    launches_at=NOW,
    expires_at=NOW + timedelta(days=14),
    minimum_subtotal=None,
    uses_limit="SINGLE",
    application_limit="UNLIMITED",
    products=(TEA, POT),
    categories=(GREEN,),
)
FOUND = Coupon(
    coupon_id=1,
    name=REQUEST.name,
    code=REQUEST.code,
    discount_type="PERCENT",
    status="ACTIVE",
    discount=Decimal("15.0"),
    launches_at=NOW,
    expires_at=REQUEST.expires_at,
    minimum_subtotal=None,
    uses_limit="SINGLE",
    application_limit="UNLIMITED",
    products=(POT, TEA),
    categories=(GREEN,),
    created_at=NOW,
    updated_at=NOW,
    order_count=0,
)


def test_a_coupon_on_the_same_goods_in_any_order_is_ours() -> None:
    assert is_our_coupon(REQUEST, FOUND, NOW)
    everything = replace(REQUEST, products=(), categories=())
    assert is_our_coupon(everything, replace(FOUND, products=(), categories=()), NOW)


@pytest.mark.parametrize(
    ("on", "shelves"), [((), ()), ((TEA,), (GREEN,)), ((TEA, POT), ()), ((TEA, POT), (GREEN, TABLEWARE))]
)
def test_a_coupon_on_other_goods_is_not_what_was_approved(
    on: tuple[int, ...], shelves: tuple[int, ...]
) -> None:
    assert not is_our_coupon(REQUEST, replace(FOUND, products=on, categories=shelves), NOW)
