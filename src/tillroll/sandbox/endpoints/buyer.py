"""What buyers do besides buying: abandon carts and write reviews."""

from __future__ import annotations

from typing import Any

from tillroll.sandbox.endpoints import carts, reviews
from tillroll.sandbox.formats.wire import ApiError
from tillroll.sandbox.state.store import SandboxStore


def leave_cart(store: SandboxStore, body: Any) -> dict[str, Any]:
    """`POST /sandbox/cart`: fill a cart and abandon it (`carts.leave`)."""
    return carts.leave(store, body)


def review(store: SandboxStore, body: dict[str, Any]) -> dict[str, Any]:
    """`POST /sandbox/review`: `{"email", "sku", "rating", "text"}` about a product they bought. It is published by REST."""
    email, sku, rating = str(body.get("email") or ""), str(body.get("sku") or ""), body.get("rating")
    if type(rating) is not int or not 1 <= rating <= 5:
        raise ApiError(400, "rating is a whole number from 1 to 5", "WRONG_PARAMETER")
    product = store.state.value("select id from products where sku = ?", (sku,))
    order = store.state.row(
        "select * from orders where email = ? and status = 'PAID' and exists (select 1 from json_each(body, '$.items')"
        " where json_extract(json_each.value, '$.sku') = ?) order by created desc limit 1",
        (email.lower(), sku),
    )
    if product is None or order is None:
        raise ApiError(422, "nobody reviews what they didn't buy")
    number = reviews.add(
        store,
        order=order,
        product=int(product),
        rating=rating,
        text=str(body.get("text") or ""),
        made=store.now(),
    )
    return {"reviewId": number}
