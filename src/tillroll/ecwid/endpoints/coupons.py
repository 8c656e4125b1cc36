"""Discount coupons. Source: docs.ecwid.com/api-reference/rest-api/discounts/discount-coupons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from tillroll.campaign.text.clean import CleanText
from tillroll.ecwid.endpoints.batches import InnerRequest
from tillroll.ecwid.endpoints.deletions import Deletion, deletions
from tillroll.ecwid.endpoints.resource import Resource, made_number
from tillroll.ecwid.endpoints.rows import (
    Keys,
    Tell,
    identity_of,
    log_unread,
    read_row,
    read_rows,
    required_key,
    required_number,
)
from tillroll.ecwid.http.errors import StoreSaysNotFound
from tillroll.ecwid.http.paging import ListPosition
from tillroll.ecwid.http.wire import (
    Raw,
    date_in,
    date_out,
    decimal,
    maybe_decimal,
    part,
    seconds_out,
    text,
    wholes,
)
from tillroll.ecwid.http.wire import count as as_count

_PATH = "/discount_coupons"


@dataclass(frozen=True, kw_only=True)
class Coupon:
    """One coupon as the store has it. Money is in the store's currency, moments are UTC."""

    coupon_id: int
    name: CleanText
    code: CleanText
    discount_type: str  # ABS, PERCENT, SHIPPING, ABS_AND_SHIPPING, PERCENT_AND_SHIPPING
    status: str  # ACTIVE, PAUSED, EXPIRED, USEDUP
    discount: Decimal
    launches_at: datetime | None
    expires_at: datetime | None
    minimum_subtotal: Decimal | None
    uses_limit: str  # UNLIMITED, ONCEPERCUSTOMER, SINGLE
    application_limit: str  # UNLIMITED, NEW_CUSTOMER_ONLY, REPEAT_CUSTOMER_ONLY
    products: tuple[int, ...]  # valid for these only; no products and no categories: for all
    categories: tuple[int, ...]
    created_at: datetime | None
    updated_at: datetime | None
    order_count: int


@dataclass(frozen=True, kw_only=True)
class CouponRequest:
    """The fields of a coupon that a caller may set when creating one."""

    name: str
    code: str
    discount_type: str
    discount: Decimal
    launches_at: datetime | None  # None: at once; only adopted coupons lack it
    expires_at: datetime | None
    minimum_subtotal: Decimal | None
    uses_limit: str
    application_limit: str
    status: str = "ACTIVE"  # or PAUSED
    products: tuple[int, ...] = ()
    categories: tuple[int, ...] = ()


class Coupons(Resource):
    """The store's coupons. Errors: `http/errors.py`."""

    def every(
        self,
        *,
        created_from: datetime | None = None,
        created_to: datetime | None = None,
        updated_from: datetime | None = None,
        statuses: Sequence[str] = (),
        place: ListPosition | None = None,
        tell: Tell = log_unread,
    ) -> Iterator[Coupon]:
        """Yield all coupons or those of a period, from `place` on (`GET /discount_coupons`). Scope `read_discount_coupons`.

        Their order is not documented: do not rely on it. There is no filter by name: the ledger knows which coupons a campaign
        has made.
        """
        query = _window(created_from, created_to, updated_from)
        if statuses:
            query["availability"] = ",".join(statuses)
        rows = self._connection.every(_PATH, query, identity=identity_of("id"), place=place)
        yield from read_rows(rows, _coupon, "coupons", tell=tell)

    def count(
        self,
        *,
        created_from: datetime | None = None,
        created_to: datetime | None = None,
        updated_from: datetime | None = None,
    ) -> int:
        """Return the number of all coupons, or of those of a period (`GET /discount_coupons?limit=1`)."""
        query = {"limit": 1, **_window(created_from, created_to, updated_from)}
        return as_count(self._connection.read(_PATH, query).get("total"))

    def find(self, code: str) -> Coupon | None:
        """Return the coupon with exactly this code in any case, or None (`GET /discount_coupons?code=…`).

        Whether the store also matches parts of a code is not documented, so equality is checked here.
        """
        rows = self._connection.every(_PATH, {"code": code}, identity=identity_of("id"))
        matches = (
            coupon for coupon in read_rows(rows, _coupon, "coupons") if coupon.code.upper() == code.upper()
        )
        return next(matches, None)

    def get(self, coupon_id: int, *, tell: Tell = log_unread) -> Coupon:
        """Return one coupon (`GET /discount_coupons/{id}`). Raises `StoreSaysNotFound`, `UnreadableRow`."""
        return read_row(self._connection.read(_at(coupon_id)), _coupon, "coupons", tell=tell)

    def create(self, request: CouponRequest) -> int:
        """Create a coupon and return its id (`POST /discount_coupons`). Scope `create_discount_coupons`.

        Raises `StoreSaysConflict` when the code is taken, and `OutcomeUnknown` when the answer was lost: then look the code up
        before calling again.
        """
        return made_number(self._connection.write("POST", _PATH, body=coupon_body(request)), f"POST {_PATH}")

    def update(self, coupon_id: int, changes: Mapping[str, Any]) -> bool:
        """Change some fields of a coupon (`PUT /discount_coupons/{id}`). Return whether it exists.

        `changes` are by the store's names; `changed_body` makes them. Scope `update_discount_coupons`. For a missing coupon the
        store answers 404 or `updateCount: 0`: both are False.
        """
        try:
            answer = self._connection.write("PUT", _at(coupon_id), body=dict(changes))
        except StoreSaysNotFound:
            return False
        return bool(answer.get("updateCount"))

    def delete(self, coupon_id: int) -> bool:
        """Delete a coupon (`DELETE /discount_coupons/{id}`). Return whether it existed. Scope `update_discount_coupons`.

        For a missing coupon the store answers 200 or 404, depending on its version: both are False.
        """
        try:
            answer = self._connection.write("DELETE", _at(coupon_id))
        except StoreSaysNotFound:
            return False
        return bool(answer.get("deleteCount"))

    def deleted(self, since: datetime) -> Iterator[Deletion]:
        """Yield the ids of coupons deleted since, with the time (`GET /coupons/deleted?from_date=…`)."""
        return deletions(self._connection, "coupons", since)

    @staticmethod
    def creation(id_: str, request: CouponRequest) -> InnerRequest:
        """Return `POST /discount_coupons` as a request of a batch."""
        return InnerRequest(id=id_, method="POST", path=_PATH, body=coupon_body(request))

    @staticmethod
    def change(id_: str, coupon_id: int, changes: Mapping[str, Any]) -> InnerRequest:
        """Return `PUT /discount_coupons/{id}` as a request of a batch."""
        return InnerRequest(id=id_, method="PUT", path=_at(coupon_id), body=dict(changes))

    @staticmethod
    def deletion(id_: str, coupon_id: int) -> InnerRequest:
        """Return `DELETE /discount_coupons/{id}` as a request of a batch."""
        return InnerRequest(id=id_, method="DELETE", path=_at(coupon_id), body="")


def _window(
    created_from: datetime | None, created_to: datetime | None, updated_from: datetime | None
) -> dict[str, Any]:
    """Return the query parameters of the bounds that are given."""
    bounds = {"createdFrom": created_from, "createdTo": created_to, "updatedFrom": updated_from}
    return {name: seconds_out(at) for name, at in bounds.items() if at is not None}


def _at(coupon_id: int) -> str:
    return f"{_PATH}/{quote(str(coupon_id), safe='')}"


def changed_body(*, status: str | None = None, expires_at: datetime | None = None) -> dict[str, Any]:
    """Return the body of an update of these fields alone."""
    body: dict[str, Any] = {} if status is None else {"status": status}
    return body if expires_at is None else {**body, "expirationDate": date_out(expires_at)}


def coupon_body(request: CouponRequest) -> dict[str, Any]:
    """Return the body that creates a coupon. Amounts are sent as JSON numbers, since the API's type is a double."""
    body: dict[str, Any] = {
        "name": request.name,
        "code": request.code,
        "discountType": request.discount_type,
        "status": request.status,
        "discount": float(request.discount),
        "usesLimit": request.uses_limit,
        "applicationLimit": request.application_limit,
    }
    if request.launches_at is not None:
        body["launchDate"] = date_out(request.launches_at)
    if request.expires_at is not None:
        body["expirationDate"] = date_out(request.expires_at)
    if request.minimum_subtotal is not None:
        body["totalLimit"] = float(request.minimum_subtotal)
    if request.products or request.categories:
        body["catalogLimit"] = {"products": list(request.products), "categories": list(request.categories)}
    return body


def _coupon(raw: Raw, _keys: Keys) -> Coupon:
    limit = text(raw.get("applicationLimit")) or (
        "REPEAT_CUSTOMER_ONLY" if raw.get("repeatCustomerOnly") else "UNLIMITED"
    )
    catalog = part(raw, "catalogLimit")
    return Coupon(
        coupon_id=required_number(raw.get("id")),
        name=text(raw.get("name")),
        code=required_key(raw.get("code")),
        discount_type=text(raw.get("discountType")) or "ABS",
        status=text(raw.get("status")),
        discount=decimal(raw.get("discount")),
        launches_at=date_in(raw.get("launchDate")),
        expires_at=date_in(raw.get("expirationDate")),
        minimum_subtotal=maybe_decimal(raw.get("totalLimit")),
        uses_limit=text(raw.get("usesLimit")) or "UNLIMITED",
        application_limit=limit,
        products=wholes(catalog.get("products")),
        categories=wholes(catalog.get("categories")),
        created_at=date_in(raw.get("creationDate")),
        updated_at=date_in(raw.get("updateDate")),
        order_count=as_count(raw.get("orderCount")),
    )
