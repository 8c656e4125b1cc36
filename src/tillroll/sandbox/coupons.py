"""Discount coupons: one a request, unique by code whatever its case (dossier section 1)."""

from __future__ import annotations

import json
import secrets
import sqlite3
from typing import Any

from tillroll.sandbox.state import dump
from tillroll.sandbox.store import Store
from tillroll.sandbox.wire import ApiError, Query, listing, moment, out, page, without_unset, wrong

TYPES = ("ABS", "PERCENT", "SHIPPING", "ABS_AND_SHIPPING", "PERCENT_AND_SHIPPING")
USES = ("UNLIMITED", "ONCEPERCUSTOMER", "SINGLE")
APPLICATIONS = ("UNLIMITED", "NEW_CUSTOMER_ONLY", "REPEAT_CUSTOMER_ONLY")
STATUSES = ("ACTIVE", "PAUSED", "EXPIRED", "USEDUP")
_WRITABLE_STATUS = ("ACTIVE", "PAUSED")
_STATUS = (
    "case when json_extract(body, '$.status') = 'ACTIVE' and json_extract(body, '$.expirationDate') < ?"
    " then 'EXPIRED' else json_extract(body, '$.status') end"
)
"""The status a coupon is shown with: it expires by being looked at."""
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
    for name, expression, allowed in (
        ("availability", _STATUS, STATUSES),
        ("discount_type", "json_extract(body, '$.discountType')", TYPES),
    ):
        if name in query:
            wanted = query[name].split(",")
            if not set(wanted) <= set(allowed):
                raise wrong(name, f"expected one of {', '.join(repr(one) for one in allowed)}")
            where.append(f"{expression} in ({', '.join('?' * len(wanted))})")
            values += [store.now(), *wanted] if name == "availability" else wanted
    condition = " and ".join(where)
    page_ = page(query, over=store.switches.limit_over_100)
    total = store.state.value(f"select count(*) from coupons where {condition}", values)  # noqa: S608 - fixed texts
    rows = store.state.rows(
        f"select * from coupons where {condition} order by id limit ? offset ?",  # noqa: S608 - fixed texts
        [*values, page_.limit, page_.offset],
    )
    return listing(total, page_, [show(store, row) for row in rows])


def find(store: Store, identifier: str) -> sqlite3.Row | None:
    """By id first, then by code (if the switch lets it)."""
    found = (
        store.state.row("select * from coupons where id = ?", (identifier,)) if identifier.isdigit() else None
    )
    return found or (by_code(store, identifier) if store.switches.coupon_by_code else None)


def by_code(store: Store, code: str) -> sqlite3.Row | None:
    """The coupon with this code, in whatever case it was typed."""
    return store.state.row("select * from coupons where code = ?", (code.upper(),))


def get(store: Store, identifier: str) -> dict[str, Any]:
    """`GET /discount_coupons/{identifier}`."""
    row = find(store, identifier)
    if row is None:
        raise ApiError(404, "Coupon is not found", "DISCOUNT_COUPON_NOT_FOUND")
    return show(store, row)


def create(store: Store, body: Any) -> dict[str, Any]:
    """`POST /discount_coupons`."""
    fields = _checked(store, body)
    if "code" not in fields and store.switches.coupon_without_code == "generate":
        fields["code"] = secrets.token_hex(5).upper()
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
    _check_kind(store, kept)
    code = kept["code"]
    try:
        done = store.state.run(
            "insert into coupons (code, created, updated, body) values (?, ?, ?, ?)",
            (code.upper(), now, now, dump(kept)),
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
    _check_kind(store, kept)
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
    store.state.run(
        "update coupons set body = ?, updated = ? where id = ?", (dump(kept), store.now(), row["id"])
    )


def _taken(store: Store) -> ApiError:
    if not store.switches.conflict_body:
        return ApiError(409)
    return ApiError(409, "Coupon with the given code already exists", "CONSTRAINT_VIOLATION")


def _checked(store: Store, body: Any) -> dict[str, Any]:
    """The fields a caller may write, checked; read-only and unknown ones are ignored."""
    if not isinstance(body, dict):
        raise ApiError(400, "Request body is not a JSON object", "WRONG_PARAMETER")
    sent = {name: value for name, value in body.items() if value is not None}
    fields: dict[str, Any] = {}
    if "name" in sent:
        fields["name"] = _text("name", sent["name"], most=1024)
    if "code" in sent:
        fields["code"] = _code(store, sent["code"])
    statuses = STATUSES if store.switches.store_statuses_sent == "accept" else _WRITABLE_STATUS
    for name, choices in (
        ("discountType", TYPES),
        ("status", statuses),
        ("usesLimit", USES),
        ("applicationLimit", APPLICATIONS),
    ):
        if name in sent:
            if sent[name] not in choices:
                raise wrong(name, f"expected one of {', '.join(repr(one) for one in choices)}")
            fields[name] = sent[name]
    for name in ("discount", "totalLimit"):
        if name in sent:
            if isinstance(sent[name], bool) or not isinstance(sent[name], int | float) or sent[name] < 0:
                raise wrong(name, "not a number or a number out of range")
            fields[name] = sent[name]
    for name in ("launchDate", "expirationDate"):
        if name in sent:
            fields[name] = moment(name, sent[name])
    if isinstance(sent.get("catalogLimit"), dict):
        fields["catalogLimit"] = _catalog_limit(store, sent["catalogLimit"])
    if isinstance(sent.get("shippingLimit"), dict):
        fields["shippingLimit"] = sent["shippingLimit"]
    if sent.get("repeatCustomerOnly") is True and "applicationLimit" not in fields:
        fields["applicationLimit"] = "REPEAT_CUSTOMER_ONLY"
    return fields


def _text(name: str, raw: Any, *, most: int) -> str:
    if not isinstance(raw, str) or len(raw) > most:
        raise wrong(name, "expected a text of reasonable length")
    return raw


def _code(store: Store, raw: Any) -> str:
    if isinstance(raw, str) and store.switches.long_code == "truncate":
        raw = raw[:_LONGEST_CODE]
    code = _text("code", raw, most=_LONGEST_CODE)
    return code.upper() if store.switches.fold_codes else code


def _catalog_limit(store: Store, limit: dict[str, Any]) -> dict[str, Any] | None:
    """Only ids that exist; 0 is the store's front page. Nothing left: no limit at all."""
    kept: dict[str, list[int]] = {}
    for table in ("products", "categories"):
        ids = limit.get(table) or []
        if not isinstance(ids, list) or not all(type(one) is int for one in ids):
            raise wrong(f"catalogLimit.{table}", "expected a list of numbers")
        known = {row["id"] for row in store.state.rows(f"select id from {table}")}  # noqa: S608 - fixed texts
        kept[table] = [one for one in ids if one in known or (one == 0 and table == "categories")]
        if len(kept[table]) < len(ids) and store.switches.bad_catalog_limit == "refuse":
            raise wrong(f"catalogLimit.{table}", "some of these do not exist")
    return kept if any(kept.values()) else None


def _check_kind(store: Store, kept: dict[str, Any]) -> None:
    """What only the whole coupon shows: a limit that doesn't fit its type, a discount beyond all."""
    unfit = kept["discountType"] == "SHIPPING" and kept.pop("catalogLimit", None)
    if unfit and store.switches.bad_catalog_limit == "refuse":
        raise wrong("catalogLimit", "not for a SHIPPING coupon")
    over = kept["discountType"].startswith("PERCENT") and kept["discount"] > 100
    if over and store.switches.percent_over_100 == "refuse":
        raise wrong("discount", "over 100 percent")
