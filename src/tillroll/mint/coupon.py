"""From an offer to the coupon the store is asked for, and back: which coupons in the store are ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.frozen.proposal import Goods
from tillroll.campaign.language.models import Customers, Offer, OfferKind, Uses
from tillroll.ecwid.client import Client
from tillroll.ecwid.coupons import Coupon, CouponRequest
from tillroll.ecwid.errors import StoreSaysNotFound
from tillroll.errors import Conflict
from tillroll.ledger.plans import load_plan, load_revision
from tillroll.mint.decide import Marks, is_ours

_KINDS = {
    OfferKind.PERCENT: "PERCENT",
    OfferKind.AMOUNT: "ABS",
    OfferKind.FREE_SHIPPING: "SHIPPING",
    OfferKind.PERCENT_AND_SHIPPING: "PERCENT_AND_SHIPPING",
    OfferKind.AMOUNT_AND_SHIPPING: "ABS_AND_SHIPPING",
}
_USES = {Uses.SINGLE: "SINGLE", Uses.ONCE_PER_CUSTOMER: "ONCEPERCUSTOMER", Uses.UNLIMITED: "UNLIMITED"}
_CUSTOMERS = {
    Customers.ANY: "UNLIMITED",
    Customers.NEW: "NEW_CUSTOMER_ONLY",
    Customers.REPEAT: "REPEAT_CUSTOMER_ONLY",
}
_OURS = re.compile(r" \(tillroll run (\d+)\)$")
_LONGEST_TITLE = 80


def coupon_name(title: str, run_id: int) -> str:
    """The coupon's title in the store's admin; its end says whose it is."""
    return f"{title[:_LONGEST_TITLE]} (tillroll run {run_id})"


def run_named_by(name: str) -> int | None:
    """The run a coupon's title speaks of, or None for a coupon that isn't ours."""
    match = _OURS.search(name)
    return int(match[1]) if match else None


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """What the coupons of a run have in common: one request for each arm."""

    arms: Mapping[str, CouponRequest]

    def of(self, row: sa.Row[Any]) -> CouponRequest:
        """The request for one code row: its arm's, with its own value and time if it has any."""
        request = replace(self.arms[row.arm], code=row.code)
        if row.valid_until is not None:
            request = replace(request, launches_at=row.valid_from, expires_at=row.valid_until)
        return request if row.value is None else replace(request, discount=row.value)


def pattern(connection: Connection, run: sa.Row[Any]) -> Pattern:
    """What every coupon of the run has in common, for each arm of the campaign."""
    plan = load_plan(connection, run.id)
    if plan is None or run.valid_from is None:
        raise Conflict(f"Run {run.id} has not begun to mint.")
    revision = load_revision(connection, plan.revision_id)
    arms = {
        arm: _request(
            revision.campaign.title,
            revision.offer(step=run.step, arm=arm),
            plan.proposal.goods_of(arm) or Goods(),
            run,
        )
        for arm in ("", *revision.arms)
    }
    return Pattern(arms=arms)


def _request(title: str, offer: Offer, goods: Goods, run: sa.Row[Any]) -> CouponRequest:
    return CouponRequest(
        name=coupon_name(title, run.id),
        code="",
        discount_type=_KINDS[offer.kind],
        discount=offer.fixed_value or Decimal(0),
        launches_at=run.valid_from,
        expires_at=run.valid_until,
        minimum_subtotal=offer.minimum_subtotal,
        uses_limit=_USES[offer.uses],
        application_limit=_CUSTOMERS[offer.customers],
        products=tuple(one.product_id for one in goods.products),
        categories=tuple(one.category_id for one in goods.categories),
        status="PAUSED" if run.launch_at is not None else "ACTIVE",  # made ahead: switched on at its time
    )


def as_kept(discount: Decimal) -> Decimal:
    """A discount as the store gives it back: it keeps a double."""
    return Decimal(str(float(discount)))


def found_is_ours(request: CouponRequest, coupon: Coupon, reserved_at: Any) -> bool:
    """Whether the store's coupon is the one we asked for."""
    wanted = Marks(
        name=request.name,
        discount_type=request.discount_type,
        discount=as_kept(request.discount),
        uses_limit=request.uses_limit,
        products=frozenset(request.products),
        categories=frozenset(request.categories),
    )
    found = Marks(
        name=coupon.name,
        discount_type=coupon.discount_type,
        discount=coupon.discount,
        uses_limit=coupon.uses_limit,
        products=frozenset(coupon.products),
        categories=frozenset(coupon.categories),
    )
    return is_ours(wanted=wanted, found=found, created_at=coupon.created_at, reserved_at=reserved_at)


def still_there(client: Client, row: sa.Row[Any]) -> Coupon | None:
    """The coupon of a code that no page showed: under its code, or by its number where somebody edited the code."""
    found = client.coupons.find(row.code)
    if found is not None or row.coupon_id is None:
        return found
    try:
        return client.coupons.get(row.coupon_id)
    except StoreSaysNotFound:
        return None
