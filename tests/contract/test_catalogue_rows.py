"""Every row of the dossier's tables of products, variations and categories (section 9), through the client, over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.contract.rows import drives, refused
from tests.store import turn
from tillroll.ecwid.client import Client
from tillroll.sandbox.serve import Sandbox

MISSING = 999_999


@pytest.mark.parametrize("same_sku_twice", [True, False])
@drives("POST /products", "GET /products/{id}", "PUT /products/{id}", "DELETE /products/{id}")
def test_a_product_is_made_changed_and_deleted(
    sandbox: Sandbox, client: Client, same_sku_twice: bool
) -> None:
    turn(sandbox, same_sku_twice=same_sku_twice)
    body = {"sku": "NEW-01", "name": "Beli čaj", "price": 12.5, "quantity": 4}
    made = client.products.create(body)
    client.products.update(made, {"price": 13.9})
    found = client.products.get(made)
    assert (found.sku, found.name, float(found.price), found.quantity) == ("NEW-01", "Beli čaj", 13.9, 4)
    if same_sku_twice:
        client.products.create(body)
    else:
        with refused(409, "SKU_ALREADY_EXISTS"):
            client.products.create(body)
    with refused(400, "WRONG_PARAMETER"):
        client.products.create({"name": "x", "price": -1})
    client.products.delete(made)
    words = f"Product #{made} not found"
    with refused(404, "PRODUCT_NOT_FOUND", words):
        client.products.get(made)
    with refused(404, "PRODUCT_NOT_FOUND", words):
        client.products.update(made, {})
    with refused(404, "PRODUCT_NOT_FOUND", words):
        client.products.delete(made)


@drives("GET /products", "GET /products/deleted")
def test_products_are_searched_and_deletions_are_listed(client: Client) -> None:
    (found,) = client.products.every(filters={"sku": "POT-01"})
    by_two = {"productId": str(found.product_id), "sku": "overridden"}
    assert [one.product_id for one in client.products.every(filters=by_two)] == [found.product_id]
    with refused(400, words="Wrong parameter 'inStock' value: expected one of 'true', 'false', 'yes', 'no'"):
        list(client.products.every(filters={"inStock": "perhaps"}))
    client.products.delete(found.product_id)
    gone = list(client.products.deleted(datetime.now(UTC) - timedelta(hours=1)))
    assert [one.id for one in gone] == [str(found.product_id)]


@drives("DELETE /products")
def test_deleting_everything_is_accepted_with_202(sandbox: Sandbox, client: Client) -> None:
    turn(sandbox, missing_scopes=["update_catalog_batch_delete"])
    with pytest.raises(Exception, match="update_catalog_batch_delete"):
        client.connection.write("DELETE", "/products")
    assert client.products.count() > 0
    turn(sandbox, missing_scopes=[])
    client.connection.write("DELETE", "/products")
    assert client.products.count() == 0


@drives("PUT /products/{id}/inventory", "PUT /products/{id}/combinations/{combinationId}/inventory")
def test_stock_moves_by_a_delta_and_warns_below_zero(client: Client) -> None:
    cup = next(one for one in client.products.every() if one.variations)
    sort = cup.variations[0]
    plain = next(one for one in client.products.every() if not one.variations and one.quantity)
    assert plain.quantity is not None
    assert sort.quantity is not None
    path = f"/products/{plain.product_id}/inventory"
    inner = f"/products/{cup.product_id}/combinations/{sort.variation_id}/inventory"
    assert client.connection.write("PUT", path, body={"quantityDelta": -3}) == {"updateCount": 1}
    assert client.products.get(plain.product_id).quantity == plain.quantity - 3
    assert client.connection.write("PUT", inner, body={"quantityDelta": 5}) == {"updateCount": 1}
    assert client.products.variations(cup.product_id)[0].quantity == sort.quantity + 5
    for one in (path, inner):
        assert client.connection.write("PUT", one, body={"quantityDelta": -1000})["warning"]
        with refused(400, "WRONG_PARAMETER"):
            client.connection.write("PUT", one, body={})
    with refused(404, "PRODUCT_NOT_FOUND"):
        client.connection.write("PUT", f"/products/{MISSING}/inventory", body={"quantityDelta": 1})


@drives(
    "GET /products/{id}/combinations",
    "POST /products/{id}/combinations",
    "DELETE /products/{id}/combinations",
    "GET /products/{id}/combinations/{combinationId}",
    "PUT /products/{id}/combinations/{combinationId}",
    "DELETE /products/{id}/combinations/{combinationId}",
)
def test_variations_are_made_changed_and_deleted_one_by_one_and_all_at_once(client: Client) -> None:
    product = client.products.create({"sku": "NEW-01", "name": "White tea", "price": 12})

    def options(weight: str) -> list[dict[str, Any]]:
        return [{"name": "Weight", "value": weight}]

    first = client.products.create_variation(product, {"options": options("50 g"), "price": 6})
    client.products.update_variation(product, first, {"price": 7})
    path = f"/products/{product}/combinations"
    assert client.connection.read(f"{path}/{first}")["price"] == 7
    bare = client.connection.read(path, {"responseFields": "price"})["items"]
    assert bare == [{"price": 7}], "the list is bare and its fields are named flat"
    shown = client.connection.read(f"/products/{product}")["options"]
    assert [(one["type"], one["name"]) for one in shown] == [("SELECT", "Weight")]
    with refused(409, "COMBINATION_DUPLICATED"):
        client.products.create_variation(product, {"options": options("50 g")})
    with refused(409, "SKU_ALREADY_EXISTS"):
        client.products.create_variation(product, {"options": options("1 kg"), "sku": "NEW-01"})
    client.products.create_variation(product, {"options": options("100 g")})
    client.products.delete_variation(product, first)
    with refused(404, "COMBINATION_NOT_FOUND"):
        client.products.update_variation(product, first, {})
    assert client.connection.write("DELETE", path) == {"deleteCount": 1}
    assert client.products.variations(product) == ()
    with refused(404, "PRODUCT_NOT_FOUND"):
        client.products.variations(MISSING)


@drives(
    "GET /categories",
    "POST /categories",
    "GET /categories/{id}",
    "PUT /categories/{id}",
    "DELETE /categories/{id}",
    "GET /categoriesByPath",
)
def test_a_category_is_made_moved_and_deleted(client: Client) -> None:
    top = next(iter(client.categories.every()))
    body = {"name": "Rolled", "parentId": top.category_id}
    made = client.connection.write("POST", "/categories", body=body)["id"]
    path = f"/categories/{made}"
    by_path = {"path": f"{top.name}|Rolled", "delimiter": "|"}
    assert [one["id"] for one in client.connection.read("/categoriesByPath", by_path)["items"]] == [made]
    change = {"enabled": False, "name": "Zvit"}
    assert client.connection.write("PUT", path, body=change) == {"updateCount": 1}
    found = client.categories.get(made)
    assert (found.name, found.enabled, found.parent_id) == ("Zvit", False, top.category_id)
    assert made in {one.category_id for one in client.categories.every()}, "hidden ones too"
    assert made not in {one["id"] for one in client.connection.read("/categories")["items"]}
    with refused(400, "WRONG_PARAMETER"):
        client.connection.write("PUT", f"/categories/{top.category_id}", body={"parentId": made})
    with refused(404, "CATEGORIES_NOT_FOUND"):
        client.connection.write("PUT", path, body={"parentId": MISSING})
    with refused(400):
        client.connection.write("POST", "/categories", body={})
    assert client.connection.write("DELETE", path) == {"deleteCount": 1}
    with refused(404, words=f"Category #{made} not found"):
        client.categories.get(made)


@drives("POST /categories/{id}/assignProducts", "POST /categories/{id}/unassignProducts")
def test_products_are_added_to_a_category_and_removed(client: Client) -> None:
    product = client.products.create({"sku": "NEW-01", "name": "White tea", "price": 12})
    shelf, body = list(client.categories.every())[-1].category_id, {"productIds": [product]}
    assert client.connection.write("POST", f"/categories/{shelf}/assignProducts", body=body) == {
        "updateCount": 1
    }
    assert client.products.get(product).category_ids == (shelf,)
    client.connection.write("POST", f"/categories/{shelf}/unassignProducts", body=body)
    assert client.products.get(product).category_ids == ()
    for deed in ("assignProducts", "unassignProducts"):
        with refused(404):
            client.connection.write("POST", f"/categories/{MISSING}/{deed}", body=body)


@drives("GET /classes", "POST /classes", "GET /classes/{id}", "PUT /classes/{id}", "DELETE /classes/{id}")
def test_a_product_type_keeps_the_attributes_that_were_sent_last(client: Client) -> None:
    (general,) = client.connection.read("/classes")["items"]
    assert (general["id"], "name" in general) == (0, False)
    body = {"name": "Tea", "attributes": [{"name": "Harvest"}, {"name": "Garden", "show": "NOTSHOW"}]}
    made = client.connection.write("POST", "/classes", body=body)["id"]
    path = f"/classes/{made}"
    harvest, garden = client.connection.read(path)["attributes"]
    assert (harvest["type"], harvest["show"], garden["show"]) == ("CUSTOM", "DESCR", "NOTSHOW")
    change = {"attributes": [harvest, {"name": "Letnik", "type": "CUSTOM"}]}
    assert client.connection.write("PUT", path, body=change) == {"updateCount": 1}
    after = client.connection.read(path)
    assert (after["name"], [one["name"] for one in after["attributes"]]) == ("Tea", ["Harvest", "Letnik"])
    assert after["attributes"][0] == harvest, "an attribute is known by its id"
    with refused(400, "WRONG_PARAMETER"):
        client.connection.write("PUT", path, body={"attributes": [{"name": "x", "type": "SMELL"}]})
    with refused(400):
        client.connection.write("POST", "/classes", body={})
    with refused(400):
        client.connection.write("DELETE", "/classes/0")
    assert client.connection.write("DELETE", path) == {"deleteCount": 1}
    for method in ("PUT", "DELETE"):
        with refused(404):
            client.connection.write(method, path, body={})


@drives("GET /brands", "GET /swatches")
def test_brands_and_colours_are_gathered_from_the_products(client: Client) -> None:
    def make(sku: str, brand: str, **body: Any) -> None:
        attributes = [{"name": "Brand", "value": brand}]
        client.products.create({"sku": sku, "name": sku, "price": 1, "attributes": attributes, **body})

    make("B-1", "Čajna hiša")
    make("B-2", "Čajna hiša")
    colours = [{"text": "Rdeča", "hexCodes": ["#ff0000"]}]
    make("B-3", "Zen", options=[{"type": "SWATCHES", "name": "Colour", "choices": colours}])
    make("B-4", "Hidden", enabled=False)
    page = client.connection.read("/brands")
    assert [one["name"] for one in page["items"]] == ["Uji", "Nilgiri", "Kamna", "Hagi", "Čajna hiša", "Zen"]
    assert page["total"] == page["count"] == 6
    assert page["items"][5]["productsFilteredByBrandUrl"].endswith("attribute_Brand=Zen")
    every = client.connection.read("/brands", {"hidden_brands": "true", "sortBy": "NAME_ASC", "limit": 1})
    assert (every["total"], [one["name"] for one in every["items"]]) == (7, ["Hagi"])
    with refused(400, "WRONG_PARAMETER"):
        client.connection.read("/brands", {"sortBy": "FAME"})
    assert client.connection.read("/swatches") == {"colors": [{"name": "Rdeča", "hexCode": "#ff0000"}]}
