"""The goods of a plan's offer: looked up in the store, frozen, and refused if they are unknown or can't be discounted."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.plan.shelf import CUP, GREEN, POT, TABLEWARE, TEA, add_catalogue, book_for, change, run_for
from tests.shop import NOW, planned_run, run_row, sample_book
from tillroll.campaign.frozen.proposal import Proposal, VerdictLevel
from tillroll.campaign.states import RunState
from tillroll.errors import Refused
from tillroll.ledger.queries.plans import load_plan, recount_plan
from tillroll.ledger.tables import categories, looks, products, recipients, stores, variations
from tillroll.outlook.plan_preview import PreviewRequest, preview_plan
from tillroll.plan.make import make_plan


def plan_of(ledger: Engine, run_id: int) -> Proposal:
    make_plan(ledger, run_id=run_id, now=NOW, per_minute=600)
    with ledger.connect() as connection:
        plan = load_plan(connection, run_id)
        assert plan is not None, run_row(ledger, run_id)
        assert recount_plan(ledger, run_id).is_unchanged
    return plan.proposal


def level(proposal: Proposal, rule: str) -> VerdictLevel:
    return next(verdict.level for verdict in proposal.verdicts if verdict.rule == rule)


def text(proposal: Proposal, rule: str) -> str:
    return next(verdict.text for verdict in proposal.verdicts if verdict.rule == rule)


def test_a_plan_freezes_and_names_the_goods_of_its_offer(ledger: Engine) -> None:
    _, run_id = run_for(ledger, "{products: [TEA-01], categories: [tableware, tea/green]}")
    proposal = plan_of(ledger, run_id)
    assert run_row(ledger, run_id).state == RunState.WAITING
    assert proposal.goods is not None
    assert [product.product_id for product in proposal.goods.products] == [TEA]
    assert [category.category_id for category in proposal.goods.categories] == [TABLEWARE, GREEN]
    assert proposal.offer.startswith("15% off Sencha, all of Tableware and all of Tea/Green")
    # nobody is in the group Staff, the campaign comes each month, and its e-mail says “whatever you choose”
    warned = {each.rule for each in proposal.verdicts if each.level is not VerdictLevel.PASS}
    assert warned == {"unknown_names", "repeats", "email_figures"}


def test_the_digest_covers_the_goods_of_the_offer(ledger: Engine) -> None:
    _, run_id = run_for(ledger, "{products: [TEA-01]}")
    body = plan_of(ledger, run_id).to_json()
    same = Proposal.from_json(json.loads(json.dumps(body)))
    other = json.loads(json.dumps(body))
    other["goods"]["products"][0]["product_id"] = POT
    assert same.digest == Proposal.from_json(body).digest
    assert Proposal.from_json(other).digest != same.digest


def test_an_old_plan_without_goods_keeps_its_digest(ledger: Engine) -> None:
    _, run_id = planned_run(ledger)
    with ledger.connect() as connection:
        plan = load_plan(connection, run_id)
    assert plan is not None
    body = plan.proposal.to_json()
    assert "goods" not in body
    old = Proposal.from_json(body)
    assert old.goods is None
    assert old.digest == plan.digest


def test_unknown_names_refuse_the_run_and_get_the_nearest_name_suggested(ledger: Engine) -> None:
    _, run_id = run_for(ledger, "{products: [TEA-02, BIKE, POT-01], categories: [Tablewear]}")
    proposal = plan_of(ledger, run_id)
    run = run_row(ledger, run_id)
    assert run.state == RunState.REFUSED
    assert "the store has no product 'TEA-02' (did you mean TEA-01?)" in run.reason
    assert "the store has no product 'BIKE';" in run.reason
    assert "the store has no category 'Tablewear' (did you mean Tableware?)" in run.reason
    assert proposal.goods is None
    assert "15% off TEA-02, BIKE, POT-01 and all of Tablewear" in proposal.offer


@pytest.mark.parametrize(
    ("area", "goods"), [("products", "{products: [TEA-01]}"), ("categories", "{categories: [Tableware]}")]
)
def test_a_run_waits_until_the_catalogue_has_been_read(ledger: Engine, area: str, goods: str) -> None:
    _, run_id = run_for(ledger, goods)
    change(ledger, looks, looks.c.area == area)
    assert make_plan(ledger, run_id=run_id, now=NOW, per_minute=600) is RunState.PLANNING
    run = run_row(ledger, run_id)
    assert run.reason == "the store's catalogue hasn't been read yet"
    assert NOW < run.not_before <= NOW + timedelta(minutes=5)
    with ledger.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(recipients)) == 0
        store = connection.execute(sa.select(stores)).one()
    with pytest.raises(Refused, match="catalogue hasn't been read yet"):
        preview_plan(
            PreviewRequest(
                engine=ledger,
                store=store,
                revision=book_for(goods).revisions["winback"],
                now=NOW,
                per_minute=600,
            )
        )


def test_only_the_areas_that_the_offer_uses_must_have_been_read(ledger: Engine) -> None:
    _, run_id = run_for(ledger, "{categories: [Tableware]}")
    change(ledger, looks, looks.c.area == "products")
    plan_of(ledger, run_id)
    assert run_row(ledger, run_id).state == RunState.WAITING


def test_a_token_without_the_catalogue_scope_is_reported(ledger: Engine) -> None:
    _, run_id = run_for(ledger, "{products: [TEA-01]}", catalogue=False)
    change(ledger, stores, sa.true(), scopes="read_orders read_customers")
    make_plan(ledger, run_id=run_id, now=NOW, per_minute=600)
    assert run_row(ledger, run_id).reason.endswith("the token lacks the scope read_catalog")


def test_a_run_continues_once_the_catalogue_has_been_read(ledger: Engine) -> None:
    store_id, run_id = run_for(ledger, "{products: [TEA-01]}", catalogue=False)
    make_plan(ledger, run_id=run_id, now=NOW, per_minute=600)
    add_catalogue(ledger, store_id)
    plan_of(ledger, run_id)
    run = run_row(ledger, run_id)
    assert (run.state, run.reason, run.not_before) == (RunState.WAITING, "", None)


def test_an_offer_on_everything_needs_no_catalogue(ledger: Engine) -> None:
    _, run_id = planned_run(ledger)
    with ledger.connect() as connection:
        plan = load_plan(connection, run_id)
    assert plan is not None
    assert plan.proposal.goods is None


def test_a_product_that_allows_no_discounts_refuses_the_run_and_is_named(ledger: Engine) -> None:
    _, run_id = run_for(ledger, "{products: [TEA-01, CUP-01]}")
    change(ledger, products, products.c.product_id == CUP, discounts_allowed=False)
    plan_of(ledger, run_id)
    run = run_row(ledger, run_id)
    assert (run.state, run.reason) == (RunState.REFUSED, "the store allows no discounts on Cup")


def test_products_out_of_stock_or_disabled_get_a_warning(ledger: Engine) -> None:
    _, run_id = run_for(ledger, "{products: [TEA-01, CUP-01], categories: [Tableware]}")
    change(ledger, products, products.c.product_id == CUP, in_stock=False)
    change(ledger, products, products.c.product_id == TEA, enabled=False)
    change(ledger, categories, categories.c.category_id == TABLEWARE, enabled=False)
    proposal = plan_of(ledger, run_id)
    assert run_row(ledger, run_id).state == RunState.WAITING
    assert level(proposal, "in_stock") is level(proposal, "on_sale") is VerdictLevel.WARN
    assert text(proposal, "in_stock") == "out of stock: Cup"
    assert text(proposal, "on_sale") == "switched off in the store: Sencha, Tableware"


def test_the_sku_of_a_variation_selects_the_whole_product_with_a_warning(ledger: Engine) -> None:
    _, run_id = run_for(ledger, "{products: [TEA-01-L]}")
    proposal = plan_of(ledger, run_id)
    assert proposal.goods is not None
    assert [product.product_id for product in proposal.goods.products] == [TEA]
    assert "15% off Sencha in every variation" in proposal.offer
    assert text(proposal, "by_product").startswith("TEA-01-L (Sencha): the store limits by product")
    assert level(proposal, "by_product") is VerdictLevel.WARN


def test_a_category_with_subcategories_gets_a_warning(ledger: Engine) -> None:
    _, run_id = run_for(ledger, "{categories: [Tea]}")
    assert level(plan_of(ledger, run_id), "by_category") is VerdictLevel.WARN


def test_products_of_another_store_are_unknown(ledger: Engine) -> None:
    store_id, run_id = run_for(ledger, "{products: [TEA-01], categories: [Tableware]}")
    with ledger.begin() as connection:
        row = {"ecwid_id": 2, "base_url": "http://127.0.0.1:9/api/v3", "token": "sealed", "created_at": NOW}
        other = connection.execute(sa.insert(stores).values(row).returning(stores.c.id)).scalar_one()
    for table in (products, variations, categories):
        change(ledger, table, table.c.store_id == store_id, store_id=other)
    plan_of(ledger, run_id)
    assert (
        run_row(ledger, run_id).reason
        == "the store has no product 'TEA-01'; the store has no category 'Tableware'"
    )


def test_the_goods_of_the_offer_do_not_change_the_worst_case(ledger: Engine) -> None:
    _, run_id = run_for(ledger, "{products: [TEA-01]}")
    with ledger.connect() as connection:
        store = connection.execute(sa.select(stores)).one()
    on_everything = sample_book().revisions["winback"]
    plain = preview_plan(
        PreviewRequest(engine=ledger, store=store, revision=on_everything, now=NOW, per_minute=600)
    ).proposal
    assert plan_of(ledger, run_id).exposure == plain.exposure
