"""Asking the store how far a chunk's batch is, and what it says of each row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from tillroll.clock import Clock
from tillroll.ecwid.batches import Batches, BatchStatus, InnerAnswer, key_still_good
from tillroll.ecwid.errors import StoreSaysNo, StoreSaysNotFound


def how_far(batches: Batches, chunk: sa.Row[Any], clock: Clock) -> BatchStatus | None:
    """How far a batch is; None when it can't tell any more: the store forgot its ticket, or it stalls for an hour."""
    try:
        status = batches.status(chunk.ticket)
    except (StoreSaysNotFound, StoreSaysNo):  # 404 or 400: not documented
        return None
    stalled = not status.finished and not key_still_good(chunk.created_at, clock.now())
    return None if stalled else status


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What a batch has said so far."""

    by_id: dict[str, InnerAnswer]
    finished: bool

    def to(self, row_id: int) -> InnerAnswer | None:
        """What it says of a row; None: nothing yet. A row that the batch ended without was never tried."""
        untried = InnerAnswer(id=str(row_id), executed=False, status=0, body=None)
        return self.by_id.get(str(row_id), untried if self.finished else None)


def answers_of(status: BatchStatus) -> Answers:
    """The answers that there are. Until the batch is over, one without a status stands for a request that hasn't run yet."""
    told = {one.id: one for one in status.answers if one.status or status.finished}
    return Answers(by_id=told, finished=status.finished)
