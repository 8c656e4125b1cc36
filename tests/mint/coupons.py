"""Coupon requests for tests."""

from __future__ import annotations

from datetime import datetime

from tillroll.ecwid.endpoints.coupons import CouponRequest


def coupon(code: str, now: datetime, until: datetime) -> CouponRequest:
    """Return a request for a coupon that takes 10% off once."""
    return CouponRequest(
        name="Hold",
        code=code,
        discount_type="PERCENT",
        discount=10,  # type: ignore[arg-type]
        launches_at=now,
        expires_at=until,
        minimum_subtotal=None,
        uses_limit="SINGLE",
        application_limit="UNLIMITED",
    )
