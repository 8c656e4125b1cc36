"""Products, their variations, and categories."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

import pytest

Open = Callable[..., Any]


def make(api: Any, path: str, **body: Any) -> int:
    answer = api.call("POST", path, json=body)
    assert answer.status_code == 200, answer.text
    return int(answer.json()["id"])


def put(api: Any, path: str, **body: Any) -> Any:
    return api.call("PUT", path, json=body)


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json().get("errorCode", "")


def ids(api: Any, **query: Any) -> list[int]:
    return [product["id"] for product in api.get("/products", **query)["items"]]


def test_a_product_reads_back_with_its_defaults_and_dates(api: Any) -> None:
    number = make(api, "/products", sku="NEW-1", name="Strainer", price=7.5, quantity=3, categoryIds=[1, 99])
    product = api.get(f"/products/{number}")
    assert (product["sku"], product["price"], product["quantity"], product["unlimited"]) == (
        "NEW-1",
        7.5,
        3,
        False,
    )
    assert (product["inStock"], product["enabled"], product["categoryIds"]) == (True, True, [1])
    assert product["created"] == product["updated"] == "2026-03-02 12:00:00 +0000"
    assert product["createTimestamp"] == int(api.clock.now().timestamp())


def test_a_product_without_a_sku_gets_one_and_without_a_quantity_never_runs_out(api: Any) -> None:
    product = api.get(f"/products/{make(api, '/products', name='Gift wrap')}")
    assert product["sku"]
    assert (product["unlimited"], product["inStock"], "quantity" in product) == (True, True, False)


def test_an_update_of_a_product_is_a_merge(api: Any) -> None:
    api.clock.pass_by(60)
    assert put(api, "/products/701", price=11, warningLimit=5).json() == {"updateCount": 1}
    product = api.get("/products/701")
    assert (product["price"], product["warningLimit"], product["name"]) == (11, 5, "Sencha")
    assert product["updated"] == "2026-03-02 12:01:00 +0000"
    put(api, "/products/701", unlimited=True)
    assert "quantity" not in api.get("/products/701")
    put(api, "/products/701", quantity=0)
    assert api.get("/products/701")["inStock"] is False


@pytest.mark.parametrize(
    "fields",
    [
        {"name": None},
        {"price": -1},
        {"quantity": "3"},
        {"enabled": "yes"},
        {"wholesalePrices": [{"quantity": 1, "price": 2}]},
        {"outOfStockVisibilityBehaviour": "MAYBE"},
    ],
    ids=str,
)
def test_a_bad_field_of_a_product_is_400(api: Any, fields: dict[str, Any]) -> None:
    answer = api.call("POST", "/products", json={"name": "X", "price": 1, **fields})
    assert code(answer) == (400, "WRONG_PARAMETER")


def test_a_sku_is_unique_among_products_and_variations_unless_the_store_allows_two(api: Any) -> None:
    assert code(api.call("POST", "/products", json={"name": "X", "sku": "TEA-01"})) == (
        409,
        "SKU_ALREADY_EXISTS",
    )
    assert code(put(api, "/products/702", sku="CUP-01-INDIGO")) == (409, "SKU_ALREADY_EXISTS")
    assert put(api, "/products/702", sku="TEA-02").status_code == 200
    api.turn(same_sku_twice=True)
    assert api.call("POST", "/products", json={"name": "X", "sku": "TEA-01"}).status_code == 200
    assert api.get("/products", sku="TEA-01")["total"] == 2


def test_stock_moves_by_a_delta_and_warns_below_zero(api: Any) -> None:
    before = api.get("/products/701")["quantity"]
    assert put(api, "/products/701/inventory", quantityDelta=-3).json() == {"updateCount": 1}
    assert api.get("/products/701")["quantity"] == before - 3
    assert "warning" in put(api, "/products/701/inventory", quantityDelta=-1000).json()
    assert code(put(api, "/products/701/inventory")) == (400, "WRONG_PARAMETER")
    assert code(put(api, "/products/1/inventory", quantityDelta=1)) == (404, "PRODUCT_NOT_FOUND")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"productId": "703,701", "sku": "POT-01"}, [701, 703]),
        ({"sku": "CUP-01-INDIGO", "keyword": "nothing"}, [721]),
        ({"keyword": "sencha"}, [701]),
        ({"keyword": "senc"}, []),
        ({"keyword": "senc*"}, [701]),
        ({"keyword": "POT-01"}, [719]),
        ({"priceFrom": "60", "priceTo": "64"}, [719]),
        ({"category": "3", "limit": "2"}, [713, 714]),
        ({"option_Colour": "Indigo,Rust"}, [721]),
        ({"option_Colour": "Rust"}, []),
        ({"sortBy": "PRICE_DESC", "limit": "1"}, [724]),
        ({"sortBy": "NAME_ASC", "limit": "1"}, [707]),
        ({"createdFrom": "2026-03-02"}, []),
    ],
    ids=str,
)
def test_products_are_found_by(api: Any, query: dict[str, str], expected: list[int]) -> None:
    assert ids(api, **query) == expected


def test_products_are_found_by_their_attributes(api: Any) -> None:
    put(api, "/products/701", enabled=False)
    put(api, "/products/702", quantity=0)
    on_sale = ids(api, onsale="onsale")
    put(api, "/products/703", discountsAllowed=False, compareToPrice=30)
    assert ids(api, enabled="no") == [701]
    assert ids(api, inStock="false") == ids(api, inventory="outofstock") == [702]
    gift_card = 732
    assert ids(api, discountsAllowed="false") == [703, gift_card]
    assert ids(api, isGiftCard="true") == [gift_card]
    assert ids(api, onsale="onsale") == sorted([*on_sale, 703])
    assert api.get("/products", inStock="1")["total"] == 25
    answer = api.call("GET", "/products?inStock=perhaps")
    assert answer.json()["errorMessage"].startswith("Wrong parameter 'inStock' value: expected one of 'true'")
    assert api.call("GET", "/products?sortBy=COLOUR").status_code == 400


def test_subcategories_count_when_asked_for(api: Any) -> None:
    below = make(api, "/categories", name="Rolled", parentId=1)
    put(api, "/products/701", categoryIds=[below])
    assert 701 not in ids(api, category="1")
    assert 701 in ids(api, category="1", includeProductsFromSubcategories="true")
    assert 701 in ids(api, categories=f"4,{below}")


def test_a_store_started_by_command_lags_as_it_is_told(process: Any) -> None:
    for lag, new in (("600", 0), ("0", 1)):
        api = process.start("--index-lag", lag, lag)
        total = api.get("/products")["total"]
        api.call("POST", "/products", json={"name": "Lamp"})
        assert api.get("/products")["total"] == total + new
        process.end(signal.SIGTERM)


def test_the_product_index_lags_behind_writes(store: Open) -> None:
    api = store(index_lag=2.0)
    number = make(api, "/products", name="Late", sku="LATE")
    assert api.get("/products", sku="LATE")["total"] == 0
    assert api.get("/products")["total"] == 26
    assert api.get(f"/products/{number}")["name"] == "Late"
    api.clock.pass_by(2)
    assert api.get("/products", sku="LATE")["total"] == 1
    assert api.get("/products")["total"] == 27


def test_deleting_a_product_deletes_its_variations(api: Any) -> None:
    assert api.call("DELETE", "/products/721").json() == {"deleteCount": 1}
    assert code(api.call("GET", "/products/721")) == (404, "PRODUCT_NOT_FOUND")
    assert api.get("/products", sku="CUP-01-INDIGO")["total"] == 0
    answer = api.call("DELETE", "/products")
    assert (answer.status_code, answer.json()) == (202, {"deleteCount": 25})
    assert api.get("/products")["total"] == 0


def test_variations_are_a_bare_list_with_stock_of_their_own(api: Any) -> None:
    cups = api.get("/products/721/combinations")
    assert [variation["options"][0]["value"] for variation in cups] == ["Celadon", "Indigo", "Ash"]
    assert [(variation["combinationNumber"], variation["inStock"]) for variation in cups] == [
        (1, True),
        (2, True),
        (3, False),
    ]
    assert api.get("/products/721")["combinations"] == cups
    assert api.get("/products/721/combinations", responseFields="sku")[0] == {"sku": "CUP-01-CELADON"}
    first = f"/products/721/combinations/{cups[0]['id']}"
    assert put(api, f"{first}/inventory", quantityDelta=-2).json() == {"updateCount": 1}
    assert "warning" in put(api, f"{first}/inventory", quantityDelta=-99).json()
    assert api.get(first)["quantity"] == -89
    assert put(api, first, price=15.5).json() == {"updateCount": 1}
    assert api.get(first)["price"] == 15.5


def test_a_variation_adds_its_option_to_the_product(api: Any) -> None:
    made = make(api, "/products/701/combinations", options=[{"name": "Weight", "value": "50 g"}], price=6)
    [option] = api.get("/products/701")["options"]
    assert (option["type"], option["name"], option["choices"][0]["text"]) == ("SELECT", "Weight", "50 g")
    same = {"options": [{"name": "Weight", "value": "50 g"}]}
    assert code(api.call("POST", "/products/701/combinations", json=same)) == (409, "COMBINATION_DUPLICATED")
    other = make(api, "/products/701/combinations", options=[{"name": "Weight", "value": "100 g"}])
    assert code(put(api, f"/products/701/combinations/{other}", **same)) == (409, "COMBINATION_DUPLICATED")
    taken = {"options": [{"name": "Weight", "value": "1 kg"}], "sku": "TEA-02"}
    assert code(api.call("POST", "/products/701/combinations", json=taken)) == (409, "SKU_ALREADY_EXISTS")
    assert api.call("POST", "/products/701/combinations", json={}).status_code == 400
    assert api.call("DELETE", f"/products/701/combinations/{made}").json() == {"deleteCount": 1}
    assert code(api.call("GET", f"/products/701/combinations/{made}")) == (404, "COMBINATION_NOT_FOUND")
    assert api.call("DELETE", "/products/701/combinations").json() == {"deleteCount": 1}
    assert api.get("/products/701/combinations") == []


def test_categories_make_a_tree(api: Any) -> None:
    below = make(api, "/categories", name="Rolled", parentId=1, productIds=[701, 702])
    shown = api.get(f"/categories/{below}")
    assert (shown["parentId"], shown["productCount"], shown["productIds"]) == (1, 2, [701, 702])
    assert "productIds" not in api.get("/categories", parent=1)["items"][0]
    assert [category["id"] for category in api.get("/categories", parent=1, productIds="true")["items"]] == [
        below
    ]
    assert api.get("/categories", parent=0)["total"] == 4
    assert api.get("/categories", keyword="tea")["total"] == 2
    page = api.get("/categoriesByPath?path=Green%20tea|Rolled&delimiter=|")
    assert [category["id"] for category in page["items"]] == [below]
    assert code(put(api, "/categories/1", parentId=below)) == (400, "WRONG_PARAMETER")
    assert code(put(api, "/categories/1", parentId=99)) == (404, "CATEGORIES_NOT_FOUND")
    assert put(api, "/categories/2", parentId=below, name="Black").json() == {"updateCount": 1}
    assert api.get("/categories", parent=1, withSubcategories="true")["total"] == 2
    assert api.call("DELETE", "/categories/1").json() == {"deleteCount": 1}
    assert api.get("/categories")["total"] == 2
    assert api.get("/products/702")["categoryIds"] == []


def test_hidden_categories_show_only_when_asked_for(api: Any) -> None:
    put(api, "/categories/4", enabled=False)
    assert api.get("/categories")["total"] == 3
    assert api.get("/categories", hidden_categories="true")["total"] == 4
    assert api.call("POST", "/categories", json={}).status_code == 400


def test_products_are_assigned_to_a_category_and_removed(api: Any) -> None:
    answer = api.call("POST", "/categories/4/assignProducts", json={"productIds": [701, 9]})
    assert answer.json() == {"updateCount": 1}
    assert api.get("/products/701")["categoryIds"] == [1, 4]
    api.call("POST", "/categories/4/unassignProducts", json={"productIds": [701]})
    assert api.get("/products/701")["categoryIds"] == [1]
    put(api, "/categories/4", productIds=[702])
    assert ids(api, category="4") == [702]


def test_changes_of_the_catalogue_send_events(api: Any, receiver: Any) -> None:
    api.admin("webhooks", {"url": receiver.url})
    number = make(api, "/products", name="Told", categoryIds=[1])
    put(api, f"/products/{number}/inventory", quantityDelta=1)
    category = make(api, "/categories", name="Told")
    api.call("DELETE", f"/categories/{category}")
    api.call("DELETE", f"/products/{number}")
    receiver.wait(5)
    assert sorted(receiver.events()) == [
        "category.created", "category.deleted", "product.created", "product.deleted", "product.updated",
    ]  # fmt: skip
