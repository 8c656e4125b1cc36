"""What every search has in common: conditions out of a query, a page, a count, and an index that lags."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tillroll.sandbox.store import Store
from tillroll.sandbox.wire import Query, listing, page

Bounds = Mapping[str, tuple[str, Callable[[str, str], Any]]]
"""Parameter: (condition on one value, how its text is read)."""


class Search:
    """The conditions on one table."""

    def __init__(self, store: Store, table: str, query: Query) -> None:
        self.store, self.query, self._table = store, query, table
        self._clauses: list[str] = []
        self._values: list[Any] = []
        self._tables = [table]

    def where(self, clause: str, *values: Any, reads: Sequence[str] = ()) -> None:
        """One more condition; `reads` names the other tables it looks into."""
        self._clauses.append(clause)
        self._values += values
        self._tables += reads

    def among(self, expression: str, wanted: Sequence[Any]) -> None:
        """The expression is one of these."""
        self.where(f"{expression} in ({', '.join('?' * len(wanted))})", *wanted)

    def bounds(self, known: Bounds) -> None:
        """Those of the known parameters that the query has."""
        for name, (clause, parse) in known.items():
            if name in self.query:
                self.where(clause, parse(name, self.query[name]))

    def indexed(self, created: str) -> None:
        """What the search index knows by now.

        A new row is not there yet. A changed one is found all along, but not by its new update date.
        """
        now = self.store.now()
        latest = self.store.state.value(f"select max(searchable) from {self._table}")  # noqa: S608 - fixed texts
        if latest is None or latest <= now:
            return
        by_update = "updatedFrom" in self.query or "updatedTo" in self.query
        self.where("searchable <= ?" if by_update else f"(searchable <= ? or {created} < updated)", now)

    def answer(
        self, order: str, show: Callable[[sqlite3.Row], dict[str, Any]], *, columns: str = "*"
    ) -> dict[str, Any]:
        """The page that was asked for."""
        return self.answer_rows(order, lambda rows: [show(row) for row in rows], columns=columns)

    def answer_rows(
        self,
        order: str,
        show: Callable[[list[sqlite3.Row]], list[dict[str, Any]]],
        *,
        columns: str = "*",
    ) -> dict[str, Any]:
        """The page that was asked for, its rows shown together."""
        page_ = page(self.query, over=self.store.switches.limit_over_100)
        where = f" where {' and '.join(self._clauses)}" if self._clauses else ""
        total = self.store.state.count(
            f"select count(*) from {self._table}{where}",  # noqa: S608 - fixed texts
            self._values,
            tables=self._tables,
        )
        rows = self.store.state.rows(
            f"select {columns} from {self._table}{where} order by {order} limit ? offset ?",  # noqa: S608
            [*self._values, page_.limit, page_.offset],
        )
        return listing(total, page_, show(rows))
