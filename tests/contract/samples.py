"""Sample requests for the store's API, and waiting for a batch."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from tillroll.ecwid.client import Client
from tillroll.ecwid.endpoints.batches import BatchStatus
from tillroll.ecwid.endpoints.coupons import CouponRequest


def coupon(code: str = "TILL-TEST", **values: Any) -> CouponRequest:
    """Return a request for a coupon with sample values, changed as given."""
    now = datetime.now(UTC).replace(microsecond=0)
    plain = {
        "name": "We miss you (tillroll run 1)",
        "code": code,
        "discount_type": "PERCENT",
        "discount": Decimal("12.5"),
        "launches_at": now,
        "expires_at": now + timedelta(days=14),
        "minimum_subtotal": Decimal(30),
        "uses_limit": "SINGLE",
        "application_limit": "REPEAT_CUSTOMER_ONLY",
    }
    return CouponRequest(**{**plain, **values})


def wait_for(client: Client, ticket: str) -> BatchStatus:
    """Poll a batch until every answer is there, and return its status."""
    for _ in range(200):
        status = client.batches.status(ticket)
        if status.finished:
            return status
    raise AssertionError("the batch never ended")
