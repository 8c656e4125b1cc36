"""Products, their variations, and categories. Source: docs.ecwid.com/api-reference/rest-api/{products,categories}.

The API calls a variation a combination.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from tillroll.campaign.text.clean import CleanText
from tillroll.ecwid.endpoints.deletions import Deletion, deletions
from tillroll.ecwid.endpoints.resource import Resource, made_number
from tillroll.ecwid.endpoints.rows import (
    Keys,
    Tell,
    identity_of,
    log_unread,
    read_row,
    read_rows,
    required_number,
)
from tillroll.ecwid.http.paging import ListPosition
from tillroll.ecwid.http.wire import (
    Raw,
    count,
    date_in,
    decimal,
    maybe_decimal,
    maybe_whole,
    parts,
    seconds_out,
    text,
    web_address,
    wholes,
)

_PRODUCT_FIELDS = (
    "total,count,offset,limit,items(id,sku,name,price,compareToPrice,costPrice,quantity,unlimited,inStock,warningLimit,enabled,"
    "discountsAllowed,categoryIds,combinations(id,sku,price,quantity,unlimited,inStock,warningLimit,options(name,value)),"
    "url,imageUrl,thumbnailUrl,created,updated)"
)

LONGEST_NAME = 1024
"""Characters of a product's name: as many as a catalogue file may give it, so that an undo restores all of it."""


@dataclass(frozen=True, kw_only=True)
class Variation:
    """One variation of a product: a size, a colour."""

    variation_id: int
    sku: CleanText  # empty: that of the product
    price: Decimal | None  # None: that of the product
    quantity: int | None  # None: unlimited
    in_stock: bool
    low_stock_at: int | None  # the store warns at this quantity or fewer
    options: tuple[tuple[CleanText, CleanText], ...]  # (name, value), like ("Size", "L")


@dataclass(frozen=True, kw_only=True)
class Product:
    """One product. Money is in the store's currency."""

    product_id: int
    sku: CleanText
    name: CleanText
    price: Decimal
    compare_to_price: Decimal | None  # the price it is reduced from; None: not reduced
    cost_price: Decimal | None  # None: not entered
    quantity: int | None  # None: unlimited
    in_stock: bool
    low_stock_at: int | None
    enabled: bool
    discounts_allowed: bool
    category_ids: tuple[int, ...]
    variations: tuple[Variation, ...]
    url: CleanText  # of its page in the storefront; empty: not known
    picture: CleanText  # the address of its main picture; empty: none
    created_at: datetime | None
    updated_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Category:
    """One category; `parent_id` is None at the top."""

    category_id: int
    parent_id: int | None
    name: CleanText
    enabled: bool


class Products(Resource):
    """The store's products and variations. Lists lag writes by seconds. Errors: `http/errors.py`."""

    def every(
        self,
        *,
        updated_from: datetime | None = None,
        filters: Mapping[str, Any] | None = None,
        place: ListPosition | None = None,
        tell: Tell = log_unread,
    ) -> Iterator[Product]:
        """Yield all products or those changed since, oldest first, from `place` on (`GET /products`). Scope `read_catalog`.

        `filters` are search parameters by the store's names: productId, sku, keyword, categories, priceFrom, priceTo,
        createdFrom, createdTo, updatedTo, enabled, inStock, discountsAllowed.
        """
        query: dict[str, Any] = {
            "sortBy": "ADDED_TIME_ASC",
            "responseFields": _PRODUCT_FIELDS,
            **(filters or {}),
        }
        if updated_from:
            query["updatedFrom"] = seconds_out(updated_from)
        rows = self._connection.every("/products", query, identity=identity_of("id"), place=place)
        yield from read_rows(rows, _product, "products", tell=tell)

    def count(self) -> int:
        """Return the number of products, as far as the search index knows (`GET /products?limit=1`)."""
        answer = self._connection.read("/products", {"limit": 1, "responseFields": "total"})
        return count(answer.get("total"))

    def get(self, product_id: int, *, tell: Tell = log_unread) -> Product:
        """Return one product (`GET /products/{id}`). Raises `StoreSaysNotFound`, `UnreadableRow`."""
        return read_row(self._connection.read(f"/products/{product_id}"), _product, "products", tell=tell)

    def variations(self, product_id: int) -> tuple[Variation, ...]:
        """Return all variations of a product (`GET /products/{id}/combinations`). This list has no pages."""
        answer = self._connection.read(f"/products/{product_id}/combinations")
        return tuple(read_rows(parts(answer, "items"), _variation, "variations"))

    def create(self, body: Mapping[str, Any]) -> int:
        """Create a product from fields by the store's names, and return its id (`POST /products`). Scope `create_catalog`.

        Raises `StoreSaysConflict` when the SKU is taken.
        """
        return made_number(self._connection.write("POST", "/products", body=dict(body)), "POST /products")

    def update(self, product_id: int, changes: Mapping[str, Any]) -> None:
        """Change some fields of a product (`PUT /products/{id}`). Scope `update_catalog`. Raises `StoreSaysNotFound`."""
        self._connection.write("PUT", f"/products/{product_id}", body=dict(changes))

    def delete(self, product_id: int) -> None:
        """Delete a product (`DELETE /products/{id}`). Scope `update_catalog`. Raises `StoreSaysNotFound`."""
        self._connection.write("DELETE", f"/products/{product_id}")

    def create_variation(self, product_id: int, body: Mapping[str, Any]) -> int:
        """Create a variation and return its id (`POST /products/{id}/combinations`). New options are added to the product."""
        answer = self._connection.write("POST", f"/products/{product_id}/combinations", body=dict(body))
        return made_number(answer, "POST /products/…/combinations")

    def update_variation(self, product_id: int, variation_id: int, changes: Mapping[str, Any]) -> None:
        """Change some fields of a variation (`PUT /products/{id}/combinations/{combinationId}`)."""
        path = f"/products/{product_id}/combinations/{variation_id}"
        self._connection.write("PUT", path, body=dict(changes))

    def delete_variation(self, product_id: int, variation_id: int) -> None:
        """Delete a variation (`DELETE /products/{id}/combinations/{combinationId}`)."""
        self._connection.write("DELETE", f"/products/{product_id}/combinations/{variation_id}")

    def deleted(self, since: datetime) -> Iterator[Deletion]:
        """Yield the ids of products deleted since (`GET /products/deleted?from_date=…`)."""
        return deletions(self._connection, "products", since)


class Categories(Resource):
    """The store's categories. Errors: `http/errors.py`."""

    def every(self, *, tell: Tell = log_unread) -> Iterator[Category]:
        """Yield all categories, hidden ones included (`GET /categories`). Scope `read_catalog`."""
        query = {"hidden_categories": "true"}
        rows = self._connection.every("/categories", query, identity=identity_of("id"))
        yield from read_rows(rows, _category, "categories", tell=tell)

    def get(self, category_id: int, *, tell: Tell = log_unread) -> Category:
        """Return one category (`GET /categories/{id}`). Raises `StoreSaysNotFound`, `UnreadableRow`."""
        raw = self._connection.read(f"/categories/{category_id}")
        return read_row(raw, _category, "categories", tell=tell)


def _stock(raw: Raw) -> int | None:
    return None if raw.get("unlimited") is True else maybe_whole(raw.get("quantity"))


def _product(raw: Raw, keys: Keys) -> Product:
    quantity = _stock(raw)
    return Product(
        product_id=required_number(raw.get("id")),
        sku=keys.key(raw.get("sku"), "sku"),
        name=text(raw.get("name"), longest=LONGEST_NAME),
        price=decimal(raw.get("price")),
        compare_to_price=maybe_decimal(raw.get("compareToPrice")) or None,
        cost_price=maybe_decimal(raw.get("costPrice")),
        quantity=quantity,
        in_stock=raw.get("inStock") is not False and (quantity is None or quantity > 0),
        low_stock_at=maybe_whole(raw.get("warningLimit")),
        enabled=raw.get("enabled") is not False,
        discounts_allowed=raw.get("discountsAllowed") is not False,
        category_ids=wholes(raw.get("categoryIds")),
        variations=tuple(_variation(each, keys) for each in parts(raw, "combinations")),
        url=web_address(raw.get("url")),
        picture=web_address(raw.get("thumbnailUrl")) or web_address(raw.get("imageUrl")),
        created_at=date_in(raw.get("created")),
        updated_at=date_in(raw.get("updated")),
    )


def _variation(raw: Raw, keys: Keys) -> Variation:
    quantity = _stock(raw)
    return Variation(
        variation_id=required_number(raw.get("id")),
        sku=keys.key(raw.get("sku"), "sku"),
        price=maybe_decimal(raw.get("price")),
        quantity=quantity,
        in_stock=raw.get("inStock") is not False and (quantity is None or quantity > 0),
        low_stock_at=maybe_whole(raw.get("warningLimit")),
        options=tuple(
            (text(option.get("name")), text(option.get("value"))) for option in parts(raw, "options")
        ),
    )


def _category(raw: Raw, _keys: Keys) -> Category:
    return Category(
        category_id=required_number(raw.get("id")),
        parent_id=maybe_whole(raw.get("parentId")) or None,
        name=text(raw.get("name")),
        enabled=raw.get("enabled") is not False,
    )
