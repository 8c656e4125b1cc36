"""Conditions on large sets of ids, written so that each database is fast with them.

SQLite fills a set once and probes it (`IN`); for a joined set it may not use an index. PostgreSQL hashes a joined set; an `IN`
that it can't turn into a join it may evaluate again for every row.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa


@dataclass(kw_only=True)
class Sets:
    """The sets of ids of one query; each is computed once."""

    of: sa.ColumnElement[int]  # the column whose values may be in the sets
    joined: bool  # on PostgreSQL the sets are joined
    _subqueries: dict[Hashable, sa.Subquery] = field(default_factory=dict)

    @classmethod
    def on(cls, dialect: str, of: sa.ColumnElement[int]) -> Sets:
        """Return the sets for a query on a database of this dialect."""
        return cls(of=of, joined=dialect == "postgresql")

    def among(self, key: Hashable, ids: sa.Select[Any]) -> sa.ColumnElement[bool]:
        """Return the condition that the value is among the ids, a query of one column. Equal keys mean equal sets."""
        if not self.joined:
            return self.of.in_(ids)
        if key not in self._subqueries:
            self._subqueries[key] = ids.distinct().subquery(f"set_{len(self._subqueries) + 1}")
        return next(iter(self._subqueries[key].c)).is_not(None)

    def joined_to(self, table: sa.FromClause) -> sa.FromClause:
        """Return what the query selects from. Call it after the last `among`."""
        source = table
        for ids in self._subqueries.values():
            source = source.outerjoin(ids, next(iter(ids.c)) == self.of)
        return source
