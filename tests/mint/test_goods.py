"""Every coupon is limited to what the approved plan names; when that is gone from the store, the run is planned anew."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.plan.shelf import GREEN, POT, TABLEWARE, TEA, change, run_for
from tests.shop import ANA, NOW, planned_run, run_row
from tillroll.approve.act import approve
from tillroll.campaign.frozen.proposal import Goods, Proposal
from tillroll.campaign.states import RunState
from tillroll.ecwid.coupons import Coupon, CouponRequest
from tillroll.ledger.plans import load_plan
from tillroll.ledger.tables import audit, categories, products
from tillroll.mint.begin import begin
from tillroll.mint.coupon import found_is_ours, pattern
from tillroll.plan.make import make_plan


def agreed(ledger: Engine, run_id: int) -> int:
    make_plan(ledger, run_id=run_id, now=NOW, per_minute=600)
    with ledger.connect() as connection:
        plan = load_plan(connection, run_id)
    assert plan is not None
    approve(ledger, run_id=run_id, digest=plan.digest, person=ANA, note="", now=NOW)
    assert run_row(ledger, run_id).state == RunState.APPROVED
    return run_id


@pytest.fixture
def approved(ledger: Engine) -> int:
    goods = "{products: [TEA-01, POT-01], categories: [Tea/Green, Tableware]}"
    return agreed(ledger, run_for(ledger, goods)[1])


def request_of(ledger: Engine, run_id: int) -> CouponRequest:
    assert begin(ledger, run_id=run_id, now=NOW) is RunState.MINTING
    with ledger.connect() as connection:
        return pattern(connection, run_row(ledger, run_id)).arms[""]


def test_a_coupon_is_asked_for_with_the_ids_that_were_approved(ledger: Engine, approved: int) -> None:
    request = request_of(ledger, approved)
    assert (request.products, request.categories) == ((TEA, POT), (GREEN, TABLEWARE))


def test_an_offer_on_everything_limits_no_coupon(ledger: Engine) -> None:
    request = request_of(ledger, agreed(ledger, planned_run(ledger)[1]))
    assert (request.products, request.categories) == ((), ())


@pytest.mark.parametrize(
    ("table", "where", "name"),
    [
        (products, products.c.product_id == POT, "Pot"),
        (categories, categories.c.category_id == TABLEWARE, "Tableware"),
        (categories, categories.c.category_id == GREEN, "Tea/Green"),
    ],
)
def test_what_is_gone_from_the_store_sends_the_run_back_to_planning(
    ledger: Engine, approved: int, table: sa.Table, where: sa.ColumnElement[bool], name: str
) -> None:
    change(ledger, table, where)
    assert begin(ledger, run_id=approved, now=NOW) is RunState.PLANNING
    run = run_row(ledger, approved)
    assert (run.plan_id, run.reason) == (None, f"no longer in the store: {name}")
    with ledger.connect() as connection:
        assert "plan.sent_back" in set(connection.scalars(sa.select(audit.c.action)))
    assert make_plan(ledger, run_id=approved, now=NOW, per_minute=600) is RunState.REFUSED


def test_a_product_that_takes_no_discounts_any_more_sends_the_run_back_to_planning(
    ledger: Engine, approved: int
) -> None:
    change(ledger, products, products.c.product_id == POT, discounts_allowed=False)
    assert begin(ledger, run_id=approved, now=NOW) is RunState.PLANNING
    assert run_row(ledger, approved).reason == "the store no longer allows discounts on Pot"


def test_other_changes_of_the_catalogue_hold_nothing_up(ledger: Engine, approved: int) -> None:
    change(ledger, products, products.c.product_id == POT, in_stock=False, name="Kettle")
    assert begin(ledger, run_id=approved, now=NOW) is RunState.MINTING


def test_a_price_that_changed_since_the_plan_sends_the_run_back_to_planning(
    ledger: Engine, approved: int
) -> None:
    change(ledger, products, products.c.product_id == POT, price=Decimal("24.50"))
    assert begin(ledger, run_id=approved, now=NOW) is RunState.PLANNING
    assert run_row(ledger, approved).reason == "Pot costs 24.5 now, not 19"
    begun = agreed(ledger, approved)
    assert begin(ledger, run_id=begun, now=NOW) is RunState.MINTING


def test_a_plan_from_before_prices_were_kept_is_compared_with_none(ledger: Engine, approved: int) -> None:
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
    assert found_is_ours(REQUEST, FOUND, NOW)
    everything = replace(REQUEST, products=(), categories=())
    assert found_is_ours(everything, replace(FOUND, products=(), categories=()), NOW)


@pytest.mark.parametrize(
    ("on", "shelves"), [((), ()), ((TEA,), (GREEN,)), ((TEA, POT), ()), ((TEA, POT), (GREEN, TABLEWARE))]
)
def test_a_coupon_on_other_goods_is_not_what_was_approved(
    on: tuple[int, ...], shelves: tuple[int, ...]
) -> None:
    assert not found_is_ours(REQUEST, replace(FOUND, products=on, categories=shelves), NOW)
