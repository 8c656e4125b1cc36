"""Discount coupons: one a request, unique by code whatever its case (dossier section 1)."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from tillroll.sandbox.state import dump
from tillroll.sandbox.store import Store
from tillroll.sandbox.wire import ApiError, Page, Query, listing, moment, out, page, without_unset, wrong

TYPES = ("ABS", "PERCENT", "SHIPPING", "ABS_AND_SHIPPING", "PERCENT_AND_SHIPPING")
USES = ("UNLIMITED", "ONCEPERCUSTOMER", "SINGLE")
APPLICATIONS = ("UNLIMITED", "NEW_CUSTOMER_ONLY", "REPEAT_CUSTOMER_ONLY")
_WRITABLE_STATUS = ("ACTIVE", "PAUSED")
_LONGEST_CODE = 128


def search(store: Store, query: Query) -> dict[str, Any]:
    """`GET /discount_coupons`."""
    where, values = ["1 = 1"], list[Any]()
    if "code" in query:
        where.append("code = ?")
        values.append(query["code"].upper())
    for name, column, compare in (
        ("createdFrom", "created", ">="),
        ("createdTo", "created", "<="),
        ("updatedFrom", "updated", ">="),
        ("updatedTo", "updated", "<="),
    ):
        if name in query:
            where.append(f"cast({column} as integer) {compare} ?")
            values.append(moment(name, query[name]))
    condition = " and ".join(where)
    page_ = page(query, over=store.switches.limit_over_100)
    if {"availability", "discount_type"} & query.keys():
        return _filtered(store, query, condition, values, page_)
    total = store.state.value(f"select count(*) from coupons where {condition}", values)  # noqa: S608 - fixed texts
    rows = store.state.rows(
        f"select * from coupons where {condition} order by id limit ? offset ?",  # noqa: S608 - fixed texts
        [*values, page_.limit, page_.offset],
    )
    return listing(total, page_, [show(store, row) for row in rows])


def _filtered(store: Store, query: Query, condition: str, values: list[Any], page_: Page) -> dict[str, Any]:
    """By what is only known once a coupon is shown: its status moves with the clock."""
    rows = store.state.rows(f"select * from coupons where {condition} order by id", values)  # noqa: S608 - fixed texts
    found = [show(store, row) for row in rows]
    for name, key in (("availability", "status"), ("discount_type", "discountType")):
        if name in query:
            wanted = set(query[name].split(","))
            found = [coupon for coupon in found if coupon[key] in wanted]
    return listing(len(found), page_, found[page_.offset : page_.offset + page_.limit])


def find(store: Store, identifier: str) -> sqlite3.Row | None:
    """By id first, then by code."""
    found = store.state.row("select * from coupons where id = ?", (identifier,)) if identifier.isdigit() else None
    return found or store.state.row("select * from coupons where code = ?", (identifier.upper(),))


def get(store: Store, identifier: str) -> dict[str, Any]:
    """`GET /discount_coupons/{identifier}`."""
    row = find(store, identifier)
    if row is None:
        raise ApiError(404, "Coupon is not found", "DISCOUNT_COUPON_NOT_FOUND")
    return show(store, row)


def create(store: Store, body: Any) -> dict[str, Any]:
    """`POST /discount_coupons`."""
    fields = _checked(store, body)
    for name in ("name", "code"):
        if not fields.get(name):
            raise ApiError(400, f"Field DiscountCoupon.{name} is absent", "WRONG_PARAMETER")
    now = store.now()
    kept = {
        "discountType": "ABS",
        "status": "ACTIVE",
        "discount": 0,
        "launchDate": int(now),
        "usesLimit": "UNLIMITED",
        "applicationLimit": "UNLIMITED",
        "orderCount": 0,
        **fields,
    }
    if kept["discountType"] == "SHIPPING":
        kept.pop("catalogLimit", None)
    code = kept["code"]
    try:
        done = store.state.run(
            "insert into coupons (code, created, updated, body) values (?, ?, ?, ?)", (code.upper(), now, now, dump(kept))
        )
    except sqlite3.IntegrityError as fault:
        raise _taken(store) from fault
    store.touched("discountCoupons")
    return {"id": done.lastrowid, "code": code}


def update(store: Store, identifier: str, body: Any) -> dict[str, Any]:
    """`PUT /discount_coupons/{identifier}`: a merge; the code may change."""
    row = find(store, identifier)
    if row is None:
        if store.switches.put_unknown_coupon == 200:
            return {"updateCount": 0}
        raise ApiError(404, "Coupon is not found", "DISCOUNT_COUPON_NOT_FOUND")
    kept = {**json.loads(row["body"]), **_checked(store, body)}
    try:
        store.state.run(
            "update coupons set code = ?, updated = ?, body = ? where id = ?",
            (kept["code"].upper(), store.now(), dump(kept), row["id"]),
        )
    except sqlite3.IntegrityError as fault:
        raise _taken(store) from fault
    store.touched("discountCoupons")
    return {"updateCount": 1}


def delete(store: Store, identifier: str) -> dict[str, Any]:
    """`DELETE /discount_coupons/{identifier}`."""
    row = find(store, identifier)
    if row is None:
        if store.switches.delete_unknown_coupon == 404:
            raise ApiError(404, "Coupon is not found", "DISCOUNT_COUPON_NOT_FOUND")
        return {"deleteCount": 0}
    store.state.run("delete from coupons where id = ?", (row["id"],))
    store.touched("discountCoupons")
    return {"deleteCount": 1}


def show(store: Store, row: sqlite3.Row) -> dict[str, Any]:
    """A coupon as it is answered; it expires by being looked at."""
    kept = json.loads(row["body"])
    expires = kept.get("expirationDate")
    status = kept["status"]
    if status == "ACTIVE" and expires is not None and expires < store.now():
        status = "EXPIRED"
    return without_unset(
        {
            **kept,
            "id": row["id"],
            "status": status,
            "launchDate": out(kept.get("launchDate")),
            "expirationDate": out(expires),
            "repeatCustomerOnly": kept["applicationLimit"] == "REPEAT_CUSTOMER_ONLY",
            "creationDate": out(row["created"]),
            "updateDate": out(row["updated"]),
        }
    )


def used_once_more(store: Store, row: sqlite3.Row) -> None:
    """An order used the coupon: count it, and a single-use one is used up."""
    kept = json.loads(row["body"])
    kept["orderCount"] += 1
    if kept["usesLimit"] == "SINGLE":
        kept["status"] = "USEDUP"
    store.state.run("update coupons set body = ?, updated = ? where id = ?", (dump(kept), store.now(), row["id"]))


def _taken(store: Store) -> ApiError:
    if not store.switches.conflict_body:
        return ApiError(409)
    return ApiError(409, "Coupon with the given code already exists", "CONSTRAINT_VIOLATION")


def _checked(store: Store, body: Any) -> dict[str, Any]:
    """The fields a caller may write, checked; read-only and unknown ones are ignored."""
    if not isinstance(body, dict):
        raise ApiError(400, "Request body is not a JSON object", "WRONG_PARAMETER")
    fields: dict[str, Any] = {}
    for name in ("name", "code"):
        if body.get(name) is not None:
            if not isinstance(body[name], str) or len(body[name]) > (_LONGEST_CODE if name == "code" else 1024):
                raise wrong(name, "expected a text of reasonable length")
            fields[name] = body[name].upper() if name == "code" and store.switches.fold_codes else body[name]
    for name, choices in (
        ("discountType", TYPES),
        ("status", _WRITABLE_STATUS),
        ("usesLimit", USES),
        ("applicationLimit", APPLICATIONS),
    ):
        if body.get(name) is not None:
            if body[name] not in choices:
                raise wrong(name, f"expected one of {', '.join(repr(one) for one in choices)}")
            fields[name] = body[name]
    for name in ("discount", "totalLimit"):
        if body.get(name) is not None:
            if isinstance(body[name], bool) or not isinstance(body[name], int | float) or body[name] < 0:
                raise wrong(name, "not a number or a number out of range")
            fields[name] = body[name]
    for name in ("launchDate", "expirationDate"):
        if body.get(name) is not None:
            fields[name] = moment(name, body[name])
    for name in ("catalogLimit", "shippingLimit"):
        if isinstance(body.get(name), dict):
            fields[name] = body[name]
    if body.get("repeatCustomerOnly") is True and "applicationLimit" not in fields:
        fields["applicationLimit"] = "REPEAT_CUSTOMER_ONLY"
    return fields
