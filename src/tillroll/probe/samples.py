"""What a probe makes: bodies that nobody can mistake for a shop's own, and the pieces of conversations that make them."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from tillroll.probe.conversation import Ask, Kind, MakeSample, Reply, Step, made_id, surprised

NAME = "Tillroll probe (may be deleted)"
"""The name of everything that a probe makes; leftovers are found by it."""
STORAGE_KEY = "tillroll-probe"

CHEAPEST = Ask(method="GET", path="/profile", query={"responseFields": "generalInfo(storeId)"})
"""A call that every token may make."""

Piece = Generator[Step, Reply, str]


def coupon(mark: str, **changes: Any) -> dict[str, Any]:
    """Return the body of a coupon that is paused and takes nothing off."""
    return {
        "name": NAME,
        "code": f"TRPROBE{mark}",
        "discountType": "ABS",
        "discount": 0,
        "status": "PAUSED",
        "usesLimit": "SINGLE",
        **changes,
    }


def make_coupon(mark: str, **changes: Any) -> Piece:
    """Make a coupon and return its id."""
    return made_id((yield MakeSample(kind=Kind.COUPON, body=coupon(mark, **changes))))


def read_coupon(identity: str) -> Generator[Step, Reply, Reply]:
    """Return the answer with a coupon."""
    reply = yield Ask(method="GET", path=f"/discount_coupons/{identity}")
    if not reply.accepted:
        raise surprised(reply)
    return reply


def product(mark: str, **changes: Any) -> dict[str, Any]:
    """Return the body of a product that no customer sees."""
    return {"name": NAME, "sku": f"TRPROBE{mark}", "price": 1, "enabled": False, **changes}


def customer(mark: str, **changes: Any) -> dict[str, Any]:
    """Return the body of a customer whose address reaches nobody (RFC 2606)."""
    address = f"tillroll-probe-{mark.lower()}@example.com"
    return {"email": address, "billingPerson": {"name": NAME}, "acceptMarketing": False, **changes}


def order(mark: str, **changes: Any) -> dict[str, Any]:
    """Return the body of an order about nothing."""
    return {
        "email": f"tillroll-probe-{mark.lower()}@example.com",
        "paymentStatus": "AWAITING_PAYMENT",
        "fulfillmentStatus": "AWAITING_PROCESSING",
        "total": 0,
        "subtotal": 0,
        "items": [{"name": NAME, "price": 0, "quantity": 1}],
        "privateAdminNotes": NAME,
        **changes,
    }
