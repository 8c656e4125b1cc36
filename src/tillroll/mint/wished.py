"""The coupon that a code of the ledger stands for, as the ledger wants it in the store: to compare with, and to put right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import SWITCHED_OFF_THERE, CodeState
from tillroll.ecwid.coupons import Coupon, CouponRequest, coupon_body
from tillroll.ecwid.wire import date_out
from tillroll.ledger.runs import load_run
from tillroll.ledger.tables import drifts
from tillroll.mint.coupon import Pattern, found_is_ours, pattern

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
"""Field of a drift → the store's own fields."""

_NOTHING = {"totalLimit": 0, "catalogLimit": {"products": [], "categories": []}, "expirationDate": None}
"""How an update says that there is no such limit."""


class Wishes:
    """What the ledger wants of coupons; runs are read once."""

    def __init__(self, connection: Connection, change: sa.Row[Any] | None = None) -> None:
        self._connection = connection
        self._patterns: dict[int, Pattern] = {}
        self._fields = _fields(connection, change) if change is not None else {}

    def whole(self, row: sa.Row[Any]) -> CouponRequest:
        """The whole coupon of a code."""
        if row.terms is not None:
            return from_terms(row)
        if row.run_id not in self._patterns:
            self._patterns[row.run_id] = pattern(self._connection, load_run(self._connection, row.run_id))
        status = wished_status(row)
        return replace(self._patterns[row.run_id].of(row), status=status)

    def put_right(self, row: sa.Row[Any]) -> dict[str, Any]:
        """The body of an update that makes the store's coupon again what the ledger says, where they differ."""
        body = {**_NOTHING, **coupon_body(self.whole(row))}
        named = (name for field in self._fields.get(row.id, ()) for name in _BODY[field])
        return {name: body[name] for name in named}

    def anew(self, row: sa.Row[Any]) -> dict[str, Any]:
        """The body of an update that makes a recycled coupon its new run's; whether it is on, and its code, stay."""
        body = coupon_body(self.whole(row))
        return {name: value for name, value in body.items() if name not in {"status", "code"}}

    def is_it(self, row: sa.Row[Any], coupon: Coupon, *, since: datetime) -> bool:
        """Whether a coupon found under the code is the one that was asked for."""
        return found_is_ours(self.whole(row), coupon, since)


def _fields(connection: Connection, change: sa.Row[Any]) -> dict[int, list[str]]:
    """Which fields a change puts right, by code."""
    query = sa.select(drifts.c.code_id, drifts.c.differences).where(drifts.c.change_id == change.id)
    return {row.code_id: [one["field"] for one in row.differences] for row in connection.execute(query)}


def wished_status(row: sa.Row[Any]) -> str:
    """Whether a code should be on in the store: unless somebody paused it here."""
    paused_here = row.state == CodeState.PAUSED and row.reason != SWITCHED_OFF_THERE
    return "PAUSED" if paused_here else "ACTIVE"


def to_terms(coupon: Coupon) -> dict[str, Any]:
    """What an adopted coupon gives, to be kept with its code."""
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


def from_terms(row: sa.Row[Any]) -> CouponRequest:
    """The coupon of an adopted code."""
    terms: Mapping[str, Any] = row.terms
    minimum = terms["minimum_subtotal"]
    return CouponRequest(
        name=terms["name"],
        code=row.code,
        discount_type=terms["discount_type"],
        discount=Decimal(terms["discount"]),
        launches_at=row.valid_from,
        expires_at=row.valid_until,
        minimum_subtotal=Decimal(minimum) if minimum is not None else None,
        uses_limit=terms["uses_limit"],
        application_limit=terms["application_limit"],
        status=wished_status(row),
        products=tuple(terms["products"]),
        categories=tuple(terms["categories"]),
    )
