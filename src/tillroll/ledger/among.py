"""Sets of ids that a long query asks about: who is among them, as each database does it fast however large they are.

SQLite fills a set once and probes it (`IN`); it may not think of an index for one that is joined. PostgreSQL hashes one that is
joined; an `IN` that it can't turn into a join it may read again for every row.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa


@dataclass(kw_only=True)
class Sets:
    """The sets that one query asks about; each is worked out once."""

    of: sa.ColumnElement[int]  # the column whose values may be among them
    joined: bool  # as PostgreSQL likes it
    _found: dict[Hashable, sa.Subquery] = field(default_factory=dict)

    @classmethod
    def on(cls, dialect: str, of: sa.ColumnElement[int]) -> Sets:
        """Sets for a query on a database of this dialect."""
        return cls(of=of, joined=dialect == "postgresql")

    def among(self, key: Hashable, ids: sa.Select[Any]) -> sa.ColumnElement[bool]:
        """Whether the value is among the ids, a query of one column; equal keys are equal sets."""
        if not self.joined:
            return self.of.in_(ids)
        if key not in self._found:
            self._found[key] = ids.distinct().subquery(f"set_{len(self._found) + 1}")
        return next(iter(self._found[key].c)).is_not(None)

    def joined_to(self, table: sa.FromClause) -> sa.FromClause:
        """What the query reads from, once everything is asked."""
        found = table
        for one in self._found.values():
            found = found.outerjoin(one, next(iter(one.c)) == self.of)
        return found
