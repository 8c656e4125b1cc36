"""Facts about coupon codes and ids."""

from __future__ import annotations

from http import HTTPStatus

from tillroll.probe.conversation import (
    Ask,
    Conversation,
    Depth,
    Kind,
    MakeSample,
    Unlearned,
    either,
    fact,
    made_id,
    surprised,
)
from tillroll.probe.samples import coupon, make_coupon, read_coupon

_LONGEST = 128


@fact("Codes are kept", {True: "in upper case", False: "as they are written"}, depth=Depth.WRITE)
def fold_codes(mark: str) -> Conversation:
    """Make a coupon with a code in lower case."""
    code = f"trprobe{mark.lower()}f"
    found = yield from read_coupon((yield from make_coupon(mark, code=code)))
    if found.get("code") not in {code, code.upper()}:
        raise Unlearned("the code came back as another one")
    return bool(found.get("code") == code.upper())


@fact(
    "A second coupon with the same code",
    {True: "gets a 409 that says why", False: "gets a 409 without a body"},
    depth=Depth.WRITE,
)
def conflict_body(mark: str) -> Conversation:
    """Make the same coupon twice."""
    yield from make_coupon(f"{mark}D")
    reply = yield MakeSample(kind=Kind.COUPON, body=coupon(f"{mark}D"))
    if reply.status != HTTPStatus.CONFLICT:
        raise surprised(reply)
    return not reply.empty


@fact(
    "A coupon without a code",
    {"refuse": "is refused (400)", "generate": "gets a code of the store's own"},
    depth=Depth.WRITE,
)
def coupon_without_code(mark: str) -> Conversation:
    """Make a coupon that has a name and no code."""
    body = {name: value for name, value in coupon(mark).items() if name != "code"}
    reply = yield MakeSample(kind=Kind.COUPON, body=body)
    return either(reply, accepted="generate", refused="refuse")


@fact(
    "A code of more than 128 characters",
    {"refuse": "is refused (400)", "truncate": "is cut short", "keep": "is kept"},
    depth=Depth.WRITE,
)
def long_code(mark: str) -> Conversation:
    """Make a coupon with a code of 129 characters."""
    code = f"TRPROBE{mark}".ljust(_LONGEST + 1, "X")
    reply = yield MakeSample(kind=Kind.COUPON, body=coupon(mark, code=code))
    if not reply.accepted:
        return either(reply, accepted="", refused="refuse")
    found = yield from read_coupon(made_id(reply))
    return "keep" if len(str(found.get("code"))) > _LONGEST else "truncate"


@fact(
    "Digits in a path",
    {True: "are a code before they are an id", False: "are an id before they are a code"},
    depth=Depth.WRITE,
)
def digits_name_codes(mark: str) -> Conversation:
    """Make a coupon whose code is the id of another one, and ask for those digits."""
    first = yield from make_coupon(f"{mark}A")
    if not first.isdigit():
        raise Unlearned("the store's ids are no numbers")
    second = yield from make_coupon(mark, code=first)
    by_code = yield Ask(method="GET", path=f"/discount_coupons/TRPROBE{mark}A")
    if not by_code.accepted:
        raise Unlearned("a path names a coupon by its id alone, so the question does not arise")
    found = yield from read_coupon(first)
    return str(found.get("id")) == second


@fact(
    "A change of a coupon that is not there",
    {404: "is refused (404)", 200: "is answered with `updateCount` 0"},
    depth=Depth.WRITE,
)
def put_unknown_coupon(mark: str) -> Conversation:
    """Make a coupon, delete it, and change it."""
    gone = yield from make_coupon(f"{mark}P")
    yield Ask(method="DELETE", path=f"/discount_coupons/{gone}")
    reply = yield Ask(method="PUT", path=f"/discount_coupons/{gone}", body={"status": "PAUSED"})
    if reply.status in {HTTPStatus.OK, HTTPStatus.NOT_FOUND}:
        return reply.status
    raise surprised(reply)


@fact(
    "Deleting a coupon that is not there",
    {200: "is answered with `deleteCount` 0", 404: "is refused (404)"},
    depth=Depth.WRITE,
)
def delete_unknown_coupon(mark: str) -> Conversation:
    """Make a coupon, and delete it twice."""
    gone = yield from make_coupon(f"{mark}G")
    yield Ask(method="DELETE", path=f"/discount_coupons/{gone}")
    reply = yield Ask(method="DELETE", path=f"/discount_coupons/{gone}")
    if reply.status in {HTTPStatus.OK, HTTPStatus.NOT_FOUND}:
        return reply.status
    raise surprised(reply)
