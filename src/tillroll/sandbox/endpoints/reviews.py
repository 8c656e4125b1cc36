"""Reading, publishing and deleting product reviews (dossier sections 5.4, 9.1, 10.4)."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from tillroll.sandbox.endpoints import deleted
from tillroll.sandbox.endpoints.searches import Search
from tillroll.sandbox.formats import fields
from tillroll.sandbox.formats.wire import ApiError, Query, number, one_of, out, whole_numbers, window
from tillroll.sandbox.state.database import dump
from tillroll.sandbox.state.store import SandboxStore

STATUSES = ("MODERATED", "PUBLISHED")
_BOUNDS = {**window("created"), "rating": ("rating = ?", number)}
_LISTS = {"reviewId": "id", "productId": "product", "customerId": "customer"}


def search(store: SandboxStore, query: Query) -> dict[str, Any]:
    """`GET /reviews`: newest first."""
    reviews = Search(store, "reviews", query)
    reviews.bounds(_BOUNDS)
    for name, column in _LISTS.items():
        if name in query:
            reviews.among(column, whole_numbers(name, query[name]))
    if "orderId" in query:
        order = "select number from orders where id = ? or cast(number as text) = ?"
        reviews.where(f"number in ({order})", query["orderId"], query["orderId"], reads=["orders"])
    if "status" in query:
        reviews.among("status", one_of("status", query["status"], STATUSES))
    if "searchKeyword" in query:
        keyword = query["searchKeyword"].casefold()
        reviews.where("instr(folded(json_extract(body, '$.review')), ?) > 0", keyword)
    return reviews.answer("created desc, id desc", _show)


def get(store: SandboxStore, identifier: str) -> dict[str, Any]:
    """`GET /reviews/{id}`."""
    return _show(_row(store, identifier))


def add(store: SandboxStore, *, order: sqlite3.Row, product: int, rating: int, text: str, made: float) -> int:
    """Add a buyer's review of what they ordered. It is `moderated` until it is published."""
    review = store.state.next_id("reviews")
    name = str(store.state.value("select name from customers where id = ?", (order["customer"],)) or "")
    about = store.state.value("select json_extract(body, '$.name') from products where id = ?", (product,))
    body = {
        "productName": about, "orderNumber": order["id"], "review": text,
        "reviewerInfo": {"name": name, "email": order["email"]},
    }  # fmt: skip
    store.state.run(
        "insert into reviews values (?, ?, ?, ?, 'MODERATED', ?, ?, ?, ?)",
        (review, product, order["number"], order["customer"], rating, made, made, dump(body)),
    )
    _tell(store, "review.created", _row(store, str(review)))
    return review


def update(store: SandboxStore, identifier: str, body: Any) -> dict[str, Any]:
    """`PUT /reviews/{id}`: change its status."""
    row = _row(store, identifier)
    sent = fields.read(body, {"status": fields.one_of(*STATUSES)})
    if "status" not in sent:
        raise fields.absent("Review.status")
    changed = (sent["status"], store.now(), row["id"])
    store.state.run("update reviews set status = ?, updated = ? where id = ?", changed)
    _tell(store, "review.updated", _row(store, identifier))
    return {"updateCount": 1}


def delete(store: SandboxStore, identifier: str) -> dict[str, Any]:
    """`DELETE /reviews/{id}`."""
    row = _row(store, identifier)
    store.state.run("delete from reviews where id = ?", (row["id"],))
    deleted.remember(store, "reviews", row["id"])
    _tell(store, "review.deleted", row)
    return {"deleteCount": 1}


def _tell(store: SandboxStore, event: str, row: sqlite3.Row) -> None:
    data = {"productId": str(row["product"]), "orderId": str(row["number"]), "status": row["status"]}
    store.happened(event, row["id"], data)


def _row(store: SandboxStore, identifier: str) -> sqlite3.Row:
    row = (
        store.state.row("select * from reviews where id = ?", (identifier,)) if identifier.isdigit() else None
    )
    if row is None:
        raise ApiError(404, f"Review #{identifier} not found")
    return row


def _show(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "productId": row["product"],
        "customerId": row["customer"],
        "orderId": row["number"],
        "status": row["status"],
        "rating": row["rating"],
        **json.loads(row["body"]),
        "createDate": out(row["created"]),
        "updateDate": out(row["updated"]),
        "createTimestamp": int(row["created"]),
        "updateTimestamp": int(row["updated"]),
    }
