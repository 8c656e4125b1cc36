"""Products, their variations, and categories. Source: docs.ecwid.com/api-reference/rest-api/{products,categories}.

The API calls a variation a combination.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from tillroll.ecwid.batches import InnerRequest
from tillroll.ecwid.connection import Connection
from tillroll.ecwid.deletions import Deletion, deletions
from tillroll.ecwid.paging import Place
from tillroll.ecwid.wire import Raw, date_in, decimal, maybe_decimal, maybe_whole, parts, seconds_out, text

_PRODUCT_FIELDS = (
    "total,count,offset,limit,items(id,sku,name,price,costPrice,quantity,unlimited,inStock,warningLimit,enabled,"
    "discountsAllowed,categoryIds,combinations(id,sku,price,quantity,unlimited,inStock,warningLimit,options(name,value)),"
    "created,updated)"
)


@dataclass(frozen=True, kw_only=True)
class Variation:
    """One sort of a product: a size, a colour."""

    variation_id: int
    sku: str  # empty: the product's own
    price: Decimal | None  # None: the product's own
    quantity: int | None  # None: unlimited
    in_stock: bool
    low_stock_at: int | None  # the store warns from this quantity down
    options: tuple[tuple[str, str], ...]  # (name, value), like ("Size", "L")


@dataclass(frozen=True, kw_only=True)
class Product:
    """One product. Money is in the store's currency."""

    product_id: int
    sku: str
    name: str
    price: Decimal
    cost_price: Decimal | None  # None: the catalogue doesn't know it
    quantity: int | None  # None: unlimited
    in_stock: bool
    low_stock_at: int | None
    enabled: bool
    discounts_allowed: bool
    category_ids: tuple[int, ...]
    variations: tuple[Variation, ...]
    created_at: datetime | None
    updated_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Category:
    """One category; `parent_id` is None at the top."""

    category_id: int
    parent_id: int | None
    name: str
    enabled: bool


class Products:
    """The store's products and variations. The search index lags writes by seconds. Errors: `errors.py`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def every(
        self,
        *,
        updated_from: datetime | None = None,
        filters: Mapping[str, Any] | None = None,
        place: Place | None = None,
    ) -> Iterator[Product]:
        """`GET /products`: the whole catalogue, or what changed since, oldest first. Scope `read_catalog`.

        `filters` are the search parameters by the store's own names: productId, sku, keyword, categories, priceFrom, priceTo,
        createdFrom, createdTo, updatedTo, enabled, inStock, discountsAllowed. From `place` on.
        """
        query: dict[str, Any] = {
            "sortBy": "ADDED_TIME_ASC",
            "responseFields": _PRODUCT_FIELDS,
            **(filters or {}),
        }
        if updated_from:
            query["updatedFrom"] = seconds_out(updated_from)
        rows = self._connection.every("/products", query, identity=lambda row: row["id"], place=place)
        yield from map(_product, rows)

    def count(self) -> int:
        """`GET /products?limit=1`: how many there are, as far as the search index knows."""
        answer = self._connection.read("/products", {"limit": 1, "responseFields": "total"})
        return int(answer.get("total") or 0)

    def get(self, product_id: int) -> Product:
        """`GET /products/{id}`. `StoreSaysNotFound` when it is gone."""
        return _product(self._connection.read(f"/products/{product_id}"))

    def variations(self, product_id: int) -> tuple[Variation, ...]:
        """`GET /products/{id}/combinations`: all of them; this list has no pages."""
        answer = self._connection.read(f"/products/{product_id}/combinations")
        return tuple(map(_variation, parts(answer, "items")))

    def create(self, body: Mapping[str, Any]) -> int:
        """`POST /products`: by the store's own field names; its id. `StoreSaysConflict` when the SKU is taken.

        Scope `create_catalog`.
        """
        return int(self._connection.write("POST", "/products", body=dict(body))["id"])

    def update(self, product_id: int, changes: Mapping[str, Any]) -> None:
        """`PUT /products/{id}`: merge some fields. Scope `update_catalog`; `StoreSaysNotFound` when it is gone."""
        self._connection.write("PUT", f"/products/{product_id}", body=dict(changes))

    def delete(self, product_id: int) -> None:
        """`DELETE /products/{id}`. Scope `update_catalog`; `StoreSaysNotFound` when it is gone already."""
        self._connection.write("DELETE", f"/products/{product_id}")

    def create_variation(self, product_id: int, body: Mapping[str, Any]) -> int:
        """`POST /products/{id}/combinations`; its id. Options it names for the first time are added to the product."""
        answer = self._connection.write("POST", f"/products/{product_id}/combinations", body=dict(body))
        return int(answer["id"])

    def update_variation(self, product_id: int, variation_id: int, changes: Mapping[str, Any]) -> None:
        """`PUT /products/{id}/combinations/{combinationId}`: merge some fields."""
        path = f"/products/{product_id}/combinations/{variation_id}"
        self._connection.write("PUT", path, body=dict(changes))

    def delete_variation(self, product_id: int, variation_id: int) -> None:
        """`DELETE /products/{id}/combinations/{combinationId}`."""
        self._connection.write("DELETE", f"/products/{product_id}/combinations/{variation_id}")

    def deleted(self, since: datetime) -> Iterator[Deletion]:
        """`GET /products/deleted?from_date=…`: ids of products deleted since."""
        return deletions(self._connection, "products", since)

    @staticmethod
    def creation(id_: str, body: Mapping[str, Any]) -> InnerRequest:
        """`POST /products` as one request of a batch."""
        return InnerRequest(id=id_, method="POST", path="/products", body=dict(body))

    @staticmethod
    def change(id_: str, product_id: int, changes: Mapping[str, Any]) -> InnerRequest:
        """`PUT /products/{id}` as one request of a batch."""
        return InnerRequest(id=id_, method="PUT", path=f"/products/{product_id}", body=dict(changes))

    @staticmethod
    def variation_creation(id_: str, product_id: int, body: Mapping[str, Any]) -> InnerRequest:
        """`POST /products/{id}/combinations` as one request of a batch."""
        path = f"/products/{product_id}/combinations"
        return InnerRequest(id=id_, method="POST", path=path, body=dict(body))

    @staticmethod
    def variation_change(
        id_: str, product_id: int, variation_id: int, changes: Mapping[str, Any]
    ) -> InnerRequest:
        """`PUT /products/{id}/combinations/{combinationId}` as one request of a batch."""
        path = f"/products/{product_id}/combinations/{variation_id}"
        return InnerRequest(id=id_, method="PUT", path=path, body=dict(changes))


class Categories:
    """The store's categories. Errors: `errors.py`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def every(self) -> Iterator[Category]:
        """`GET /categories`: all of them, hidden ones too. Scope `read_catalog`."""
        query = {"hidden_categories": "true"}
        yield from map(
            _category, self._connection.every("/categories", query, identity=lambda row: row["id"])
        )

    def get(self, category_id: int) -> Category:
        """`GET /categories/{id}`. `StoreSaysNotFound` when there is none."""
        return _category(self._connection.read(f"/categories/{category_id}"))


def _stock(raw: Raw) -> int | None:
    return None if raw.get("unlimited") is True else maybe_whole(raw.get("quantity"))


def _product(raw: Raw) -> Product:
    quantity = _stock(raw)
    return Product(
        product_id=int(raw["id"]),
        sku=text(raw.get("sku")),
        name=text(raw.get("name")),
        price=decimal(raw.get("price")),
        cost_price=maybe_decimal(raw.get("costPrice")),
        quantity=quantity,
        in_stock=raw.get("inStock") is not False and (quantity is None or quantity > 0),
        low_stock_at=maybe_whole(raw.get("warningLimit")),
        enabled=raw.get("enabled") is not False,
        discounts_allowed=raw.get("discountsAllowed") is not False,
        category_ids=tuple(raw.get("categoryIds") or ()),
        variations=tuple(map(_variation, parts(raw, "combinations"))),
        created_at=date_in(raw.get("created")),
        updated_at=date_in(raw.get("updated")),
    )


def _variation(raw: Raw) -> Variation:
    quantity = _stock(raw)
    return Variation(
        variation_id=int(raw["id"]),
        sku=text(raw.get("sku")),
        price=maybe_decimal(raw.get("price")),
        quantity=quantity,
        in_stock=raw.get("inStock") is not False and (quantity is None or quantity > 0),
        low_stock_at=maybe_whole(raw.get("warningLimit")),
        options=tuple((text(one.get("name")), text(one.get("value"))) for one in parts(raw, "options")),
    )


def _category(raw: Raw) -> Category:
    return Category(
        category_id=int(raw["id"]),
        parent_id=maybe_whole(raw.get("parentId")) or None,
        name=text(raw.get("name")),
        enabled=raw.get("enabled") is not False,
    )
