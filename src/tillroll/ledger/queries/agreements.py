"""Agreements that codes work again, or for longer, while approvers are missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.ledger.tables import agreements

AGREEMENT_LIFETIME = timedelta(hours=48)
"""How long an agreement counts; as long as a plan waits by default."""


@dataclass(frozen=True, kw_only=True)
class PendingAgreement:
    """A topic that some people have agreed to, and that needs more."""

    kind: str  # resume, extend, restart, recycle, fix, words, again
    campaign: str
    run_id: int | None  # None: the whole campaign
    valid_until: datetime | None  # extend: until when
    by: tuple[str, ...]  # who has agreed
    needed: int  # different people

    @property
    def lacking(self) -> int:
        """How many more people are needed."""
        return max(0, self.needed - len(self.by))

    @property
    def of(self) -> str:
        """What it is about, as a person would say it."""
        if self.kind == "fix":
            return "fix coupons that were deleted or switched off in the store"
        subject = f"run {self.run_id}" if self.run_id is not None else f"campaign {self.campaign}"
        if self.kind == "words":
            return f"mend the words of {subject}"
        if self.kind == "again":
            return f"send again the e-mails of {subject} that may have left"
        return f"restart {subject}" if self.kind == "restart" else f"{self.kind} the codes of {subject}"

    def __str__(self) -> str:
        more = "one more approver" if self.lacking == 1 else f"{self.lacking} more approvers"
        have = "has" if len(self.by) == 1 else "have"
        return f"{', '.join(self.by)} {have} agreed to {self.of}. It waits for {more}."


def pending_agreements(
    connection: Connection,
    store_id: int,
    now: datetime,
    *,
    campaign: str | None = None,
    run_id: int | None = None,
) -> list[PendingAgreement]:
    """Return the topics that wait for more people, oldest first; with `run_id`, only those of this run."""
    query = sa.select(agreements).where(
        agreements.c.store_id == store_id, agreements.c.at > now - AGREEMENT_LIFETIME
    )
    if campaign is not None:
        query = query.where(agreements.c.campaign == campaign)
    if run_id is not None:
        query = query.where(agreements.c.run_id == run_id)
    by_matter: dict[str, list[sa.Row[Any]]] = {}
    for row in connection.execute(query.order_by(agreements.c.id)):
        by_matter.setdefault(row.about, []).append(row)
    return [_agreed(rows) for rows in by_matter.values()]


def _agreed(rows: Sequence[sa.Row[Any]]) -> PendingAgreement:
    last = rows[-1]
    return PendingAgreement(
        kind=last.kind,
        campaign=last.campaign,
        run_id=last.run_id,
        valid_until=last.valid_until,
        by=tuple(row.person for row in rows),
        needed=last.needed,
    )
