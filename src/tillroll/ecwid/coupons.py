"""Discount coupons. Source: docs.ecwid.com/api-reference/rest-api/discounts/discount-coupons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from tillroll.ecwid.batches import InnerRequest
from tillroll.ecwid.connection import Connection
from tillroll.ecwid.deletions import Deletion, deletions
from tillroll.ecwid.errors import StoreSaysNotFound
from tillroll.ecwid.paging import Place
from tillroll.ecwid.wire import Raw, date_in, date_out, decimal, maybe_decimal, part, seconds_out, text

_PATH = "/discount_coupons"


@dataclass(frozen=True, kw_only=True)
class Coupon:
    """One coupon as the store has it. Money is in the store's currency, moments are UTC."""

    coupon_id: int
    name: str
    code: str
    discount_type: str  # ABS, PERCENT, SHIPPING, ABS_AND_SHIPPING, PERCENT_AND_SHIPPING
    status: str  # ACTIVE, PAUSED, EXPIRED, USEDUP
    discount: Decimal
    launches_at: datetime | None
    expires_at: datetime | None
    minimum_subtotal: Decimal | None
    uses_limit: str  # UNLIMITED, ONCEPERCUSTOMER, SINGLE
    application_limit: str  # UNLIMITED, NEW_CUSTOMER_ONLY, REPEAT_CUSTOMER_ONLY
    products: tuple[int, ...]  # it works for these alone; none and no categories: for all
    categories: tuple[int, ...]
    created_at: datetime | None
    updated_at: datetime | None
    order_count: int


@dataclass(frozen=True, kw_only=True)
class CouponRequest:
    """What the store is asked to make: the fields of a coupon that a caller may set."""

    name: str
    code: str
    discount_type: str
    discount: Decimal
    launches_at: datetime
    expires_at: datetime | None
    minimum_subtotal: Decimal | None
    uses_limit: str
    application_limit: str
    status: str = "ACTIVE"  # or PAUSED
    products: tuple[int, ...] = ()
    categories: tuple[int, ...] = ()


class Coupons:
    """The store's coupons. Errors: `errors.py`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def every(
        self,
        *,
        created_from: datetime | None = None,
        created_to: datetime | None = None,
        updated_from: datetime | None = None,
        statuses: Sequence[str] = (),
        place: Place | None = None,
    ) -> Iterator[Coupon]:
        """`GET /discount_coupons`: every coupon, or those created or changed since; scope `read_discount_coupons`.

        Their order is not documented: never rely on it. There is no filter by name: a campaign's coupons are known by
        the ledger. From `place` on.
        """
        query = _window(created_from, created_to, updated_from)
        if statuses:
            query["availability"] = ",".join(statuses)
        rows = self._connection.every(_PATH, query, identity=lambda row: row["id"], place=place)
        yield from map(_coupon, rows)

    def count(
        self,
        *,
        created_from: datetime | None = None,
        created_to: datetime | None = None,
        updated_from: datetime | None = None,
    ) -> int:
        """`GET /discount_coupons?limit=1`: how many there are, or were made or changed in a time."""
        query = {"limit": 1, **_window(created_from, created_to, updated_from)}
        return int(self._connection.read(_PATH, query).get("total") or 0)

    def find(self, code: str) -> Coupon | None:
        """`GET /discount_coupons?code=…`: the coupon with exactly this code, whatever its case, or None.

        Whether the store matches exactly or in part is not documented, so equality is checked here.
        """
        rows = self._connection.every(_PATH, {"code": code}, identity=lambda row: row["id"])
        found = (coupon for coupon in map(_coupon, rows) if coupon.code.upper() == code.upper())
        return next(found, None)

    def get(self, coupon_id: int) -> Coupon:
        """`GET /discount_coupons/{id}`. `StoreSaysNotFound` when there is none."""
        return _coupon(self._connection.read(_at(coupon_id)))

    def create(self, request: CouponRequest) -> int:
        """`POST /discount_coupons`: make one, answer its id. `StoreSaysConflict` when the code is taken.

        Scope `create_discount_coupons`. A lost answer is `OutcomeUnknown`: look the code up before asking again.
        """
        return int(self._connection.write("POST", _PATH, body=coupon_body(request))["id"])

    def update(self, coupon_id: int, changes: Mapping[str, Any]) -> bool:
        """`PUT /discount_coupons/{id}`: merge some fields (`changed_body`, or the store's own names); whether there was one.

        Scope `update_discount_coupons`. For a missing coupon the store answers 404 or `updateCount: 0`: both are False.
        """
        try:
            answer = self._connection.write("PUT", _at(coupon_id), body=dict(changes))
        except StoreSaysNotFound:
            return False
        return bool(answer.get("updateCount"))

    def delete(self, coupon_id: int) -> bool:
        """`DELETE /discount_coupons/{id}`: whether there was one; a missing one is no error (200 or 404 by version).

        Scope `update_discount_coupons`.
        """
        try:
            answer = self._connection.write("DELETE", _at(coupon_id))
        except StoreSaysNotFound:
            return False
        return bool(answer.get("deleteCount"))

    def deleted(self, since: datetime) -> Iterator[Deletion]:
        """`GET /coupons/deleted?from_date=…`: ids of coupons deleted since, with the moment."""
        return deletions(self._connection, "coupons", since)

    @staticmethod
    def creation(id_: str, request: CouponRequest) -> InnerRequest:
        """`POST /discount_coupons` as one request of a batch."""
        return InnerRequest(id=id_, method="POST", path=_PATH, body=coupon_body(request))

    @staticmethod
    def change(id_: str, coupon_id: int, changes: Mapping[str, Any]) -> InnerRequest:
        """`PUT /discount_coupons/{id}` as one request of a batch."""
        return InnerRequest(id=id_, method="PUT", path=_at(coupon_id), body=dict(changes))

    @staticmethod
    def deletion(id_: str, coupon_id: int) -> InnerRequest:
        """`DELETE /discount_coupons/{id}` as one request of a batch."""
        return InnerRequest(id=id_, method="DELETE", path=_at(coupon_id), body="")


def _window(
    created_from: datetime | None, created_to: datetime | None, updated_from: datetime | None
) -> dict[str, Any]:
    """The bounds of a search in time, those that are given."""
    bounds = {"createdFrom": created_from, "createdTo": created_to, "updatedFrom": updated_from}
    return {name: seconds_out(at) for name, at in bounds.items() if at is not None}


def _at(coupon_id: int) -> str:
    return f"{_PATH}/{quote(str(coupon_id), safe='')}"


def changed_body(*, status: str | None = None, expires_at: datetime | None = None) -> dict[str, Any]:
    """The body of an update that says these fields and leaves the others."""
    body: dict[str, Any] = {} if status is None else {"status": status}
    return body if expires_at is None else {**body, "expirationDate": date_out(expires_at)}


def coupon_body(request: CouponRequest) -> dict[str, Any]:
    """The body of a create. Numbers go out as JSON numbers: the API's own type is a double."""
    body: dict[str, Any] = {
        "name": request.name,
        "code": request.code,
        "discountType": request.discount_type,
        "status": request.status,
        "discount": float(request.discount),
        "launchDate": date_out(request.launches_at),
        "usesLimit": request.uses_limit,
        "applicationLimit": request.application_limit,
    }
    if request.expires_at is not None:
        body["expirationDate"] = date_out(request.expires_at)
    if request.minimum_subtotal is not None:
        body["totalLimit"] = float(request.minimum_subtotal)
    if request.products or request.categories:
        body["catalogLimit"] = {"products": list(request.products), "categories": list(request.categories)}
    return body


def _coupon(raw: Raw) -> Coupon:
    limit = raw.get("applicationLimit") or (
        "REPEAT_CUSTOMER_ONLY" if raw.get("repeatCustomerOnly") else "UNLIMITED"
    )
    catalog = part(raw, "catalogLimit")
    return Coupon(
        coupon_id=int(raw["id"]),
        name=text(raw.get("name")),
        code=text(raw.get("code")),
        discount_type=str(raw.get("discountType") or "ABS"),
        status=text(raw.get("status")),
        discount=decimal(raw.get("discount")),
        launches_at=date_in(raw.get("launchDate")),
        expires_at=date_in(raw.get("expirationDate")),
        minimum_subtotal=maybe_decimal(raw.get("totalLimit")),
        uses_limit=str(raw.get("usesLimit") or "UNLIMITED"),
        application_limit=str(limit),
        products=tuple(catalog.get("products") or ()),
        categories=tuple(catalog.get("categories") or ()),
        created_at=date_in(raw.get("creationDate")),
        updated_at=date_in(raw.get("updateDate")),
        order_count=int(raw.get("orderCount") or 0),
    )
