"""Customers and their groups. Source: docs.ecwid.com/api-reference/rest-api/customers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from tillroll.ecwid.connection import Connection
from tillroll.ecwid.deletions import Deletion, deletions
from tillroll.ecwid.paging import Place
from tillroll.ecwid.wire import Raw, date_in, decimal, maybe_flag, maybe_whole, part, parts, seconds_out, text

_FIELDS = (
    "total,count,offset,limit,items(id,email,name,billingPerson(name,firstName,countryCode,city,stateOrProvinceCode,"
    "stateOrProvinceName),customerGroupId,customerGroupName,acceptMarketing,lang,stats(numberOfOrders,salesValue,"
    "firstOrderDate,lastOrderDate),registered,updated,favorites(productId,addedTimestamp),extrafields(title,value))"
)


@dataclass(frozen=True, kw_only=True)
class Favourite:
    """A product that somebody marked."""

    product_id: int
    added_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Customer:
    """One customer. Figures are of their orders that were not undone."""

    customer_id: int
    email: str
    name: str
    first_name: str
    language: str
    country: str  # ISO 3166-1 alpha-2, of the billing address
    city: str
    region: str  # its code where the store knows one, else its name
    group_name: str
    accepts_marketing: bool | None  # None: never asked
    orders: int
    spent: Decimal
    first_order_at: datetime | None
    last_order_at: datetime | None
    registered_at: datetime | None
    updated_at: datetime | None
    favourites: tuple[Favourite, ...] = ()
    fields: tuple[tuple[str, str], ...] = ()  # the store's own extra fields: title and value


@dataclass(frozen=True, kw_only=True)
class CustomerGroup:
    """A group of customers; General (0) always exists."""

    group_id: int
    name: str


class Customers:
    """The store's customers. The search index lags writes by seconds. Errors: `errors.py`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def every(
        self,
        *,
        updated_from: datetime | None = None,
        filters: Mapping[str, Any] | None = None,
        place: Place | None = None,
    ) -> Iterator[Customer]:
        """`GET /customers`: all of them, or those changed since, oldest registration first so that new ones come last.

        `filters` are the search parameters by the store's own names: keyword, name, email (with useExactEmailMatch),
        phone, city, countryCodes, acceptMarketing, lang, customerGroupIds, minOrderCount, maxOrderCount, minSalesValue,
        maxSalesValue, purchasedProductIds, createdFrom, createdTo, updatedTo. Scope `read_customers`. From `place` on.
        """
        query: dict[str, Any] = {
            "sortBy": "REGISTERED_DATE_ASC",
            "responseFields": _FIELDS,
            **(filters or {}),
        }
        if updated_from:
            query["updatedFrom"] = seconds_out(updated_from)
        rows = self._connection.every("/customers", query, identity=lambda row: row["id"], place=place)
        yield from map(_customer, rows)

    def count(self) -> int:
        """`GET /customers?limit=1`: how many there are, as far as the search index knows."""
        answer = self._connection.read("/customers", {"limit": 1, "responseFields": "total"})
        return int(answer.get("total") or 0)

    def get(self, customer_id: int) -> Customer:
        """`GET /customers/{id}`: read after write, no index between. `StoreSaysNotFound` when it is gone."""
        return _customer(self._connection.read(f"/customers/{customer_id}"))

    def set_consent(self, customer_id: int, accepts_marketing: bool) -> None:
        """`PUT /customers/{id}`: whether they want e-mails. Scope `update_customers`; `StoreSaysNotFound` when gone."""
        body = {"acceptMarketing": accepts_marketing}
        self._connection.write("PUT", f"/customers/{customer_id}", body=body)

    def groups(self) -> Iterator[CustomerGroup]:
        """`GET /customer_groups`: all groups, General first."""
        for row in self._connection.every("/customer_groups", identity=lambda row: row["id"]):
            yield CustomerGroup(group_id=int(row["id"]), name=text(row.get("name")))

    def deleted(self, since: datetime) -> Iterator[Deletion]:
        """`GET /customers/deleted?from_date=…`: ids of customers deleted since."""
        return deletions(self._connection, "customers", since)


def _customer(raw: Raw) -> Customer:
    person, stats = part(raw, "billingPerson"), part(raw, "stats")
    name = str(person.get("name") or raw.get("name") or "").strip()
    return Customer(
        customer_id=int(raw["id"]),
        email=text(raw.get("email")).strip(),
        name=name,
        first_name=str(person.get("firstName") or (name.split()[0] if name else "")),
        language=text(raw.get("lang")),
        country=text(person.get("countryCode")),
        city=text(person.get("city")),
        region=text(person.get("stateOrProvinceCode")) or text(person.get("stateOrProvinceName")),
        group_name=text(raw.get("customerGroupName")),
        accepts_marketing=maybe_flag(raw.get("acceptMarketing")),
        orders=int(stats.get("numberOfOrders") or 0),
        spent=decimal(stats.get("salesValue")),
        first_order_at=date_in(stats.get("firstOrderDate")),
        last_order_at=date_in(stats.get("lastOrderDate")),
        registered_at=date_in(raw.get("registered")),
        updated_at=date_in(raw.get("updated")),
        favourites=_favourites(raw),
        fields=tuple(
            {text(one.get("title")): text(one.get("value")) for one in parts(raw, "extrafields")}.items()
        ),
    )


def _favourites(raw: Raw) -> tuple[Favourite, ...]:
    found = {}
    for one in parts(raw, "favorites"):
        product_id = maybe_whole(one.get("productId"))
        if product_id is not None:
            found[product_id] = Favourite(product_id=product_id, added_at=date_in(one.get("addedTimestamp")))
    return tuple(found.values())
