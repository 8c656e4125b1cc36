"""What buyers said of products. Source: docs.ecwid.com/api-reference/rest-api/products/product-reviews."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tillroll.ecwid.connection import Connection
from tillroll.ecwid.deletions import Deletion, deletions
from tillroll.ecwid.paging import Place
from tillroll.ecwid.wire import Raw, date_in, maybe_whole, part, seconds_out, text


@dataclass(frozen=True, kw_only=True)
class Review:
    """One review. Its text stays in the store: nothing here needs it."""

    review_id: int
    product_id: int | None
    customer_id: int | None
    order_id: str
    email: str
    rating: int  # stars, 1 to 5
    published: bool  # False: waits for the owner
    created_at: datetime | None
    updated_at: datetime | None


class Reviews:
    """The store's reviews. Errors: `errors.py`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def every(self, *, updated_from: datetime | None = None, place: Place | None = None) -> Iterator[Review]:
        """`GET /reviews`: all of them, or those changed since, oldest first. Scope `read_reviews`."""
        query: dict[str, Any] = {"sortBy": "DATE_CREATED_ASC"}
        if updated_from:
            query["updatedFrom"] = seconds_out(updated_from)
        rows = self._connection.every("/reviews", query, identity=lambda row: row["id"], place=place)
        yield from map(_review, rows)

    def get(self, review_id: int) -> Review:
        """`GET /reviews/{reviewId}`. `StoreSaysNotFound` when it is gone."""
        return _review(self._connection.read(f"/reviews/{review_id}"))

    def deleted(self, since: datetime) -> Iterator[Deletion]:
        """`GET /reviews/deleted?from_date=…`: ids of reviews deleted since."""
        return deletions(self._connection, "reviews", since)


def _review(raw: Raw) -> Review:
    return Review(
        review_id=int(raw["id"]),
        product_id=maybe_whole(raw.get("productId")),
        customer_id=maybe_whole(raw.get("customerId")),
        order_id=text(raw.get("orderId")),
        email=text(part(raw, "reviewerInfo").get("email")),
        rating=maybe_whole(raw.get("rating")) or 0,
        published=text(raw.get("status")).lower() == "published",
        created_at=date_in(raw.get("createDate")),
        updated_at=date_in(raw.get("updateDate")),
    )
