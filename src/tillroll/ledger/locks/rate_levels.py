"""The level of each store's request allowance, shared by all processes that use its token (`ecwid/http/pace.py`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tillroll.ledger.engine import insert_if_new, writing
from tillroll.ledger.tables import levels

_T = TypeVar("_T")
Kept = tuple[float, float, float]
"""Calls left, at which moment, and blocked until when; moments in UNIX seconds."""


class Levels:
    """The level of one store's token."""

    def __init__(self, engine: Engine, store_id: int) -> None:
        self._engine = engine
        self._store_id = store_id

    def change(self, step: Callable[[Kept | None], tuple[Kept, _T]]) -> _T:
        """Replace the level by the one that `step` computes from it, in one transaction. Returns the second value of `step`."""
        where = levels.c.store_id == self._store_id
        query = sa.select(levels.c.calls_left, levels.c.at, levels.c.blocked_until).where(where)
        with writing(self._engine) as connection:
            row = connection.execute(query.with_for_update()).first()
            kept, result = step(None if row is None else (row.calls_left, row.at, row.blocked_until))
            values = dict(zip(("calls_left", "at", "blocked_until"), kept, strict=True))
            if row is not None or not insert_if_new(
                connection, levels, {"store_id": self._store_id, **values}
            ):
                connection.execute(sa.update(levels).where(where).values(values))
        return result
