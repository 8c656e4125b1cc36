"""Facts about products, customers, orders and carts: hidden samples are made and deleted."""

from __future__ import annotations

from collections.abc import Generator
from http import HTTPStatus
from math import ceil
from urllib.parse import quote

from tillroll.probe.conversation import (
    Ask,
    Conversation,
    Depth,
    Kind,
    MakeSample,
    Reply,
    Step,
    Unlearned,
    Wait,
    either,
    fact,
    made_id,
    surprised,
)
from tillroll.probe.samples import NAME, customer, order, product

_LOOKS, _PAUSE = 120, 0.25
"""How often to look for a new customer in the search, and the seconds between."""


@fact(
    "A second product with the same SKU",
    {False: "is refused (409)", True: "is accepted"},
    depth=Depth.SAMPLES,
)
def same_sku_twice(mark: str) -> Conversation:
    """Make a product twice."""
    made_id((yield MakeSample(kind=Kind.PRODUCT, body=product(f"{mark}K"))))
    reply = yield MakeSample(kind=Kind.PRODUCT, body=product(f"{mark}K"))
    return either(reply, accepted=True, refused=False)


@fact(
    "A customer's language that the store doesn't have",
    {"refuse": "is refused (400)", "accept": "is accepted"},
    depth=Depth.SAMPLES,
)
def unknown_language(mark: str) -> Conversation:
    """Make a customer who speaks Faroese, unless the store does."""
    profile = yield Ask(
        method="GET", path="/profile", query={"responseFields": "languages(enabledLanguages)"}
    )
    if "fo" in str(profile.get("languages")):
        raise Unlearned("the store has the language that the probe uses")
    reply = yield MakeSample(kind=Kind.CUSTOMER, body=customer(f"{mark}L", lang="fo"))
    return either(reply, accepted="accept", refused="refuse")


@fact(
    "A customer's extra fields",
    {True: "can be written", False: "are ignored in a change"},
    depth=Depth.SAMPLES,
)
def write_customer_extra_fields(mark: str) -> Conversation:
    """Make an extra field and a customer, and write the field's value."""
    field = yield MakeSample(kind=Kind.EXTRA_FIELD, body={"title": NAME, "type": "TEXT"})
    key = field.get("key")
    if not field.accepted or not isinstance(key, str):
        raise surprised(field)
    made = made_id((yield MakeSample(kind=Kind.CUSTOMER, body=customer(f"{mark}X"))))
    yield Ask(method="PUT", path=f"/customers/{made}", body={"extrafields": [{"key": key, "value": NAME}]})
    found = yield Ask(method="GET", path=f"/customers/{made}")
    return any(
        isinstance(value, dict) and value.get("value") == NAME for value in found.get("extrafields") or ()
    )


@fact("Seconds until a search shows a new customer:", depth=Depth.SAMPLES)
def index_lag(mark: str) -> Conversation:
    """Make a customer and look until the search finds them."""
    body = customer(f"{mark}I")
    made = yield MakeSample(kind=Kind.CUSTOMER, body=body)
    made_id(made)
    found = yield from _searched("/customers", str(body["email"]))
    return ceil(max(0.0, found.at - made.asked_at) * 100) / 100  # at least as long as it took


def _searched(path: str, email: str) -> Generator[Step, Reply, Reply]:
    """Return the first answer of a search that holds a row with an address. Searches lag behind."""
    for _ in range(_LOOKS):
        found = yield Ask(method="GET", path=path, query={"email": email})
        if found.items:
            return found
        yield Wait(_PAUSE)
    raise Unlearned(f"the search did not show what was made within {_LOOKS * _PAUSE:.0f} s")


@fact(
    "An order's item without a quantity",
    {"accept": "is accepted", "refuse": "is refused (400)"},
    depth=Depth.SAMPLES,
)
def item_without_quantity(mark: str) -> Conversation:
    """Make an order with such an item."""
    reply = yield MakeSample(kind=Kind.ORDER, body=order(mark, items=[{"name": NAME, "price": 0}]))
    return either(reply, accepted="accept", refused="refuse")


@fact(
    "`hidden` on an order that is more than a cart",
    {"refuse": "is refused (400)", "ignore": "is ignored"},
    depth=Depth.SAMPLES,
)
def hidden_order(mark: str) -> Conversation:
    """Make such an order."""
    reply = yield MakeSample(kind=Kind.ORDER, body=order(mark, hidden=True))
    return either(reply, accepted="ignore", refused="refuse")


@fact(
    "An order's coupon that does not exist",
    {"drop": "is left out", "store": "is kept"},
    depth=Depth.SAMPLES,
)
def invented_coupon(mark: str) -> Conversation:
    """Make an order with a code that no coupon has."""
    coupon = {"code": f"TRPROBE{mark}V", "name": NAME, "discountType": "ABS", "discount": 0}
    made = made_id((yield MakeSample(kind=Kind.ORDER, body=order(mark, discountCoupon=coupon))))
    found = yield Ask(method="GET", path=f"/orders/{made}")
    if not found.accepted:
        raise surprised(found)
    return "store" if found.get("discountCoupon") else "drop"


@fact("A cart that can't be placed", {422: "gets a 422", 400: "gets a 400", 404: "gets a 404", 409: "gets a 409"},
      depth=Depth.SAMPLES)  # fmt: skip
def unplaceable_cart(mark: str) -> Conversation:
    """Make a cart without items, and place it."""
    body = order(f"{mark}Q", paymentStatus="INCOMPLETE", items=[])
    made_id((yield MakeSample(kind=Kind.ORDER, body=body)))
    found = yield from _searched("/carts", str(body["email"]))
    cart = found.items[0].get("cartId")
    if not isinstance(cart, str) or not cart:
        raise surprised(found)
    reply = yield Ask(method="POST", path=f"/carts/{quote(cart, safe='')}/place")
    if HTTPStatus.BAD_REQUEST <= reply.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return reply.status
    raise surprised(reply)
