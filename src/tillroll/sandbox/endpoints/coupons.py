"""Discount coupons: one for each request, unique by code regardless of case (dossier section 1).

The fields of a body are in `coupon_fields.py`.
"""

from __future__ import annotations

import secrets
import sqlite3
from typing import Any

from tillroll.sandbox.endpoints import deleted
from tillroll.sandbox.endpoints.coupon_fields import STATUSES, TYPES, WRITABLE_STATUSES, check_kind, checked
from tillroll.sandbox.endpoints.searches import Search
from tillroll.sandbox.formats import fields
from tillroll.sandbox.formats.wire import ApiError, Query, moment, one_of, out, window, without_unset
from tillroll.sandbox.state.database import dump, load
from tillroll.sandbox.state.store import SandboxStore

_STATUS = "case when status = 'ACTIVE' and expires < ? then 'EXPIRED' else status end"
"""SQL for the status that is shown: a coupon is expired when it is read after its end."""
_WITHOUT_ITS_ENDS = {
    "createdFrom": ("created >= ? + 1", moment),
    "createdTo": ("created < ?", moment),
    "updatedFrom": ("updated >= ? + 1", moment),
    "updatedTo": ("updated < ?", moment),
}


def search(store: SandboxStore, query: Query) -> dict[str, Any]:
    """`GET /discount_coupons`: no lag, by ascending id."""
    coupons = Search(store, "coupons", query)
    if "code" in query:
        partial = store.switches.coupon_search == "partial"
        coupons.where("instr(code, ?) > 0" if partial else "code = ?", query["code"].upper())
    inclusive = store.switches.window_ends == "inclusive"
    coupons.bounds(window("created") if inclusive else _WITHOUT_ITS_ENDS)
    if "availability" in query:
        known = STATUSES if store.switches.status_search == "every" else WRITABLE_STATUSES
        wanted = one_of("availability", query["availability"], known)
        coupons.where(f"{_STATUS} in ({', '.join('?' * len(wanted))})", int(store.now()), *wanted)
    if "discount_type" in query:
        coupons.among("kind", one_of("discount_type", query["discount_type"], TYPES))
    rising = store.switches.coupons_sorted == "oldest_first"
    now = int(store.now())
    return coupons.answer("id" if rising else "id desc", lambda row: _show(row, now))


def find(store: SandboxStore, identifier: str) -> sqlite3.Row | None:
    """Find a coupon by id, then by code if the switches allow it."""
    named = by_code(store, identifier) if store.switches.coupon_by_code else None
    if not identifier.isdigit() or (named is not None and store.switches.digits_name_codes):
        return named
    return store.state.row("select * from coupons where id = ?", (identifier,)) or named


def by_code(store: SandboxStore, code: str) -> sqlite3.Row | None:
    """Return the coupon with this code, regardless of case."""
    return store.state.row("select * from coupons where code = ?", (code.upper(),))


def get(store: SandboxStore, identifier: str) -> dict[str, Any]:
    """`GET /discount_coupons/{identifier}`."""
    row = find(store, identifier)
    if row is None:
        raise _not_found()
    return show(store, row)


def create(store: SandboxStore, body: Any) -> dict[str, Any]:
    """`POST /discount_coupons`."""
    sent = checked(store, body)
    if "code" not in sent and store.switches.coupon_without_code == "generate":
        sent["code"] = secrets.token_hex(5).upper()
    for name in ("name", "code"):
        if not sent.get(name):
            raise fields.absent(f"DiscountCoupon.{name}")
    now = store.now()
    kept = {
        "discountType": "ABS",
        "status": "ACTIVE",
        "discount": 0,
        "launchDate": int(now),
        "usesLimit": "UNLIMITED",
        "applicationLimit": "UNLIMITED",
        "orderCount": 0,
        **sent,
    }
    check_kind(store, kept)
    try:
        identity = insert(store, kept, now)
    except sqlite3.IntegrityError as fault:
        raise _taken(store) from fault
    store.happened("discount_coupon.created", identity)
    return {"id": identity, "code": kept["code"]}


def insert(store: SandboxStore, kept: dict[str, Any], made: float) -> int:
    """Insert a coupon with the given dates and return its id."""
    done = store.state.run(
        "insert into coupons (code, created, updated, body, status, kind, expires)"
        " values (?, ?, ?, ?, ?, ?, ?)",
        (
            kept["code"].upper(), made, made, dump(kept), kept["status"], kept["discountType"],
            kept.get("expirationDate"),
        ),
    )  # fmt: skip
    return int(done.lastrowid or 0)


def update(store: SandboxStore, identifier: str, body: Any) -> dict[str, Any]:
    """`PUT /discount_coupons/{identifier}`: a merge; the code may change."""
    row = find(store, identifier)
    if row is None:
        if store.switches.put_unknown_coupon == 200:
            return {"updateCount": 0}
        raise _not_found()
    sent = checked(store, body)
    kept = {**offer(row), **sent}
    for name in ("expirationDate", "totalLimit", "catalogLimit", "shippingLimit"):
        if store.switches.null_clears and name in body and body[name] is None:
            kept.pop(name, None)
    check_kind(store, kept)
    _keep(store, row, kept)
    store.happened("discount_coupon.updated", row["id"])
    return {"updateCount": 1}


def delete(store: SandboxStore, identifier: str) -> dict[str, Any]:
    """`DELETE /discount_coupons/{identifier}`."""
    row = find(store, identifier)
    if row is None:
        if store.switches.delete_unknown_coupon == 404:
            raise _not_found()
        return {"deleteCount": 0}
    _delete(store, row)
    return {"deleteCount": 1}


def edit_in_admin(store: SandboxStore, code: str, changes: dict[str, Any]) -> None:
    """Change a coupon as its owner would in the admin. `changes` is like the body of a PUT."""
    row = by_code(store, code)
    if row is None:
        raise _not_found()
    kept = {**offer(row), **checked(store, changes, by_owner=True)}
    check_kind(store, kept)
    _keep(store, row, kept)
    store.happened("discount_coupon.updated", row["id"])


def delete_in_admin(store: SandboxStore, code: str) -> None:
    """Delete a coupon as its owner would in the admin."""
    row = by_code(store, code)
    if row is None:
        raise _not_found()
    _delete(store, row)


def _keep(store: SandboxStore, row: sqlite3.Row, kept: dict[str, Any]) -> None:
    try:
        store.state.run(
            "update coupons set code = ?, updated = ?, body = ?, status = ?, kind = ?, expires = ?"
            " where id = ?",
            (
                kept["code"].upper(), store.now(), dump(kept), kept["status"], kept["discountType"],
                kept.get("expirationDate"), row["id"],
            ),
        )  # fmt: skip
    except sqlite3.IntegrityError as fault:
        raise _taken(store) from fault


def _delete(store: SandboxStore, row: sqlite3.Row) -> None:
    store.state.run("delete from coupons where id = ?", (row["id"],))
    deleted.remember(store, "coupons", row["id"])
    store.happened("discount_coupon.deleted", row["id"])


def offer(row: sqlite3.Row) -> dict[str, Any]:
    """Return a coupon as it is stored: dates are UNIX seconds."""
    kept: dict[str, Any] = load(row["body"])
    return kept


def show(store: SandboxStore, row: sqlite3.Row) -> dict[str, Any]:
    """Return a coupon as answers show it; after its end it is shown as expired."""
    return _show(row, int(store.now()))


def _show(row: sqlite3.Row, now: int) -> dict[str, Any]:
    shown: dict[str, Any] = without_unset(offer(row))
    expires, status = row["expires"], row["status"]
    shown["id"] = row["id"]
    shown["status"] = "EXPIRED" if status == "ACTIVE" and expires is not None and expires < now else status
    shown["launchDate"] = out(shown["launchDate"])
    if expires is not None:
        shown["expirationDate"] = out(expires)
    shown["repeatCustomerOnly"] = shown["applicationLimit"] == "REPEAT_CUSTOMER_ONLY"
    shown["creationDate"] = out(row["created"])
    shown["updateDate"] = out(row["updated"])
    return shown


def used_once_more(store: SandboxStore, row: sqlite3.Row) -> None:
    """Count a use of the coupon by an order; a single-use one is used up."""
    kept = offer(row)
    kept["orderCount"] += 1
    if kept["usesLimit"] == "SINGLE":
        kept["status"] = "USEDUP"
    _count(store, row, kept)


def used_once_less(store: SandboxStore, row: sqlite3.Row) -> None:
    """Take back a use of the coupon by an order that was undone."""
    kept = offer(row)
    kept["orderCount"] = max(0, kept["orderCount"] - 1)
    if kept["status"] == "USEDUP":
        kept["status"] = "ACTIVE"
    _count(store, row, kept)


def _count(store: SandboxStore, row: sqlite3.Row, kept: dict[str, Any]) -> None:
    _keep(store, row, kept)
    if store.switches.coupon_use_sends_event:
        store.happened("discount_coupon.updated", row["id"])


def _not_found() -> ApiError:
    return ApiError(404, "Coupon is not found", "DISCOUNT_COUPON_NOT_FOUND")


def _taken(store: SandboxStore) -> ApiError:
    if not store.switches.conflict_body:
        return ApiError(409)
    return ApiError(409, "Coupon with the given code already exists", "CONSTRAINT_VIOLATION")
