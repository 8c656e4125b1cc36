"""What was deleted from the store since a moment. Source: docs.ecwid.com/api-reference, each subject's "deleted" page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from tillroll.ecwid.http.connection import Connection
from tillroll.ecwid.http.wire import Raw, date_in, maybe_whole, seconds_out, text


@dataclass(frozen=True, kw_only=True)
class Deletion:
    """An object that was deleted from the store."""

    id: str  # its public id, as text; empty: an order of which the store tells the number alone
    number: int | None  # the same as a number if it is one; of an order its own number, if the store tells it
    at: datetime | None


def deletions(connection: Connection, subject: str, since: datetime) -> Iterator[Deletion]:
    """Yield what was deleted since (`GET /{orders|products|coupons|customers|reviews}/deleted?from_date=…`).

    A deletion may come twice. Scopes: `read_store_profile` and the subject's read scope. Orders are told in one of two ways:
    `{id: number, orderId: public id or null}` or `{id: public id}` (dossier section 10.4).
    """
    rows = connection.every(
        f"/{subject}/deleted",
        {"from_date": seconds_out(since)},
        identity=lambda row: (str(row.get("id")), str(row.get("date"))),
    )
    for row in rows:
        yield _order(row) if subject == "orders" else _deletion(row)


def _deletion(row: Raw) -> Deletion:
    return Deletion(id=text(row.get("id")), number=maybe_whole(row.get("id")), at=date_in(row.get("date")))


def _order(row: Raw) -> Deletion:
    """Read the deletion of an order: a number is never its public id, which is a text even if it has digits alone."""
    told, public = row.get("id"), text(row.get("orderId"))
    if isinstance(told, str) and not public:
        return _deletion(row)
    return Deletion(id=public, number=maybe_whole(told), at=date_in(row.get("date")))
