"""Facts about the fields of a coupon."""

from __future__ import annotations

from typing import Any

from tillroll.probe.conversation import Ask, Conversation, Depth, Unlearned, either, fact
from tillroll.probe.samples import make_coupon, read_coupon

_NO_PRODUCT = 2**31 - 2
"""A product's id that no store has."""


def _change(identity: str, **body: Any) -> Ask:
    return Ask(method="PUT", path=f"/discount_coupons/{identity}", body=body)


@fact(
    "A status that the store sets by itself (USEDUP), sent by an app,",
    {"refuse": "is refused (400)", "accept": "is accepted"},
    depth=Depth.WRITE,
)
def store_statuses_sent(mark: str) -> Conversation:
    """Set the status of a coupon to USEDUP."""
    made = yield from make_coupon(f"{mark}U")
    return either((yield _change(made, status="USEDUP")), accepted="accept", refused="refuse")


@fact(
    "A product that does not exist, in a coupon's limits,",
    {"drop": "is left out", "refuse": "is refused (400)", "keep": "is kept"},
    depth=Depth.WRITE,
)
def bad_catalog_limit(mark: str) -> Conversation:
    """Limit a coupon to a product that no store has."""
    made = yield from make_coupon(f"{mark}C")
    reply = yield _change(made, catalogLimit={"products": [_NO_PRODUCT], "categories": []})
    if not reply.accepted:
        return either(reply, accepted="", refused="refuse")
    found = yield from read_coupon(made)
    limit = found.get("catalogLimit")
    kept = isinstance(limit, dict) and _NO_PRODUCT in (limit.get("products") or ())
    return "keep" if kept else "drop"


@fact(
    "More than 100 percent off",
    {"accept": "is accepted", "refuse": "is refused (400)"},
    depth=Depth.WRITE,
)
def percent_over_100(mark: str) -> Conversation:
    """Make a paused coupon of 150 percent out of one of nothing."""
    made = yield from make_coupon(f"{mark}H")
    reply = yield _change(made, discountType="PERCENT", discount=150)
    return either(reply, accepted="accept", refused="refuse")


@fact(
    "Null for a date or a limit of a coupon",
    {True: "clears it", False: "is ignored"},
    depth=Depth.WRITE,
)
def null_clears(mark: str) -> Conversation:
    """Take the least subtotal of a coupon away."""
    made = yield from make_coupon(f"{mark}N", totalLimit=30)
    if not (yield _change(made, totalLimit=None)).accepted:
        raise Unlearned("the store refuses null")
    found = yield from read_coupon(made)
    return found.get("totalLimit") is None


@fact("A number of uses, sent by an app,", {"ignore": "is ignored", "keep": "is kept"}, depth=Depth.WRITE)
def order_count_sent(mark: str) -> Conversation:
    """Send a coupon's `orderCount`."""
    made = yield from make_coupon(f"{mark}O")
    yield _change(made, orderCount=5)
    found = yield from read_coupon(made)
    return "keep" if found.get("orderCount") == 5 else "ignore"
