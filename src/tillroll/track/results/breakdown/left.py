"""What the live codes of a campaign may still cost, by the revisions and plans of their runs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy.engine import Connection

from tillroll.campaign.frozen.revision import Revision
from tillroll.campaign.text.money import smallest_unit
from tillroll.ledger.limits.kept import discount_given
from tillroll.ledger.queries.plans import load_revision
from tillroll.track.results.breakdown.worst import worst_of_code


class CodeWorst:
    """The worst case of each row of `unused_codes`, which is of one arm and one value."""

    def __init__(self, connection: Connection, store_id: int, campaign: str) -> None:
        self._connection = connection
        self._given = discount_given(connection, store_id, campaign)
        self._revisions: dict[int, Revision] = {}

    def of(self, row: Any) -> Decimal | None:
        """Return the most that one code of a row takes off; None if it can be used again and again."""
        revision = self._revision(row)
        return worst_of_code(
            revision.offer(step=row.step, arm=row.arm),
            row.value,
            revision.guardrails,
            basket=Decimal(row.basket) if row.basket is not None else None,
            unit=smallest_unit(row.currency),
        )

    def budget_left(self, row: Any) -> Decimal | None:
        """Return what orders may take off from now on before the campaign's codes are paused; None: no limit."""
        budget = self._revision(row).campaign.budget
        if budget is None or budget.discount is None:
            return None
        return max(Decimal(0), budget.discount - self._given)

    def _revision(self, row: Any) -> Revision:
        if row.revision_id not in self._revisions:
            self._revisions[row.revision_id] = load_revision(self._connection, row.revision_id)
        return self._revisions[row.revision_id]
