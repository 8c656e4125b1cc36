"""Customers and their groups. Source: docs.ecwid.com/api-reference/rest-api/customers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from tillroll.campaign.text.clean import CleanText
from tillroll.ecwid.endpoints.deletions import Deletion, deletions
from tillroll.ecwid.endpoints.households import households_in, surnames_in
from tillroll.ecwid.endpoints.resource import Resource
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
    maybe_flag,
    maybe_whole,
    part,
    parts,
    seconds_out,
    text,
)

_SUBJECT = "customers"
_FIELDS = (
    "total,count,offset,limit,items(id,email,name,billingPerson(name,firstName,lastName,street,postalCode,countryCode,city,stateOrProvinceCode,"
    "stateOrProvinceName),customerGroupId,customerGroupName,acceptMarketing,lang,stats(numberOfOrders,salesValue,"
    "firstOrderDate,lastOrderDate),registered,updated,favorites(productId,addedTimestamp),extrafields(title,value))"
)


@dataclass(frozen=True, kw_only=True)
class FavouriteProduct:
    """A product that a customer marked as a favourite."""

    product_id: int
    added_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Customer:
    """One customer. The figures leave out orders that were undone."""

    customer_id: int
    email: CleanText  # empty: none, or none that an e-mail could go to
    name: CleanText
    first_name: CleanText
    language: CleanText
    country: CleanText  # of the billing address, ISO 3166-1 alpha-2
    city: CleanText
    region: CleanText  # its code if the store has one, otherwise its name
    group_name: CleanText
    accepts_marketing: bool | None  # None: never asked
    orders: int
    spent: Decimal
    first_order_at: datetime | None
    last_order_at: datetime | None
    registered_at: datetime | None
    updated_at: datetime | None
    favourites: tuple[FavouriteProduct, ...] = ()
    households: str = ""  # digest of the billing address
    surnames: str = ""  # digests of the surnames
    fields: tuple[tuple[CleanText, CleanText], ...] = ()  # extra fields of the store: (title, value)


@dataclass(frozen=True, kw_only=True)
class CustomerGroup:
    """A group of customers. The group General (0) always exists."""

    group_id: int
    name: CleanText


class Customers(Resource):
    """The store's customers. Lists lag writes by seconds. Errors: `http/errors.py`."""

    def every(
        self,
        *,
        updated_from: datetime | None = None,
        filters: Mapping[str, Any] | None = None,
        place: ListPosition | None = None,
        tell: Tell = log_unread,
    ) -> Iterator[Customer]:
        """Yield all customers or those changed since, from `place` on (`GET /customers`). Scope `read_customers`.

        They are sorted by registration, so that new ones come last. `filters` are search parameters by the store's names:
        keyword, name, email (with useExactEmailMatch),
        phone, city, countryCodes, acceptMarketing, lang, customerGroupIds, minOrderCount, maxOrderCount, minSalesValue,
        maxSalesValue, purchasedProductIds, createdFrom, createdTo, updatedTo.
        """
        query: dict[str, Any] = {
            "sortBy": "REGISTERED_DATE_ASC",
            "responseFields": _FIELDS,
            **(filters or {}),
        }
        if updated_from:
            query["updatedFrom"] = seconds_out(updated_from)
        rows = self._connection.every("/customers", query, identity=identity_of("id"), place=place)
        yield from read_rows(rows, self._make, _SUBJECT, tell=tell)

    def count(self) -> int:
        """Return the number of customers, as far as the search index knows (`GET /customers?limit=1`)."""
        answer = self._connection.read("/customers", {"limit": 1, "responseFields": "total"})
        return count(answer.get("total"))

    def get(self, customer_id: int, *, tell: Tell = log_unread) -> Customer:
        """Return one customer (`GET /customers/{id}`), past the search index. Raises `StoreSaysNotFound`, `UnreadableRow`."""
        return read_row(self._connection.read(f"/customers/{customer_id}"), self._make, _SUBJECT, tell=tell)

    def set_consent(self, customer_id: int, accepts_marketing: bool) -> None:
        """Set whether a customer wants e-mails (`PUT /customers/{id}`). Scope `update_customers`. Raises `StoreSaysNotFound`."""
        body = {"acceptMarketing": accepts_marketing}
        self._connection.write("PUT", f"/customers/{customer_id}", body=body)

    def set_group(self, customer_id: int, group_id: int) -> None:
        """Put a customer into a group (`PUT /customers/{id}`). Scope `update_customers`. Raises `StoreSaysNotFound`."""
        self._connection.write("PUT", f"/customers/{customer_id}", body={"customerGroupId": group_id})

    def create(self, email: str, *, language: str = "") -> int:
        """Make a customer who wants e-mails (`POST /customers`). Returns their number. Scope `create_customers`.

        Raises `StoreSaysConflict` if the store has somebody with this address, and `OutcomeUnknown`.
        """
        body: dict[str, Any] = {"email": email, "acceptMarketing": True}
        if language:
            body["lang"] = language
        return required_number(self._connection.write("POST", "/customers", body=body).get("id"))

    def number_of(self, email: str) -> int | None:
        """Return the number of the customer with an address (`GET /customers?email=…`); None if the search shows none."""
        query = {"email": email, "useExactEmailMatch": "true", "limit": 1, "responseFields": "items(id)"}
        found = parts(self._connection.read("/customers", query), "items")
        return next((required_number(raw.get("id")) for raw in found), None)

    def _make(self, raw: Raw, keys: Keys) -> Customer:
        blinder, person = self._connection.blinder, {"name": raw.get("name"), **part(raw, "billingPerson")}
        return replace(
            _customer(raw, keys),
            households=households_in(blinder, person),
            surnames=surnames_in(blinder, person),
        )

    def groups(self) -> Iterator[CustomerGroup]:
        """Yield all groups of customers, General first (`GET /customer_groups`)."""
        rows = self._connection.every("/customer_groups", identity=identity_of("id"))
        yield from read_rows(rows, _group, "customer groups")

    def deleted(self, since: datetime) -> Iterator[Deletion]:
        """Yield the ids of customers deleted since (`GET /customers/deleted?from_date=…`)."""
        return deletions(self._connection, "customers", since)


def _group(raw: Raw, _keys: Keys) -> CustomerGroup:
    return CustomerGroup(group_id=required_number(raw.get("id")), name=text(raw.get("name")))


def _customer(raw: Raw, keys: Keys) -> Customer:
    person, stats = part(raw, "billingPerson"), part(raw, "stats")
    name = text(person.get("name")) or text(raw.get("name"))
    return Customer(
        customer_id=required_number(raw.get("id")),
        email=keys.address(raw.get("email")),
        name=name,
        first_name=text(person.get("firstName")) or CleanText(name.split()[0] if name else ""),
        language=text(raw.get("lang")),
        country=text(person.get("countryCode")),
        city=text(person.get("city")),
        region=text(person.get("stateOrProvinceCode")) or text(person.get("stateOrProvinceName")),
        group_name=text(raw.get("customerGroupName")),
        accepts_marketing=maybe_flag(raw.get("acceptMarketing")),
        orders=count(stats.get("numberOfOrders")),
        spent=decimal(stats.get("salesValue")),
        first_order_at=date_in(stats.get("firstOrderDate")),
        last_order_at=date_in(stats.get("lastOrderDate")),
        registered_at=date_in(raw.get("registered")),
        updated_at=date_in(raw.get("updated")),
        favourites=_favourites(raw),
        fields=tuple(
            {
                text(field.get("title")): text(field.get("value")) for field in parts(raw, "extrafields")
            }.items()
        ),
    )


def _favourites(raw: Raw) -> tuple[FavouriteProduct, ...]:
    favourites = {}
    for favourite in parts(raw, "favorites"):
        product_id = maybe_whole(favourite.get("productId"))
        if product_id is not None:
            favourites[product_id] = FavouriteProduct(
                product_id=product_id, added_at=date_in(favourite.get("addedTimestamp"))
            )
    return tuple(favourites.values())
