"""The fields of a coupon and what happens to invalid ones (dossier sections 1.4, 1.5, 13)."""

from __future__ import annotations

from typing import Any

from tillroll.sandbox.formats import fields
from tillroll.sandbox.formats.wire import ApiError, wrong
from tillroll.sandbox.state.store import SandboxStore

TYPES = ("ABS", "PERCENT", "SHIPPING", "ABS_AND_SHIPPING", "PERCENT_AND_SHIPPING")
USES = ("UNLIMITED", "ONCEPERCUSTOMER", "SINGLE")
APPLICATIONS = ("UNLIMITED", "NEW_CUSTOMER_ONLY", "REPEAT_CUSTOMER_ONLY")
STATUSES = ("ACTIVE", "PAUSED", "EXPIRED", "USEDUP")
WRITABLE_STATUSES = ("ACTIVE", "PAUSED")
_LONGEST_CODE = 128
_FIELDS: dict[str, fields.Kind] = {
    "name": fields.text(1024),
    "discountType": fields.one_of(*TYPES),
    "usesLimit": fields.one_of(*USES),
    "applicationLimit": fields.one_of(*APPLICATIONS),
    "discount": fields.amount,
    "totalLimit": fields.amount,
    "launchDate": fields.date,
    "expirationDate": fields.date,
    "catalogLimit": fields.an_object,
    "shippingLimit": fields.an_object,
    "orderCount": fields.whole,
}


def checked(store: SandboxStore, body: Any, *, by_owner: bool = False) -> dict[str, Any]:
    """Return the checked fields that a caller may write. Read-only and unknown fields are ignored.

    The store's admin may also set the statuses that only the store sets.
    """
    sent = fields.document(body)
    kept = fields.read(sent, _FIELDS)
    if not (store.switches.order_count_sent == "keep" or by_owner):
        kept.pop("orderCount", None)
    if sent.get("code") is not None:
        kept["code"] = _code(store, sent["code"])
    if sent.get("status") is not None:
        every = by_owner or store.switches.store_statuses_sent == "accept"
        kept["status"] = fields.one_of(*(STATUSES if every else WRITABLE_STATUSES))("status", sent["status"])
    if "catalogLimit" in kept:
        kept["catalogLimit"] = _catalog_limit(store, kept["catalogLimit"])
    if sent.get("repeatCustomerOnly") is True and "applicationLimit" not in kept:
        kept["applicationLimit"] = "REPEAT_CUSTOMER_ONLY"
    return kept


def check_kind(store: SandboxStore, kept: dict[str, Any]) -> None:
    """Check what needs the whole coupon: a limit that does not fit its type, a discount that is too high."""
    unfit = kept["discountType"] == "SHIPPING" and kept.pop("catalogLimit", None)
    if unfit and store.switches.bad_catalog_limit == "refuse":
        raise wrong("catalogLimit", "not for a SHIPPING coupon")
    too_high = kept["discountType"].startswith("PERCENT") and kept["discount"] > 100
    if too_high and store.switches.percent_over_100 == "refuse":
        raise wrong("discount", "over 100 percent")
    if "coupons" in store.switches.missing_features:
        raise ApiError(403, "Coupons are switched off in this store", "DISCOUNTS_FEATURE_NOT_AVAILABLE")
    if "shipping_discounts" in store.switches.missing_features and "SHIPPING" in kept["discountType"]:
        code = "SHIPPING_DISCOUNTS_FEATURE_NOT_AVAILABLE"
        raise ApiError(403, "Free shipping is switched off in this store", code)


def _code(store: SandboxStore, raw: Any) -> str:
    if isinstance(raw, str) and store.switches.long_code == "truncate":
        raw = raw[:_LONGEST_CODE]
    code = str(fields.text(_LONGEST_CODE)("code", raw))
    return code.upper() if store.switches.fold_codes else code


def _catalog_limit(store: SandboxStore, limit: dict[str, Any]) -> dict[str, Any] | None:
    """Keep only ids that exist; 0 is the store's front page. If none is left, there is no limit."""
    kept: dict[str, list[int]] = {}
    for table in ("products", "categories"):
        ids = fields.numbers(f"catalogLimit.{table}", limit.get(table) or [])
        marks = ", ".join("?" * len(ids))
        rows = store.state.rows(f"select id from {table} where id in ({marks})", ids)  # noqa: S608 - fixed texts
        existing = {row["id"] for row in rows}
        kept[table] = [
            number for number in ids if number in existing or (number == 0 and table == "categories")
        ]
        if len(kept[table]) < len(ids) and store.switches.bad_catalog_limit == "refuse":
            raise wrong(f"catalogLimit.{table}", "some of these do not exist")
    return kept if any(kept.values()) else None
