"""From an offer to the coupon that the store is asked to create, and back: which of the store's coupons are ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Protocol, cast

from sqlalchemy.engine import Connection

from tillroll.campaign.frozen.proposal import Goods
from tillroll.campaign.language.models import AllowedCustomers, Offer, OfferKind, Uses
from tillroll.campaign.text.money import smallest_unit
from tillroll.ecwid.client import Client
from tillroll.ecwid.endpoints.coupons import Coupon, CouponRequest
from tillroll.ecwid.http.errors import StoreSaysNotFound
from tillroll.errors import Conflict
from tillroll.ledger.queries.plans import load_plan, load_revision
from tillroll.ledger.records import Code, Run
from tillroll.mint.decide import CouponMarks, is_ours

DISCOUNT_TYPES = {
    OfferKind.PERCENT: "PERCENT",
    OfferKind.AMOUNT: "ABS",
    OfferKind.FREE_SHIPPING: "SHIPPING",
    OfferKind.PERCENT_AND_SHIPPING: "PERCENT_AND_SHIPPING",
    OfferKind.AMOUNT_AND_SHIPPING: "ABS_AND_SHIPPING",
}
_USES = {Uses.SINGLE: "SINGLE", Uses.ONCE_PER_CUSTOMER: "ONCEPERCUSTOMER", Uses.UNLIMITED: "UNLIMITED"}
_CUSTOMERS = {
    AllowedCustomers.ANY: "UNLIMITED",
    AllowedCustomers.NEW: "NEW_CUSTOMER_ONLY",
    AllowedCustomers.REPEAT: "REPEAT_CUSTOMER_ONLY",
}
_OURS = re.compile(r" \(tillroll run (\d+)\)$")
_LONGEST_TITLE = 80


def coupon_name(title: str, run_id: int) -> str:
    """Return the coupon's title in the store's admin. It ends with the run that the coupon belongs to."""
    return f"{title[:_LONGEST_TITLE]} (tillroll run {run_id})"


def run_id_in_name(name: str) -> int | None:
    """Return the run that a coupon's title names, or None if the coupon is not ours."""
    match = _OURS.search(name)
    return int(match[1]) if match else None


class CodeValues(Protocol):
    """What a coupon takes from its own code row."""

    @property
    def code(self) -> str: ...
    @property
    def arm(self) -> str: ...
    @property
    def value(self) -> Decimal | None: ...
    @property
    def valid_from(self) -> datetime | None: ...
    @property
    def valid_until(self) -> datetime | None: ...


@dataclass(frozen=True, kw_only=True)
class CouponPattern:
    """What the coupons of a run have in common: one request for each arm."""

    arms: Mapping[str, CouponRequest]
    offers: Mapping[str, Offer]  # of the same arms, as in the campaign's file
    unit: Decimal  # the smallest of the store's currency

    def request(self, code: CodeValues) -> CouponRequest:
        """Return the request for one code: its arm's, with the code's own value and period if it has any."""
        request = replace(self.arms[code.arm], code=code.code)
        if code.valid_until is not None:
            start = cast("datetime", code.valid_from)  # set together with the end
            request = replace(request, launches_at=start, expires_at=code.valid_until)
        if code.value is None:
            return request
        minimum = self.offers[code.arm].minimum_with(code.value, self.unit)
        return replace(request, discount=code.value, minimum_subtotal=minimum)


def load_pattern(connection: Connection, run: Run) -> CouponPattern:
    """Return what the run's coupons have in common, for each arm. Raises `Conflict` before minting has begun."""
    plan = load_plan(connection, run.id)
    if plan is None or run.valid_from is None:
        raise Conflict(f"Run {run.id} has not begun to mint.")
    revision = load_revision(connection, plan.revision_id)
    return pattern_for(
        title=revision.campaign.title,
        offers={arm: revision.offer(step=run.step, arm=arm) for arm in ("", *revision.arms)},
        goods={arm: plan.proposal.goods_of(arm) or Goods() for arm in ("", *revision.arms)},
        currency=plan.proposal.currency,
        run=run,
    )


def pattern_for(
    *, title: str, offers: Mapping[str, Offer], goods: Mapping[str, Goods], currency: str, run: Run
) -> CouponPattern:
    """Return what the coupons of a run have in common; `offers` and `goods` are by arm."""
    unit = smallest_unit(currency)
    arms = {arm: _request(title, offer.applied(None, unit), goods[arm], run) for arm, offer in offers.items()}
    return CouponPattern(arms=arms, offers=offers, unit=unit)


def _request(title: str, offer: Offer, goods: Goods, run: Run) -> CouponRequest:
    assert run.valid_from is not None  # noqa: S101 - fixed as minting begins
    request = request_for(offer, goods, start=run.valid_from, end=run.valid_until)
    status = "PAUSED" if run.launch_at is not None else "ACTIVE"  # made ahead: switched on at its time
    return replace(request, name=coupon_name(title, run.id), status=status)


def request_for(offer: Offer, goods: Goods, *, start: datetime, end: datetime | None) -> CouponRequest:
    """Return the coupon that gives an offer, without name and code. The offer is as the till applies it."""
    return CouponRequest(
        name="",
        code="",
        discount_type=DISCOUNT_TYPES[offer.kind],
        discount=offer.fixed_value or Decimal(0),
        launches_at=start,
        expires_at=end,
        minimum_subtotal=offer.minimum_subtotal,
        uses_limit=_USES[offer.uses],
        application_limit=_CUSTOMERS[offer.customers],
        products=tuple(product.product_id for product in goods.products),
        categories=tuple(category.category_id for category in goods.categories),
        status="ACTIVE",
    )


def as_stored(discount: Decimal) -> Decimal:
    """Return a discount as the store gives it back: the store keeps a double."""
    return Decimal(str(float(discount)))


def is_our_coupon(request: CouponRequest, coupon: Coupon, reserved_at: datetime) -> bool:
    """Return whether the store's coupon is the one that we requested."""
    requested = CouponMarks(
        name=request.name,
        discount_type=request.discount_type,
        discount=as_stored(request.discount),
        uses_limit=request.uses_limit,
        products=frozenset(request.products),
        categories=frozenset(request.categories),
    )
    in_store = CouponMarks(
        name=coupon.name,
        discount_type=coupon.discount_type,
        discount=coupon.discount,
        uses_limit=coupon.uses_limit,
        products=frozenset(coupon.products),
        categories=frozenset(coupon.categories),
    )
    return is_ours(
        requested=requested, in_store=in_store, created_at=coupon.created_at, reserved_at=reserved_at
    )


def find_coupon(client: Client, code: Code) -> Coupon | None:
    """Find the coupon of a code that no page showed: by its code, or by its number in case somebody edited the code."""
    coupon = client.coupons.find(code.code)
    if coupon is not None or code.coupon_id is None:
        return coupon
    try:
        return client.coupons.get(code.coupon_id)
    except StoreSaysNotFound:
        return None
