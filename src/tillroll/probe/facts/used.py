"""Facts about what an order does to its coupon: a sample order is made with a coupon that takes nothing off."""

from __future__ import annotations

from collections.abc import Generator

from tillroll.probe.conversation import (
    Ask,
    Conversation,
    Depth,
    Kind,
    MakeSample,
    Reply,
    Step,
    Unlearned,
    fact,
    made_id,
    surprised,
)
from tillroll.probe.samples import make_coupon, order, read_coupon


@fact(
    "An order made by an app",
    {True: "counts as a use of its coupon", False: "doesn't count as a use of its coupon"},
    depth=Depth.SAMPLES,
)
def rest_orders_use_coupons(mark: str) -> Conversation:
    """Use a coupon in an order, and read its count of uses."""
    coupon, _ = yield from _used(mark)
    return (yield from _uses(coupon)) > 0


@fact(
    "A cancelled order",
    {True: "gives its coupon back", False: "doesn't give its coupon back"},
    depth=Depth.SAMPLES,
)
def undone_orders_return_coupons(mark: str) -> Conversation:
    """Use a coupon in an order, cancel the order, and read the coupon's count of uses."""
    coupon, made = yield from _used(f"{mark}Z")
    if not (yield from _uses(coupon)):
        raise Unlearned(
            "an order made by an app does not use its coupon; only one of the storefront would show it"
        )
    reply = yield Ask(method="PUT", path=f"/orders/{made}", body={"paymentStatus": "CANCELLED"})
    if not reply.accepted:
        raise surprised(reply)
    return not (yield from _uses(coupon))


def _used(mark: str) -> Generator[Step, Reply, tuple[str, str]]:
    """Make a coupon and an order that uses it; return their ids."""
    coupon = yield from make_coupon(f"{mark}B", status="ACTIVE")
    used = {"code": f"TRPROBE{mark}B"}
    made = made_id((yield MakeSample(kind=Kind.ORDER, body=order(mark, discountCoupon=used))))
    return coupon, made


def _uses(coupon: str) -> Generator[Step, Reply, int]:
    found = yield from read_coupon(coupon)
    count = found.get("orderCount")
    if not isinstance(count, int):
        raise Unlearned("the store does not say how often a coupon was used")
    return count
