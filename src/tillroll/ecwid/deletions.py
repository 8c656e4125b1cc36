"""What was deleted from the store since a moment. Source: docs.ecwid.com/api-reference, the "deleted" page of each area."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from tillroll.ecwid.connection import Connection
from tillroll.ecwid.wire import date_in, seconds_out, text


@dataclass(frozen=True, kw_only=True)
class Deletion:
    """Something that is no longer in the store."""

    id: str  # as text, since an order's id is one
    at: datetime | None


def deletions(connection: Connection, area: str, since: datetime) -> Iterator[Deletion]:
    """`GET /{orders|products|coupons|customers|reviews}/deleted?from_date=…`, a row for each; may come twice.

    Scopes `read_store_profile` and the area's read scope.
    """
    rows = connection.every(
        f"/{area}/deleted",
        {"from_date": seconds_out(since)},
        identity=lambda row: (row.get("id"), row.get("date")),
    )
    for row in rows:
        yield Deletion(id=text(row.get("id")), at=date_in(row.get("date")))
