"""Every endpoint of the client against the sandbox over HTTP, under both readings of what the documentation leaves open."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.contract.samples import coupon, wait_for
from tests.store import buy, client_of, counted, running, turn
from tillroll.ecwid.client import Client
from tillroll.ecwid.http.errors import StoreSaysConflict, StoreSaysNo, StoreSaysNotFound
from tillroll.errors import ScopeMissing, StoreDisconnected
from tillroll.sandbox.serve import Sandbox

SINCE = timedelta(hours=1)


def soon_ago() -> datetime:
    return datetime.now(UTC) - SINCE


def test_answers_are_frozen_and_missing_fields_stay_none(client: Client) -> None:
    person = client.customers.get(1)
    with pytest.raises(FrozenInstanceError):
        person.email = "else@example.com"  # type: ignore[misc]
    never_asked = [one for one in client.customers.every() if one.accepts_marketing is None]
    assert never_asked
    assert any(one.first_order_at is None for one in client.customers.every())


# -- coupons


@pytest.mark.parametrize("by_code", [True, False])
def test_a_coupon_is_read_changed_and_deleted_by_its_id(
    sandbox: Sandbox, client: Client, by_code: bool
) -> None:
    turn(sandbox, coupon_by_code=by_code)
    coupon_id = client.coupons.create(coupon())
    assert client.coupons.get(coupon_id).code == "TILL-TEST"
    assert client.coupons.update(coupon_id, {"status": "PAUSED"})
    assert client.coupons.get(coupon_id).status == "PAUSED"
    assert client.coupons.delete(coupon_id)
    with pytest.raises(StoreSaysNotFound, match="Coupon is not found"):
        client.coupons.get(coupon_id)


@pytest.mark.parametrize("unknown", [404, 200])
def test_a_missing_coupon_is_no_error_to_change_or_delete(
    sandbox: Sandbox, client: Client, unknown: int
) -> None:
    turn(sandbox, put_unknown_coupon=unknown, delete_unknown_coupon=unknown)
    assert client.coupons.update(999_999, {"status": "PAUSED"}) is False
    assert client.coupons.delete(999_999) is False


@pytest.mark.parametrize("search", ["exact", "partial"])
@pytest.mark.parametrize("folded", [True, False])
def test_a_coupon_is_found_by_its_whole_code_alone(
    sandbox: Sandbox, client: Client, search: str, folded: bool
) -> None:
    turn(sandbox, coupon_search=search, fold_codes=folded)
    client.coupons.create(coupon("TILL-TEST-LONGER"))
    assert client.coupons.find("TILL-TEST") is None
    client.coupons.create(coupon("till-test"))
    found = client.coupons.find("TILL-TEST")
    assert found is not None
    assert found.code.upper() == "TILL-TEST"


@pytest.mark.parametrize("order", ["oldest_first", "newest_first"])
def test_every_coupon_is_read_in_whatever_order_they_come(
    sandbox: Sandbox, client: Client, order: str
) -> None:
    turn(sandbox, coupons_sorted=order)
    codes = {f"C{number}" for number in range(230)}
    for code in codes:
        client.coupons.create(coupon(code))
    assert codes <= {one.code for one in client.coupons.every()}
    assert codes == {one.code for one in client.coupons.every(created_from=soon_ago())}
    paused = next(iter(client.coupons.every(created_from=soon_ago())))
    client.coupons.update(paused.coupon_id, {"status": "PAUSED"})
    assert [one.code for one in client.coupons.every(statuses=["PAUSED"])] == [paused.code]


def test_a_deleted_coupon_is_in_the_history(client: Client) -> None:
    coupon_id = client.coupons.create(coupon())
    client.coupons.delete(coupon_id)
    assert [one.id for one in client.coupons.deleted(soon_ago())] == [str(coupon_id)]


@pytest.mark.parametrize("bad", ["drop", "refuse"])
def test_a_coupon_for_some_products_keeps_them(sandbox: Sandbox, client: Client, bad: str) -> None:
    turn(sandbox, bad_catalog_limit=bad)
    product = next(iter(client.products.every()))
    category = next(iter(client.categories.every()))
    asked = coupon(products=(product.product_id,), categories=(category.category_id,))
    found = client.coupons.get(client.coupons.create(asked))
    assert (found.products, found.categories) == ((product.product_id,), (category.category_id,))


# -- batches


@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize("bodies", [True, False])
def test_a_batch_creates_changes_and_deletes(
    sandbox: Sandbox, client: Client, counted: bool, bodies: bool
) -> None:
    turn(sandbox, count_inner_requests=counted, body_without_escaped=bodies)
    coupon_id = client.coupons.create(coupon("FIRST"))
    other = client.coupons.create(coupon("OTHER"))
    requests = [
        client.coupons.creation("1", coupon("NEW")),
        client.coupons.change("2", coupon_id, {"status": "PAUSED"}),
        client.coupons.deletion("3", other),
        client.coupons.creation("4", coupon("FIRST")),
    ]
    key = str(uuid.uuid4())
    ticket = client.batches.create(requests, deduplication_key=key, group="g", parallel=False)
    answers = {one.id: one.status for one in wait_for(client, ticket).answers}
    assert answers == {"1": 200, "2": 200, "3": 200, "4": 409}
    assert client.coupons.get(coupon_id).status == "PAUSED"
    assert ticket in set(client.batches.tickets("COMPLETED"))


def test_a_cancelled_group_stops(sandbox: Sandbox, client: Client) -> None:
    turn(sandbox, batch_pause=5.0)
    requests = [client.coupons.creation(str(number), coupon(f"B{number}")) for number in range(150)]
    ticket = client.batches.create(requests, deduplication_key=str(uuid.uuid4()), group="run-9")
    assert client.batches.cancel_group("run-9") == 1
    status = wait_for(client, ticket)
    assert any(not one.executed for one in status.answers)
    assert client.batches.delete(ticket)
    assert client.batches.delete(ticket) is False


# -- customers


def test_customers_are_searched_by_the_stores_own_filters(client: Client) -> None:
    people = list(client.customers.every())
    assert client.customers.count() == len(people)
    agreed = list(client.customers.every(filters={"acceptMarketing": "true"}))
    assert {one.customer_id for one in agreed} == {one.customer_id for one in people if one.accepts_marketing}
    by_mail = {"email": people[3].email, "useExactEmailMatch": "true"}
    assert [one.customer_id for one in client.customers.every(filters=by_mail)] == [people[3].customer_id]
    many = list(client.customers.every(filters={"minOrderCount": 3, "countryCodes": "SI,AT"}))
    assert many
    assert all(one.orders >= 3 and one.country in {"SI", "AT"} for one in many)


def test_consent_is_written_and_read_past_the_index(sandbox: Sandbox, client: Client) -> None:
    turn(sandbox, index_lag=30.0)
    client.customers.set_consent(5, False)
    assert client.customers.get(5).accepts_marketing is False
    with pytest.raises(StoreSaysNotFound):
        client.customers.set_consent(999_999, False)


def test_groups_begin_with_general_and_deleted_customers_are_listed(client: Client) -> None:
    groups = list(client.customers.groups())
    assert (groups[0].group_id, groups[0].name) == (0, "General")
    client.connection.write("DELETE", "/customers/7")
    assert [one.id for one in client.customers.deleted(soon_ago())] == ["7"]


# -- orders and carts


@pytest.mark.parametrize("order", ["newest_first", "oldest_first"])
def test_an_order_shows_what_was_bought_and_by_which_coupon(
    sandbox: Sandbox, client: Client, order: str
) -> None:
    turn(sandbox, orders_sorted=order)
    client.coupons.create(coupon(application_limit="UNLIMITED"))
    bought = buy(sandbox, email="customer5@example.com", coupon="TILL-TEST")
    found = client.orders.get(bought["orderId"])
    assert (found.coupon_code, found.payment_status) == ("TILL-TEST", "PAID")
    assert found.coupon_discount == Decimal(str(bought["couponDiscount"]))
    assert [(item.sku, item.quantity, item.coupon_applied) for item in found.items] == [("POT-01", 1, True)]
    searched = list(client.orders.every(filters={"couponCode": "TILL-TEST"}))
    assert [one.order_id for one in searched] == [bought["orderId"]]
    assert client.orders.count() == len({one.order_id for one in client.orders.every()})
    client.connection.write("DELETE", f"/orders/{found.order_id}")
    assert len(list(client.orders.deleted(soon_ago()))) == 1
    with pytest.raises(StoreSaysNotFound):
        client.orders.get(found.order_id)


def test_a_cart_is_read_and_becomes_an_order(client: Client) -> None:
    carts = list(client.carts.every())
    assert carts
    cart = client.carts.get(carts[0].cart_id)
    assert cart.items
    assert all(item.name and item.picture.startswith("http") for item in cart.items)
    assert cart.email
    assert cart.recovered_order is None
    client.connection.write("POST", f"/carts/{cart.cart_id}/place")
    assert client.carts.get(cart.cart_id).recovered_order is not None
    with pytest.raises(StoreSaysNotFound):
        client.carts.get(str(uuid.uuid4()).upper())


# -- the catalogue


@pytest.mark.parametrize("twice", [True, False])
def test_a_product_and_its_variations_are_made_changed_and_deleted(
    sandbox: Sandbox, client: Client, twice: bool
) -> None:
    turn(sandbox, same_sku_twice=twice)
    body = {"sku": "NEW-01", "name": "White tea", "price": 12.5, "quantity": 4, "warningLimit": 2}
    product_id = client.products.create(body)
    if not twice:
        with pytest.raises(StoreSaysConflict):
            client.products.create(body)
    client.products.update(product_id, {"price": 13.9, "costPrice": 6})
    size = {"sku": "NEW-01-L", "price": 20, "quantity": 1, "options": [{"name": "Size", "value": "L"}]}
    variation = client.products.create_variation(product_id, size)
    client.products.update_variation(product_id, variation, {"quantity": 0})
    found = client.products.get(product_id)
    assert (found.price, found.cost_price) == (Decimal("13.9"), Decimal(6))
    assert (found.quantity, found.low_stock_at) == (4, 2)
    (sort,) = client.products.variations(product_id)
    assert (sort.sku, sort.price, sort.in_stock) == ("NEW-01-L", Decimal(20), False)
    assert sort.options == (("Size", "L"),)
    client.products.delete_variation(product_id, variation)
    assert client.products.variations(product_id) == ()
    client.products.delete(product_id)
    assert [one.id for one in client.products.deleted(soon_ago())] == [str(product_id)]


def test_a_product_has_a_page_and_a_picture(client: Client) -> None:
    product = next(iter(client.products.every()))
    assert product.url.startswith("http")
    assert product.picture.startswith("http")


def test_products_are_searched_and_unlimited_stock_is_none(client: Client) -> None:
    product_id = client.products.create({"sku": "GIFT", "name": "A gift", "price": 1, "unlimited": True})
    assert client.products.get(product_id).quantity is None
    assert client.products.get(product_id).in_stock
    (found,) = client.products.every(filters={"sku": "GIFT"})
    assert found.product_id == product_id
    assert client.products.count() == len(list(client.products.every()))


def test_categories_know_their_parent(client: Client) -> None:
    top = next(iter(client.categories.every()))
    body = {"name": "Sencha", "parentId": top.category_id, "enabled": False}
    made = client.connection.write("POST", "/categories", body=body)["id"]
    found = client.categories.get(made)
    assert (found.parent_id, found.name, found.enabled) == (top.category_id, "Sencha", False)
    assert made in {one.category_id for one in client.categories.every()}


# -- the store about itself


def test_latest_stats_follow_changes(client: Client) -> None:
    before = client.shop.latest_stats()
    assert before.product_count == client.products.count()
    client.customers.set_consent(5, True)
    after = client.shop.latest_stats()
    assert after.customers is not None
    assert before.customers is None or after.customers >= before.customers
    assert after.orders == before.orders


def test_reviews_promotions_and_reports_are_read(client: Client) -> None:
    reviews = list(client.reviews.every())
    assert reviews
    assert all(1 <= one.rating <= 5 for one in reviews)
    assert list(client.reviews.deleted(soon_ago())) == []
    promotions = list(client.shop.promotions())
    assert promotions
    assert promotions[0].name
    now = datetime.now(UTC)
    report = client.shop.report("allOrders", start=now - timedelta(days=30), end=now)
    assert report.totals
    assert report.points


@pytest.mark.parametrize("answers", ["count", "success"])
def test_the_store_stores_a_text_for_us(sandbox: Sandbox, client: Client, answers: str) -> None:
    turn(sandbox, storage_answers=answers)
    assert client.shop.read_storage("epoch") is None
    client.shop.write_storage("epoch", "7")
    assert client.shop.read_storage("epoch") == "7"


SCOPED: list[tuple[str, Callable[[Client], Any]]] = [
    ("update_store_profile", lambda client: client.shop.write_storage("x", "y")),
    ("read_customers", lambda client: client.customers.get(1)),
    ("update_customers", lambda client: client.customers.set_consent(1, True)),
    ("read_orders", lambda client: client.orders.count()),
    ("read_catalog", lambda client: client.products.count()),
    ("create_catalog", lambda client: client.products.create({"name": "x"})),
    ("read_discount_coupons", lambda client: client.coupons.find("X")),
    ("create_discount_coupons", lambda client: client.coupons.create(coupon())),
    ("update_discount_coupons", lambda client: client.coupons.delete(1)),
    ("read_reviews", lambda client: list(client.reviews.every())),
    ("read_promotion", lambda client: list(client.shop.promotions())),
    (
        "read_store_stats",
        lambda client: client.shop.report("allOrders", start=soon_ago(), end=datetime.now(UTC)),
    ),
]


@pytest.mark.parametrize("body", ["words", "empty"])
@pytest.mark.parametrize(("scope", "call"), SCOPED, ids=[one[0] for one in SCOPED])
def test_a_missing_scope_is_said_and_the_token_stays_usable(
    sandbox: Sandbox, client: Client, scope: str, call: Callable[[Client], Any], body: str
) -> None:
    turn(sandbox, missing_scopes=[scope], missing_scope_body=body)
    with pytest.raises(ScopeMissing, match=scope if body == "words" else "(GET|PUT|POST|DELETE) /"):
        call(client)
    turn(sandbox, missing_scopes=[])
    assert not client.connection.refused
    call(client)


@pytest.mark.parametrize("body", ["words", "empty"])
def test_without_the_profile_nothing_works_and_an_empty_answer_looks_like_a_dead_token(
    sandbox: Sandbox, client: Client, body: str
) -> None:
    turn(sandbox, missing_scopes=["read_store_profile"], missing_scope_body=body)
    with pytest.raises(ScopeMissing if body == "words" else StoreDisconnected):
        client.shop.latest_stats()


def test_whether_a_scope_or_the_token_is_missing_is_asked_once_for_each_refusal(
    sandbox: Sandbox, client: Client
) -> None:
    turn(sandbox, missing_scopes=["read_orders"], missing_scope_body="empty")
    before = counted(sandbox)["requests"]
    with pytest.raises(ScopeMissing):
        client.orders.count()
    assert counted(sandbox)["requests"] - before == 2
    turn(sandbox, token_revoked=True)
    for _ in range(3):  # further calls would prolong the block
        with pytest.raises(StoreDisconnected):
            client.orders.count()
    assert counted(sandbox)["requests"] - before == 4


@pytest.mark.parametrize("over", ["clamp", "refuse"])
@pytest.mark.parametrize("headers", [True, False])
def test_lists_are_complete_whatever_the_limits_and_headers(tmp_path: Any, over: str, headers: bool) -> None:
    with (
        running(tmp_path / "store", customers=310, limit_over_100=over, quota_headers=headers) as store,
        client_of(store) as client,
    ):
        assert len({one.customer_id for one in client.customers.every()}) == 310


@pytest.mark.parametrize("body", ["empty", "json"])
def test_a_revoked_token_is_recognised_whatever_the_answer(
    sandbox: Sandbox, client: Client, body: str
) -> None:
    turn(sandbox, forbidden_body=body, token_revoked=True)
    with pytest.raises(Exception, match="refuses the token"):
        client.shop.profile()
    assert client.connection.refused


def test_a_refusal_carries_the_stores_own_words(client: Client) -> None:
    with pytest.raises(StoreSaysNo, match="Wrong") as refused:
        list(client.customers.every(filters={"sortBy": "AGE"}))
    assert refused.value.status == 400
