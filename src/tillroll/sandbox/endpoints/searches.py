"""What every search shares: conditions from a query, a page, a total, and an index that lags."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tillroll.sandbox.formats.wire import Query, listing, page
from tillroll.sandbox.state.store import SandboxStore

Bounds = Mapping[str, tuple[str, Callable[[str, str], Any]]]
"""Parameter → (condition on one value, function that parses its text)."""


class Search:
    """The conditions of a search on one table."""

    def __init__(self, store: SandboxStore, table: str, query: Query) -> None:
        self.store, self.query, self._table = store, query, table
        self._clauses: list[str] = []
        self._values: list[Any] = []
        self._tables = [table]
        self._but: tuple[str, str] | None = None
        self._late: tuple[str, float] | None = None

    def where(self, clause: str, *values: Any, reads: Sequence[str] = ()) -> None:
        """Add a condition; `reads` names the other tables it needs."""
        self._clauses.append(clause)
        self._values += values
        self._tables += reads

    def reads(self, *tables: str) -> None:
        """Declare further tables that the answer is made from."""
        self._tables += tables

    def among(self, expression: str, wanted: Sequence[Any]) -> None:
        """Add the condition that an expression is one of these values."""
        self.where(f"{expression} in ({', '.join('?' * len(wanted))})", *wanted)

    def bounds(self, parameters: Bounds) -> None:
        """Add the conditions of those known parameters that the query has."""
        for name, (clause, parse) in parameters.items():
            if name in self.query:
                self.where(clause, parse(name, self.query[name]))

    def all_but(self, column: str, value: str) -> None:
        """Exclude the few rows with this value; written so that SQLite uses the partial index."""
        self._but = (column, value)
        self.where(f"{column} != '{value}'")

    def indexed(self, created: str) -> None:
        """Exclude what the search index does not show yet.

        A new row is missing for a while. A changed row is found, but for a while not by its update date.
        """
        now = self.store.now()
        latest = self.store.state.value(f"select max(searchable) from {self._table}")  # noqa: S608 - fixed texts
        if latest is None or latest <= now:
            return
        by_update = "updatedFrom" in self.query or "updatedTo" in self.query
        self._late = ("searchable > ?" if by_update else f"searchable > ? and {created} >= updated", now)

    def rows(self) -> list[sqlite3.Row]:
        """Return all rows that match, without pages and without the index's lag."""
        where = f" where {' and '.join(self._clauses)}" if self._clauses else ""
        return self.store.state.rows(f"select * from {self._table}{where}", self._values)  # noqa: S608 - fixed texts

    def answer(
        self,
        order: str,
        show: Callable[[sqlite3.Row], dict[str, Any]],
        *,
        columns: str = "*",
        remember: bool = False,
    ) -> dict[str, Any]:
        """Return the requested page. `remember`: cache it, if it depends on the tables alone."""
        return self.answer_rows(
            order, lambda rows: [show(row) for row in rows], columns=columns, remember=remember
        )

    def answer_rows(
        self,
        order: str,
        show: Callable[[list[sqlite3.Row]], list[dict[str, Any]]],
        *,
        columns: str = "*",
        remember: bool = False,
    ) -> dict[str, Any]:
        """Return the requested page; its rows are converted together."""
        page_ = page(self.query, over=self.store.switches.limit_over_100)
        clauses, values = list(self._clauses), list(self._values)
        if self._late is not None:
            clauses.append(f"not ({self._late[0]})")
            values.append(self._late[1])
        where = f" where {' and '.join(clauses)}" if clauses else ""
        sql = f"select {columns} from {self._table}{where} order by {order} limit ? offset ?"  # noqa: S608
        values += [page_.limit, page_.offset]
        state = self.store.state

        def make() -> list[dict[str, Any]]:
            return show(state.rows(sql, values))

        items = state.page(sql, values, make, tables=self._tables) if remember else make()
        return listing(self._total(), page_, items)

    def _total(self) -> int:
        """Return how many rows match: all in the tables, less the few that the index does not show yet."""
        if self._but is not None and len(self._clauses) == 1:
            column, value = self._but
            total = self._count([], []) - self._count([f"{column} = ?"], [value])
        else:
            total = self._count(self._clauses, self._values)
        if self._late is None:
            return total
        clause, now = self._late
        late = " and ".join([clause, *self._clauses])
        counted = self.store.state.value(
            f"select count(*) from {self._table} indexed by {self._table}_searchable where {late}",  # noqa: S608
            [now, *self._values],
        )
        return total - int(counted)

    def _count(self, clauses: list[str], values: list[Any]) -> int:
        where = f" where {' and '.join(clauses)}" if clauses else ""
        return self.store.state.count(
            f"select count(*) from {self._table}{where}",  # noqa: S608 - fixed texts
            values,
            tables=self._tables,
        )
