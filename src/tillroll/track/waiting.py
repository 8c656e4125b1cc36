"""What the store is still to be told: rows of a table that wait until they are settled, tried again ever more rarely.

Such a table has `id`, `store_id`, `attempts`, `not_before` (none: at once) and `done_at` (none: it waits).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tillroll.campaign.figures.retry import RetryPolicy
from tillroll.ledger.engine import writing

WITHOUT_SCOPE = timedelta(days=1)
"""So long everything waits after the token lacked a permission."""

_RETRIES = RetryPolicy(attempts=6, first_pause=timedelta(minutes=1), growth=4)


@dataclass(frozen=True, kw_only=True)
class WaitingRows:
    """The rows of one table that wait."""

    table: sa.Table

    def of_store(self, store_id: int) -> tuple[sa.ColumnElement[bool], ...]:
        """Return the conditions that a row of a store waits."""
        return self.table.c.store_id == store_id, self.table.c.done_at.is_(None)

    def due(self, store_id: int, now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
        """Return the conditions that a row of a store may be tried now."""
        not_before = self.table.c.not_before
        return *self.of_store(store_id), sa.or_(not_before.is_(None), not_before <= now)

    def change(self, engine: Engine, row_id: int, values: Mapping[str, Any]) -> None:
        """Change a row, unless it was settled meanwhile."""
        still = (self.table.c.id == row_id, self.table.c.done_at.is_(None))
        with writing(engine) as connection:
            connection.execute(sa.update(self.table).where(*still).values(values))

    def try_later(self, engine: Engine, row_id: int, attempts: int, now: datetime) -> bool:
        """Count one more attempt in vain after so many. Returns whether there will be another; if not, the row still waits."""
        made = attempts + 1
        if not _RETRIES.may_try_again(made):
            return False
        self.change(engine, row_id, {"attempts": made, "not_before": now + _RETRIES.pause_before(made)})
        return True

    def put_off(self, engine: Engine, store_id: int, until: datetime) -> None:
        """Let everything that waits in a store wait until a moment."""
        with writing(engine) as connection:
            connection.execute(sa.update(self.table).where(*self.of_store(store_id)).values(not_before=until))
