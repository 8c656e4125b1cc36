"""Where a coupon of the store is no longer what the ledger says, in words: `10 %` here, `15 %` there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from tillroll.campaign.sentences.offers import say_money
from tillroll.ecwid.coupons import Coupon, CouponRequest
from tillroll.mint.coupon import as_kept

_USES = {"SINGLE": "once", "ONCEPERCUSTOMER": "once for each customer", "UNLIMITED": "any number of times"}
_CUSTOMERS = {
    "UNLIMITED": "everybody",
    "NEW_CUSTOMER_ONLY": "new customers",
    "REPEAT_CUSTOMER_ONLY": "customers who bought before",
}
_STATUS = {"ACTIVE": "on", "PAUSED": "switched off", "USEDUP": "used up, without an order"}


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One field that differs."""

    field: str  # name, code, value, starts, ends, minimum, uses, customers, goods, status
    ledger: str  # in words
    store: str
    raw: str  # the store's value, for a machine

    def as_row(self) -> dict[str, Any]:
        """As it is kept."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.field}: {self.ledger} → {self.store}"


def differences(wanted: CouponRequest, found: Coupon, *, currency: str) -> list[Difference]:
    """Where a coupon differs from what is wanted; empty: nowhere that matters.

    That it expired, or was used up by an order, is no difference: that is what coupons do.
    """
    pairs = [
        *_texts(wanted, found),
        *_value(wanted, found, currency),
        *_moments(wanted, found),
        *_goods(wanted, found),
        *_status(wanted, found),
    ]
    return pairs


def _texts(wanted: CouponRequest, found: Coupon) -> Iterator[Difference]:
    if wanted.name != found.name:
        yield Difference(field="name", ledger=wanted.name, store=found.name, raw=found.name)
    if wanted.code.upper() != found.code.upper():
        yield Difference(
            field="code", ledger=_dots(wanted.code), store=_dots(found.code), raw=found.code.upper()
        )
    for field, words, mine, theirs in (
        ("uses", _USES, wanted.uses_limit, found.uses_limit),
        ("customers", _CUSTOMERS, wanted.application_limit, found.application_limit),
    ):
        if mine != theirs:
            yield Difference(
                field=field, ledger=words.get(mine, mine), store=words.get(theirs, theirs), raw=theirs
            )


def _dots(code: str) -> str:
    """A code in clear is money: its last two signs tell enough."""
    return f"••••{code[-2:]}"


def _value(wanted: CouponRequest, found: Coupon, currency: str) -> Iterator[Difference]:
    mine = (wanted.discount_type, _amount(wanted.discount_type, wanted.discount))
    theirs = (found.discount_type, _amount(found.discount_type, found.discount))
    if mine != theirs:
        raw = f"{theirs[0]} {theirs[1]}"
        yield Difference(field="value", ledger=_say(*mine, currency), store=_say(*theirs, currency), raw=raw)
    least, there = as_kept(wanted.minimum_subtotal or Decimal(0)), found.minimum_subtotal or Decimal(0)
    if least != there:
        yield Difference(
            field="minimum", ledger=_from(least, currency), store=_from(there, currency), raw=str(there)
        )


def _amount(kind: str, discount: Decimal) -> Decimal:
    return Decimal(0) if kind == "SHIPPING" else as_kept(discount).normalize()


def _say(kind: str, amount: Decimal, currency: str) -> str:
    if kind == "SHIPPING":
        return "free shipping"
    value = f"{amount:f} %" if kind.startswith("PERCENT") else say_money(amount, currency)
    return f"{value} and free shipping" if kind.endswith("SHIPPING") else value


def _from(least: Decimal, currency: str) -> str:
    return f"from {say_money(least, currency)}" if least else "no minimum"


def _moments(wanted: CouponRequest, found: Coupon) -> Iterator[Difference]:
    for field, mine, theirs in (
        ("starts", _whole(wanted.launches_at), found.launches_at),
        ("ends", _whole(wanted.expires_at), found.expires_at),
    ):
        if mine != theirs:
            raw = theirs.isoformat() if theirs is not None else ""
            yield Difference(field=field, ledger=_moment(mine), store=_moment(theirs), raw=raw)


def _whole(at: datetime | None) -> datetime | None:
    """To the second, as the store keeps it."""
    return at.replace(microsecond=0) if at is not None else None


def _moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at is not None else "never"


def _goods(wanted: CouponRequest, found: Coupon) -> Iterator[Difference]:
    mine = (frozenset(wanted.products), frozenset(wanted.categories))
    theirs = (frozenset(found.products), frozenset(found.categories))
    if mine != theirs:
        raw = f"products {sorted(theirs[0])} categories {sorted(theirs[1])}"
        yield Difference(field="goods", ledger=_on(*mine), store=_on(*theirs), raw=raw)


def _on(products: frozenset[int], categories: frozenset[int]) -> str:
    named = [f"product {one}" for one in sorted(products)] + [f"category {one}" for one in sorted(categories)]
    if len(named) > 6:
        named = [*named[:5], f"{len(named) - 5} more"]
    return ", ".join(named) or "everything"


def _status(wanted: CouponRequest, found: Coupon) -> Iterator[Difference]:
    on = wanted.status == "ACTIVE"
    used_up = found.status == "USEDUP" and found.order_count == 0
    if (on and (found.status == "PAUSED" or used_up)) or (not on and found.status == "ACTIVE"):
        yield Difference(
            field="status", ledger=_STATUS[wanted.status], store=_STATUS[found.status], raw=found.status
        )
