"""What every search has in common: conditions out of a query, a page, a count, and an index that lags."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tillroll.sandbox.memory.store import Store
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
        self._but: tuple[str, str] | None = None
        self._late: tuple[str, float] | None = None

    def where(self, clause: str, *values: Any, reads: Sequence[str] = ()) -> None:
        """One more condition; `reads` names the other tables it looks into."""
        self._clauses.append(clause)
        self._values += values
        self._tables += reads

    def reads(self, *tables: str) -> None:
        """What is shown comes of these other tables too."""
        self._tables += tables

    def among(self, expression: str, wanted: Sequence[Any]) -> None:
        """The expression is one of these."""
        self.where(f"{expression} in ({', '.join('?' * len(wanted))})", *wanted)

    def bounds(self, known: Bounds) -> None:
        """Those of the known parameters that the query has."""
        for name, (clause, parse) in known.items():
            if name in self.query:
                self.where(clause, parse(name, self.query[name]))

    def all_but(self, column: str, value: str) -> None:
        """Every row but the few that have this value: a word of ours, so that a partial index is found."""
        self._but = (column, value)
        self.where(f"{column} != '{value}'")

    def indexed(self, created: str) -> None:
        """What the search index knows by now.

        A new row is not there yet. A changed one is found all along, but not by its new update date.
        """
        now = self.store.now()
        latest = self.store.state.value(f"select max(searchable) from {self._table}")  # noqa: S608 - fixed texts
        if latest is None or latest <= now:
            return
        by_update = "updatedFrom" in self.query or "updatedTo" in self.query
        self._late = ("searchable > ?" if by_update else f"searchable > ? and {created} >= updated", now)

    def answer(
        self,
        order: str,
        show: Callable[[sqlite3.Row], dict[str, Any]],
        *,
        columns: str = "*",
        remember: bool = False,
    ) -> dict[str, Any]:
        """The page that was asked for; `remember` it where what is shown depends on the tables alone."""
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
        """The page that was asked for, its rows shown together."""
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
        """How many match: all that do by the tables, less the few that the index doesn't know yet."""
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
