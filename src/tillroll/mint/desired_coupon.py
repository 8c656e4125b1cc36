"""The coupon that the store should have for a code: drift is found by comparing with it and fixed by writing it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import CodeCause, CodeState
from tillroll.ecwid.endpoints.coupons import Coupon, CouponRequest, coupon_body
from tillroll.ecwid.http.wire import date_out
from tillroll.ledger.queries.runs import load_run
from tillroll.ledger.records import Change, Code
from tillroll.ledger.tables import drifts
from tillroll.mint.coupon import CouponPattern, is_our_coupon, load_pattern

_BODY = {
    "name": ("name",),
    "code": ("code",),
    "value": ("discountType", "discount"),
    "starts": ("launchDate",),
    "ends": ("expirationDate",),
    "minimum": ("totalLimit",),
    "uses": ("usesLimit",),
    "customers": ("applicationLimit",),
    "goods": ("catalogLimit",),
    "status": ("status",),
}
"""For each field of a drift, the store's names of it."""

_NOTHING = {
    "totalLimit": 0,
    "catalogLimit": {"products": [], "categories": []},
    "launchDate": None,
    "expirationDate": None,
}
"""How an update removes a limit or a date."""


class DesiredCoupons:
    """The desired coupons of codes. Reads each run once."""

    def __init__(self, connection: Connection, change: Change | None = None) -> None:
        """`change`: the fix whose `fixing_body` is wanted."""
        self._connection = connection
        self._patterns: dict[int, CouponPattern] = {}
        self._fields = _fields(connection, change) if change is not None else {}

    def coupon_of(self, code: Code) -> CouponRequest:
        """Return the whole coupon of a code. Raises `Conflict` if the code's run no longer has a plan."""
        if code.terms is not None:
            return from_terms(code)
        if code.run_id not in self._patterns:
            run = load_run(self._connection, code.run_id)
            self._patterns[code.run_id] = load_pattern(self._connection, run)
        return replace(self._patterns[code.run_id].request(code), status=desired_status(code))

    def fixing_body(self, code: Code) -> dict[str, Any]:
        """Return the body of an update that sets the fields in which the store's coupon differs."""
        body = {**_NOTHING, **coupon_body(self.coupon_of(code))}
        names = (name for field in self._fields.get(code.id, ()) for name in _BODY[field])
        return {name: body[name] for name in names}

    def recycled_body(self, code: Code) -> dict[str, Any]:
        """Return the body of an update that makes a recycled coupon its new run's. Its code and status stay."""
        body = coupon_body(self.coupon_of(code))
        return {name: value for name, value in body.items() if name not in {"status", "code"}}

    def is_made_by_us(self, code: Code, coupon: Coupon, *, since: datetime) -> bool:
        """Return whether we created a coupon found under the code, and not before a moment."""
        return is_our_coupon(self.coupon_of(code), coupon, since)


def _fields(connection: Connection, change: Change) -> dict[int, list[str]]:
    """Return the fields that a change fixes, by code."""
    query = sa.select(drifts.c.code_id, drifts.c.differences).where(drifts.c.change_id == change.id)
    return {
        row.code_id: [difference["field"] for difference in row.differences]
        for row in connection.execute(query)
    }


def desired_status(code: Code) -> str:
    """Return the status that a coupon should have in the store: on, unless somebody paused its code here."""
    paused_here = code.state == CodeState.PAUSED and code.cause is not CodeCause.SWITCHED_OFF_IN_STORE
    return "PAUSED" if paused_here else "ACTIVE"


def to_terms(coupon: Coupon) -> dict[str, Any]:
    """Return what an adopted coupon gives, to be kept with its code."""
    return {
        "name": coupon.name,
        "discount_type": coupon.discount_type,
        "discount": str(coupon.discount),
        "launches_at": date_out(coupon.launches_at) if coupon.launches_at else None,
        "minimum_subtotal": str(coupon.minimum_subtotal) if coupon.minimum_subtotal is not None else None,
        "uses_limit": coupon.uses_limit,
        "application_limit": coupon.application_limit,
        "products": sorted(coupon.products),
        "categories": sorted(coupon.categories),
    }


def from_terms(code: Code) -> CouponRequest:
    """Return the coupon of an adopted code."""
    terms: Mapping[str, Any] = code.terms
    minimum = terms["minimum_subtotal"]
    return CouponRequest(
        name=terms["name"],
        code=code.code,
        discount_type=terms["discount_type"],
        discount=Decimal(terms["discount"]),
        launches_at=code.valid_from,
        expires_at=code.valid_until,
        minimum_subtotal=Decimal(minimum) if minimum is not None else None,
        uses_limit=terms["uses_limit"],
        application_limit=terms["application_limit"],
        status=desired_status(code),
        products=tuple(terms["products"]),
        categories=tuple(terms["categories"]),
    )
