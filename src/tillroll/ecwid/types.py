"""The store's answers as frozen values. Missing stays missing (None), unknown fields stay outside.

Money is `Decimal` in the store's currency, moments are aware UTC. Source: docs.ecwid.com/api-reference/rest-api.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Profile:
    """The store about itself (`GET /profile`)."""

    store_id: int
    name: str
    url: str
    email: str  # where the owner is reached
    currency: str  # ISO 4217
    timezone: str  # IANA name
    language: str
    features: frozenset[str]  # account.availableFeatures
    suspended: bool


@dataclass(frozen=True, kw_only=True)
class Customer:
    """One customer (`GET /customers`)."""

    customer_id: int
    email: str
    name: str
    first_name: str
    language: str
    country: str  # ISO 3166-1 alpha-2, of the billing address
    group_name: str
    accepts_marketing: bool | None  # None: never asked
    orders: int
    spent: Decimal
    first_order_at: datetime | None
    last_order_at: datetime | None
    registered_at: datetime | None
    updated_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Order:
    """One order (`GET /orders`)."""

    order_id: str  # the public id
    customer_id: int | None
    email: str
    total: Decimal
    subtotal: Decimal
    coupon_discount: Decimal
    coupon_code: str  # empty: no coupon
    payment_status: str
    created_at: datetime | None
    updated_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Product:
    """One product (`GET /products`)."""

    product_id: int
    sku: str
    name: str
    price: Decimal
    quantity: int | None  # None: unlimited
    enabled: bool


@dataclass(frozen=True, kw_only=True)
class Coupon:
    """One discount coupon (`GET /discount_coupons`)."""

    coupon_id: int
    name: str
    code: str
    discount_type: str  # ABS, PERCENT, SHIPPING, ABS_AND_SHIPPING, PERCENT_AND_SHIPPING
    status: str  # ACTIVE, PAUSED, EXPIRED, USEDUP
    discount: Decimal
    launches_at: datetime | None
    expires_at: datetime | None
    minimum_subtotal: Decimal | None
    uses_limit: str  # UNLIMITED, ONCEPERCUSTOMER, SINGLE
    application_limit: str  # UNLIMITED, NEW_CUSTOMER_ONLY, REPEAT_CUSTOMER_ONLY
    created_at: datetime | None
    order_count: int


@dataclass(frozen=True, kw_only=True)
class CouponRequest:
    """What the store is asked to make: the fields of a coupon that a caller may set."""

    name: str
    code: str
    discount_type: str
    discount: Decimal
    launches_at: datetime
    expires_at: datetime | None
    minimum_subtotal: Decimal | None
    uses_limit: str
    application_limit: str


@dataclass(frozen=True, kw_only=True)
class InnerRequest:
    """One request inside a batch; `id` comes back with its answer."""

    id: str
    method: str
    path: str
    body: Mapping[str, Any] | str


@dataclass(frozen=True, kw_only=True)
class InnerAnswer:
    """What became of one request inside a batch."""

    id: str
    executed: bool  # False: skipped after an earlier failure, or cancelled
    status: int  # the inner HTTP status; 0 when not executed
    body: Any  # parsed JSON, or None when empty or not JSON

    @property
    def message(self) -> str:
        """The store's own words for a failure, if it gave any."""
        if isinstance(self.body, dict):
            return str(self.body.get("errorMessage") or self.body.get("errorCode") or "")
        return ""


@dataclass(frozen=True, kw_only=True)
class BatchStatus:
    """How far a batch is (`GET /batch?ticket=…`)."""

    status: str  # QUEUED, IN_PROGRESS, COMPLETED
    total: int
    completed: int
    answers: Sequence[InnerAnswer]

    @property
    def finished(self) -> bool:
        """Whether every inner request has its answer."""
        return self.status == "COMPLETED"
