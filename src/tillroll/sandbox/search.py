"""A search as SQL: conditions, what the lagging index can see, and one page of the answer."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable, Sequence
from typing import Any

from tillroll.sandbox.call import Call
from tillroll.sandbox.refusal import wrong_parameter

PAGE = 100
"""Both the default and the most a list gives."""


class Where:
    """Conditions, all of which must hold, with their values. Every search starts inside one store."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._parts = ["store_id = ?"]
        self.values: list[Any] = [call.store_id]

    @property
    def sql(self) -> str:
        return " AND ".join(self._parts)

    def add(self, sql: str, *values: Any) -> None:
        """Hold this too, unless a value is None: an absent parameter asks for nothing."""
        if None not in values:
            self._parts.append(sql)
            self.values.extend(values)

    def any_of(self, column: str, values: Sequence[Any]) -> None:
        """Hold for one of these, unless there are none."""
        if values:
            self._parts.append(f"{column} IN ({', '.join('?' * len(values))})")
            self.values.extend(values)

    def between(self, column: str, start: str, end: str) -> None:
        """Hold the window two date parameters give, both ends included."""
        self.add(f"{column} >= ?", self._call.query.moment(start))
        self.add(f"{column} <= ?", self._call.query.moment(end))

    def indexed(self) -> None:
        """Only what the search index has seen; a row changed lately is still known by its former update date."""
        now = self._call.now.timestamp()
        self.add("(searchable_at <= ? OR stale_at IS NOT NULL)", now)
        for parameter, sign in (("updatedFrom", ">="), ("updatedTo", "<=")):
            bound = self._call.query.moment(parameter)
            known = "CASE WHEN searchable_at <= ? THEN updated_at ELSE stale_at END"
            self.add(f"{known} {sign} ?", now, bound)


def page(
    call: Call, *, table: str, where: Where, order: str, show: Callable[[sqlite3.Row], dict[str, Any]]
) -> dict[str, Any]:
    """One page: `total` of all matches, and `count` items from `offset`."""
    offset, limit = call.query.whole("offset") or 0, _limit(call)
    total = call.db.execute(f"SELECT count(*) FROM {table} WHERE {where.sql}", where.values).fetchone()[0]
    select = f"SELECT * FROM {table} WHERE {where.sql} ORDER BY {order} LIMIT ? OFFSET ?"
    items = [show(row) for row in call.db.execute(select, [*where.values, limit, min(offset, 2**62)])]
    return {"total": total, "count": len(items), "offset": offset, "limit": limit, "items": items}


def _limit(call: Call) -> int:
    limit = call.query.whole("limit")
    if limit is None:
        return PAGE
    if limit > PAGE and call.switches.limit_over_100 == "refuse":
        raise wrong_parameter("Wrong numeric parameter 'limit' value: not a number or a number out of range")
    return min(limit, PAGE)


def searchable_at(call: Call, kind: str, identity: int) -> float:
    """When the index will have seen a write made now: some seconds, the same for the same write of the same store."""
    least, most = call.switches.index_lag
    seed = call.db.execute("SELECT seed FROM stores WHERE id = ?", (call.store_id,)).fetchone()[0]
    share = zlib.crc32(f"{seed}/{kind}/{identity}/{call.at}".encode()) / 2**32
    return call.now.timestamp() + least + (most - least) * share
