"""Named switches: what the documentation leaves open, and states that tests set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

INDEX_LAG = (1.5, 5.0)
"""Seconds, at least and at most, until the real store's searches show a write (dossier section 13)."""


@dataclass(frozen=True, kw_only=True)
class Switches:
    """How the store behaves."""

    # limits
    requests_per_minute: int = 600
    window: str = "sliding"  # or "fixed": the minute resets as a whole
    penalty_seconds: float = (
        900.0  # how long a token or address is blocked that ignores `Retry-After`; 0: never
    )
    early_requests_allowed: int = (
        20  # refused requests in a minute before a token is blocked for `penalty_seconds`
    )
    bad_tokens: int = 600  # requests with a dead token before their address is blocked for `penalty_seconds`
    quota_headers: bool = False  # X-RateLimit-Limit, -Remaining and -Reset
    count_inner_requests: bool = False  # whether a batch's inner requests count against the allowance
    # the account
    plan: str = "venture"  # "free": every call is answered 402
    suspended: bool = False
    token_revoked: bool = False
    missing_scopes: tuple[str, ...] = ()
    token_in_query: bool = False  # whether the old `?token=` is accepted, for clients from before March 2025
    missing_scope_body: str = "words"  # body of the 403 for a missing scope, which names it; or "empty"
    forbidden_body: str = "empty"  # body of the 403 for an invalid token; or "json": INVALID_API_TOKEN
    # coupons
    fold_codes: bool = False  # keep codes in upper case
    put_unknown_coupon: int = 404  # or 200 with updateCount 0
    delete_unknown_coupon: int = 200  # with deleteCount 0, or 404
    conflict_body: bool = True  # whether a 409 has a body
    coupon_by_code: bool = True  # whether a path may name a coupon by its code, or by its id alone
    coupon_without_code: str = "refuse"  # or "generate"
    long_code: str = "refuse"  # over 128 characters; or "truncate"
    store_statuses_sent: str = "refuse"  # EXPIRED and USEDUP in a request; or "accept"
    bad_catalog_limit: str = "drop"  # unknown ids, or a limit on a SHIPPING coupon; or "refuse"
    percent_over_100: str = "accept"  # or "refuse"
    coupon_search: str = "exact"  # what `code` finds; or "partial"
    status_search: str = (
        "every"  # which statuses `availability` finds; or "written": ACTIVE and PAUSED, else 400
    )
    coupons_sorted: str = "oldest_first"  # or "newest_first"
    window_ends: str = "inclusive"  # both ends of a search's window of dates; or "exclusive"
    digits_name_codes: bool = False  # whether a path of digits alone is a code before it is an id
    null_clears: bool = False  # whether null in an update clears a date or limit, or is ignored
    order_count_sent: str = "ignore"  # orderCount in a request; or "keep"
    coupon_use_sends_event: bool = False  # whether discount_coupon.updated is sent when orderCount moves
    undone_orders_return_coupons: bool = False  # whether a cancelled or deleted order gives its coupon back
    missing_features: tuple[str, ...] = ()  # "coupons", "shipping_discounts", "promotions": 403
    # orders
    rest_orders_use_coupons: bool = True  # whether an order made by REST counts as a use of its coupon
    item_without_quantity: str = "accept"  # or "refuse"
    invented_coupon: str = "drop"  # an order's coupon that doesn't exist; or "store"
    # how /orders/deleted names an order: "both": number as `id`, public id as `orderId`; "number": `orderId` is null;
    # "text": the public id as `id`
    deleted_orders: str = "both"
    orders_sorted: str = "newest_first"  # or "oldest_first"
    hidden_order: str = "refuse"  # `hidden` on an order that isn't INCOMPLETE; or "ignore"
    unplaceable_cart: int = 422  # the answer to placing what can't be placed; or 400, 404, 409
    # catalog and customers
    same_sku_twice: bool = False  # whether two products may have one SKU
    out_of_stock: str = "sell"  # what the checkout does when stock is empty; or "refuse"
    unknown_language: str = "refuse"  # a customer's language that the store doesn't have; or "accept"
    write_customer_extra_fields: bool = True  # whether PUT /customers writes `extrafields`
    # the app
    storage_bodies: str = "kept"  # as they came; or "unwrapped": of an object, its `value`
    storage_answers: str = "count"  # {"updateCount": 1}; or "success": {"success": true}
    subscription: str = "ACTIVE"  # the app's: or "TRIAL", "SUSPENDED"
    # lists
    limit_over_100: str = "clamp"  # or "refuse"
    index_lag: float = (
        0.0  # seconds until new orders, products and customers show in searches; the real one: 1.5 to 5
    )
    index_lag_spread: float = (
        0.0  # up to so much more, drawn from the shop's seed; the real one: 3.5 on top of 1.5
    )
    # batches
    dedup_seconds: float = 3600.0
    batch_pause: float = 0.0  # seconds the executor waits after every 50 inner requests
    inner_request_seconds: float = 0.0  # what an inner request takes; in parallel mode, up to 100 at once
    body_without_escaped: bool = True  # `httpBody` when escapedJson isn't asked for
    unknown_ticket: int = 404  # or 400
    inner_retry_seconds: float = 3.0  # between the five tries of an inner request that is answered 5xx
    # webhooks
    webhook_spelling: str = "camel"  # or "snake": profile.subscription_status_changed
    webhook_success: str = "newest"  # 200, 201, 202, 204 and 209; or "200" alone
    # faults
    inner_failures: int = 0  # answer the next so many tries of inner requests with 500
    drop_answers: int = 0  # do the next so many writes, then close the connection without an answer
    fail_reads: int = 0  # answer the next so many GETs with 500

    def lagging(self, least: float, most: float) -> Switches:
        """Return a copy whose searches lag by so many seconds. Raises `ValueError` if the most is less than the least."""
        if most < least:
            raise ValueError(f"the index lag is at least {least:g} s, so it can't be at most {most:g} s")
        return replace(self, index_lag=least, index_lag_spread=most - least)

    def changed(self, changes: Mapping[str, Any]) -> Switches:
        """Return a copy with some switches changed. Raises `ValueError` naming one that does not exist or has the wrong type."""
        current = {field.name: getattr(self, field.name) for field in fields(self)}
        for name, value in changes.items():
            if name not in current:
                raise ValueError(f"there is no switch {name!r}; there are {', '.join(sorted(current))}")
            if isinstance(current[name], float) and isinstance(value, int) and not isinstance(value, bool):
                continue
            if isinstance(current[name], tuple) and isinstance(value, list):
                continue
            if not isinstance(value, type(current[name])):
                raise ValueError(f"switch {name} is {type(current[name]).__name__}, not {value!r}")
        given: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in changes.items()}
        return replace(self, **given)
