"""Who has agreed that codes work again, or for longer, while it takes more people than have agreed so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.ledger.tables import agreements

GOOD_FOR = timedelta(hours=48)
"""Then somebody has to agree anew, as to a plan by default."""


@dataclass(frozen=True, kw_only=True)
class Agreed:
    """Something that waits until enough different people have agreed to it."""

    kind: str  # resume, extend, restart, recycle, fix
    campaign: str
    run_id: int | None  # None: the whole campaign
    valid_until: datetime | None  # extend: until when
    by: tuple[str, ...]
    needed: int

    @property
    def lacking(self) -> int:
        """How many more people it takes."""
        return max(0, self.needed - len(self.by))

    @property
    def of(self) -> str:
        """What it is about, as a person would say it."""
        if self.kind == "fix":
            return "put coupons right that were deleted or switched off in the store"
        whose = f"run {self.run_id}" if self.run_id is not None else f"campaign {self.campaign}"
        return f"restart {whose}" if self.kind == "restart" else f"{self.kind} the codes of {whose}"

    def __str__(self) -> str:
        more = "one more approver" if self.lacking == 1 else f"{self.lacking} more approvers"
        have = "has" if len(self.by) == 1 else "have"
        return f"{', '.join(self.by)} {have} agreed to {self.of}. It waits for {more}."


def waiting(
    connection: Connection,
    store_id: int,
    now: datetime,
    *,
    campaign: str | None = None,
    run_id: int | None = None,
) -> list[Agreed]:
    """What waits for more people, the oldest first; `run_id`: only what is about this run."""
    query = sa.select(agreements).where(agreements.c.store_id == store_id, agreements.c.at > now - GOOD_FOR)
    if campaign is not None:
        query = query.where(agreements.c.campaign == campaign)
    if run_id is not None:
        query = query.where(agreements.c.run_id == run_id)
    by_matter: dict[str, list[sa.Row[Any]]] = {}
    for row in connection.execute(query.order_by(agreements.c.id)):
        by_matter.setdefault(row.about, []).append(row)
    return [_agreed(rows) for rows in by_matter.values()]


def _agreed(rows: Sequence[sa.Row[Any]]) -> Agreed:
    last = rows[-1]
    return Agreed(
        kind=last.kind,
        campaign=last.campaign,
        run_id=last.run_id,
        valid_until=last.valid_until,
        by=tuple(row.person for row in rows),
        needed=last.needed,
    )
