"""How a coupon of the store differs from the ledger, in words for people: `10%` in the ledger, `15%` in the store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from tillroll.campaign.text.money import say_money
from tillroll.campaign.text.percent import say_percent
from tillroll.ecwid.endpoints.coupons import Coupon, CouponRequest
from tillroll.mint.coupon import as_stored

_USES = {"SINGLE": "once", "ONCEPERCUSTOMER": "once for each customer", "UNLIMITED": "any number of times"}
_CUSTOMERS = {
    "UNLIMITED": "everybody",
    "NEW_CUSTOMER_ONLY": "new customers",
    "REPEAT_CUSTOMER_ONLY": "customers who bought before",
}
_STATUS = {"ACTIVE": "on", "PAUSED": "switched off", "USEDUP": "used up, without an order"}


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One field that differs. The words are for people; code compares `field` and `raw`."""

    field: str  # name, code, value, starts, ends, minimum, uses, customers, goods, status
    ledger: str  # in words
    store: str
    raw: str  # the store's value, for a machine

    def as_row(self) -> dict[str, Any]:
        """Return the difference as the ledger stores it."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.field}: {self.ledger} → {self.store}"


def differences(desired: CouponRequest, coupon: Coupon, *, currency: str) -> list[Difference]:
    """Return how a coupon of the store differs from the desired one.

    A coupon that has expired, or was used up by an order, does not differ for that.
    """
    return [
        *_texts(desired, coupon),
        *_value(desired, coupon, currency),
        *_moments(desired, coupon),
        *_goods(desired, coupon),
        *_status(desired, coupon),
    ]


def _texts(desired: CouponRequest, coupon: Coupon) -> Iterator[Difference]:
    if desired.name != coupon.name:
        yield Difference(field="name", ledger=desired.name, store=coupon.name, raw=coupon.name)
    if desired.code.upper() != coupon.code.upper():
        yield Difference(
            field="code", ledger=_masked(desired.code), store=_masked(coupon.code), raw=coupon.code.upper()
        )
    for field, words, mine, theirs in (
        ("uses", _USES, desired.uses_limit, coupon.uses_limit),
        ("customers", _CUSTOMERS, desired.application_limit, coupon.application_limit),
    ):
        if mine != theirs:
            yield Difference(
                field=field, ledger=words.get(mine, mine), store=words.get(theirs, theirs), raw=theirs
            )


def _masked(code: str) -> str:
    """Return a code with all but its last two characters masked, since a code in clear is worth money."""
    return f"••••{code[-2:]}"


def _value(desired: CouponRequest, coupon: Coupon, currency: str) -> Iterator[Difference]:
    mine = (desired.discount_type, _amount(desired.discount_type, desired.discount))
    theirs = (coupon.discount_type, _amount(coupon.discount_type, coupon.discount))
    if mine != theirs:
        raw = f"{theirs[0]} {theirs[1]}"
        yield Difference(
            field="value", ledger=_say_value(*mine, currency), store=_say_value(*theirs, currency), raw=raw
        )
    minimum, in_store = (
        as_stored(desired.minimum_subtotal or Decimal(0)),
        coupon.minimum_subtotal or Decimal(0),
    )
    if minimum != in_store:
        yield Difference(
            field="minimum",
            ledger=_say_minimum(minimum, currency),
            store=_say_minimum(in_store, currency),
            raw=str(in_store),
        )


def _amount(kind: str, discount: Decimal) -> Decimal:
    return Decimal(0) if kind == "SHIPPING" else as_stored(discount).normalize()


def _say_value(kind: str, amount: Decimal, currency: str) -> str:
    if kind == "SHIPPING":
        return "free shipping"
    value = say_percent(amount) if kind.startswith("PERCENT") else say_money(amount, currency)
    return f"{value} and free shipping" if kind.endswith("SHIPPING") else value


def _say_minimum(minimum: Decimal, currency: str) -> str:
    return f"from {say_money(minimum, currency)}" if minimum else "no minimum"


def _moments(desired: CouponRequest, coupon: Coupon) -> Iterator[Difference]:
    for field, mine, theirs in (
        ("starts", _to_second(desired.launches_at), coupon.launches_at),
        ("ends", _to_second(desired.expires_at), coupon.expires_at),
    ):
        if mine != theirs:
            raw = theirs.isoformat() if theirs is not None else ""
            yield Difference(field=field, ledger=_say_moment(mine), store=_say_moment(theirs), raw=raw)


def _to_second(at: datetime | None) -> datetime | None:
    """Return a moment to the second, as the store keeps it."""
    return at.replace(microsecond=0) if at is not None else None


def _say_moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at is not None else "never"


def _goods(desired: CouponRequest, coupon: Coupon) -> Iterator[Difference]:
    mine = (frozenset(desired.products), frozenset(desired.categories))
    theirs = (frozenset(coupon.products), frozenset(coupon.categories))
    if mine != theirs:
        raw = f"products {sorted(theirs[0])} categories {sorted(theirs[1])}"
        yield Difference(field="goods", ledger=_say_goods(*mine), store=_say_goods(*theirs), raw=raw)


def _say_goods(products: frozenset[int], categories: frozenset[int]) -> str:
    named = [f"product {number}" for number in sorted(products)] + [
        f"category {number}" for number in sorted(categories)
    ]
    if len(named) > 6:
        named = [*named[:5], f"{len(named) - 5} more"]
    return ", ".join(named) or "everything"


def _status(desired: CouponRequest, coupon: Coupon) -> Iterator[Difference]:
    on = desired.status == "ACTIVE"
    used_up = coupon.status == "USEDUP" and coupon.order_count == 0
    if (on and (coupon.status == "PAUSED" or used_up)) or (not on and coupon.status == "ACTIVE"):
        yield Difference(
            field="status", ledger=_STATUS[desired.status], store=_STATUS[coupon.status], raw=coupon.status
        )
