"""Reviews of products. Source: docs.ecwid.com/api-reference/rest-api/products/product-reviews."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tillroll.campaign.text.clean import CleanText
from tillroll.ecwid.endpoints.deletions import Deletion, deletions
from tillroll.ecwid.endpoints.resource import Resource
from tillroll.ecwid.endpoints.rows import (
    Keys,
    Tell,
    identity_of,
    log_unread,
    read_row,
    read_rows,
    required_number,
)
from tillroll.ecwid.http.paging import ListPosition
from tillroll.ecwid.http.wire import Raw, count, date_in, maybe_whole, part, seconds_out, text


@dataclass(frozen=True, kw_only=True)
class Review:
    """One review. Its text is not read, since nothing needs it."""

    review_id: int
    product_id: int | None
    customer_id: int | None
    order_id: CleanText
    email: CleanText
    rating: int  # stars, 1 to 5
    published: bool  # False: awaits the owner's decision
    created_at: datetime | None
    updated_at: datetime | None


class Reviews(Resource):
    """The store's reviews. Errors: `http/errors.py`."""

    def every(
        self,
        *,
        updated_from: datetime | None = None,
        place: ListPosition | None = None,
        tell: Tell = log_unread,
    ) -> Iterator[Review]:
        """Yield all reviews or those changed since, oldest first, from `place` on (`GET /reviews`). Scope `read_reviews`."""
        query: dict[str, Any] = {"sortBy": "DATE_CREATED_ASC"}
        if updated_from:
            query["updatedFrom"] = seconds_out(updated_from)
        rows = self._connection.every("/reviews", query, identity=identity_of("id"), place=place)
        yield from read_rows(rows, _review, "reviews", tell=tell)

    def get(self, review_id: int, *, tell: Tell = log_unread) -> Review:
        """Return one review (`GET /reviews/{reviewId}`). Raises `StoreSaysNotFound`, `UnreadableRow`."""
        return read_row(self._connection.read(f"/reviews/{review_id}"), _review, "reviews", tell=tell)

    def deleted(self, since: datetime) -> Iterator[Deletion]:
        """Yield the ids of reviews deleted since (`GET /reviews/deleted?from_date=…`)."""
        return deletions(self._connection, "reviews", since)


def _review(raw: Raw, keys: Keys) -> Review:
    return Review(
        review_id=required_number(raw.get("id")),
        product_id=maybe_whole(raw.get("productId")),
        customer_id=maybe_whole(raw.get("customerId")),
        order_id=keys.key(raw.get("orderId"), "order_id"),
        email=keys.address(part(raw, "reviewerInfo").get("email")),
        rating=count(raw.get("rating")),
        published=text(raw.get("status")).lower() == "published",
        created_at=date_in(raw.get("createDate")),
        updated_at=date_in(raw.get("updateDate")),
    )
