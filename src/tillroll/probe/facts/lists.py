"""Facts about lists and searches. They read what the shop has; where it has too little, a coupon is made."""

from __future__ import annotations

from collections.abc import Generator
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from tillroll.ecwid.http.wire import date_in, seconds_out
from tillroll.probe.conversation import (
    Ask,
    Conversation,
    Kind,
    MakeSample,
    Reply,
    Setting,
    Step,
    Unlearned,
    either,
    fact,
    made_id,
    surprised,
)
from tillroll.probe.samples import make_coupon, order, read_coupon

_COUPONS = "/discount_coupons"


@fact("A limit over 100", {"clamp": "is lowered to 100", "refuse": "is refused (400)"})
def limit_over_100(mark: str) -> Conversation:
    """Ask for a page of 101 products."""
    reply = yield Ask(method="GET", path="/products", query={"limit": 101})
    return either(reply, accepted="clamp", refused="refuse")


@fact("A batch that the store doesn't know", {404: "is not found (404)", 400: "is a wrong request (400)"})
def unknown_ticket(mark: str) -> Conversation:
    """Ask for a ticket that no batch has."""
    nowhere = {"ticket": "00000000-0000-4000-8000-000000000000", "escapedJson": "true"}
    reply = yield Ask(method="GET", path="/batch", query=nowhere)
    if reply.status in {HTTPStatus.NOT_FOUND, HTTPStatus.BAD_REQUEST}:
        return reply.status
    raise surprised(reply)


@fact("Orders are listed", {"newest_first": "newest first", "oldest_first": "oldest first"})
def orders_sorted(mark: str) -> Conversation:
    """Compare the dates on the first page."""
    reply = yield Ask(method="GET", path="/orders", query={"limit": 20})
    moments = [moment for row in reply.items if (moment := date_in(row.get("createDate")))]
    if len(set(moments)) < 2:
        raise Unlearned("the store has fewer than two orders of different dates")
    return _direction(moments)


@fact(
    "A deleted order is named",
    {
        "both": "by its number and its text",
        "number": "by its number alone",
        "text": "by its text alone",
    },
)
def deleted_orders(mark: str) -> Conversation:
    """Read the history of deletions; in a shop that never deleted an order, make one and delete it."""
    history = Ask(method="GET", path="/orders/deleted", query={"limit": 20})
    rows = (yield history).items
    if not rows:
        made = made_id((yield MakeSample(kind=Kind.ORDER, body=order(f"{mark}E"))))
        yield Ask(method="DELETE", path=f"/orders/{made}")
        rows = (yield history).items
    for row in rows:
        if isinstance(row.get("id"), str):
            return "text"
        if isinstance(row.get("id"), int):
            return "both" if row.get("orderId") else "number"
    raise Unlearned("the history of deletions shows no order")


@fact("Coupons are listed", {"oldest_first": "oldest first", "newest_first": "newest first"})
def coupons_sorted(mark: str) -> Conversation:
    """Compare the ids on the first page; in a shop with few coupons, make two."""
    reply = yield Ask(method="GET", path=_COUPONS, query={"limit": 20})
    if len(reply.items) < 2:
        yield from make_coupon(f"{mark}S1")
        yield from make_coupon(f"{mark}S2")
        reply = yield Ask(method="GET", path=_COUPONS, query={"limit": 20})
    ids = [row["id"] for row in reply.items if isinstance(row.get("id"), int)]
    if len(ids) < 2:
        raise Unlearned("the list shows fewer than two coupons")
    return _direction(ids)


@fact(
    "A search by status takes",
    {"every": "every status", "written": "only the statuses that an app may write"},
)
def status_search(mark: str) -> Conversation:
    """Search for coupons that have expired."""
    reply = yield Ask(method="GET", path=_COUPONS, query={"availability": "EXPIRED", "limit": 1})
    return either(reply, accepted="every", refused="written")


@fact("A search for a code finds", {"exact": "that code alone", "partial": "every code that holds it"})
def coupon_search(mark: str) -> Conversation:
    """Search for a coupon's code without its last letter."""
    coupon = yield from _some_coupon(mark)
    code = str(coupon["code"])
    reply = yield Ask(method="GET", path=_COUPONS, query={"code": code[:-1]})
    return "partial" if any(row.get("id") == coupon["id"] for row in reply.items) else "exact"


@fact("A path", {True: "may name a coupon by its code", False: "names a coupon by its id alone"})
def coupon_by_code(mark: str) -> Conversation:
    """Read a coupon by its code."""
    coupon = yield from _some_coupon(mark)
    reply = yield Ask(method="GET", path=f"{_COUPONS}/{quote(str(coupon['code']), safe='')}")
    if reply.accepted:
        return bool(reply.get("id") == coupon["id"])
    if reply.status in {HTTPStatus.NOT_FOUND, HTTPStatus.BAD_REQUEST}:
        return False
    raise surprised(reply)


@fact("The ends of a window of dates", {"inclusive": "belong to it", "exclusive": "don't belong to it"})
def window_ends(mark: str) -> Conversation:
    """Search from the very second in which a coupon was made."""
    coupon = yield from _some_coupon(mark)
    moment = date_in(coupon.get("creationDate"))
    if moment is None:
        raise Unlearned("the store does not say when a coupon was made")
    second = seconds_out(moment)
    inside = yield Ask(
        method="GET", path=_COUPONS, query={"createdFrom": second - 1, "createdTo": second + 1}
    )
    if all(row.get("id") != coupon["id"] for row in inside.items):
        raise Unlearned("the store made more coupons in that second than a page holds")
    reply = yield Ask(method="GET", path=_COUPONS, query={"createdFrom": second, "createdTo": second + 1})
    return "inclusive" if any(row.get("id") == coupon["id"] for row in reply.items) else "exclusive"


def _some_coupon(mark: str) -> Generator[Step, Reply, dict[str, Any]]:
    """Return a coupon whose code is more than digits: the shop's own, or one that is made."""
    reply = yield Ask(method="GET", path=_COUPONS, query={"limit": 20})
    for row in reply.items:
        code = row.get("code")
        if isinstance(code, str) and len(code) > 3 and not code.isdigit():
            return row
    made = yield from make_coupon(f"{mark}L")
    found = yield from read_coupon(made)
    return dict(found.body)


def _direction(values: list[Any]) -> Setting:
    rising = values == sorted(values)
    falling = values == sorted(values, reverse=True)
    if rising == falling:
        raise Unlearned("the rows are in no order by date")
    return "oldest_first" if rising else "newest_first"
