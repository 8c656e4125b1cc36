"""Asking the store how far a chunk's batch is, and what it answered for each row."""

from __future__ import annotations

from dataclasses import dataclass

from tillroll.clock import Clock
from tillroll.ecwid.endpoints.batches import Batches, BatchStatus, InnerAnswer, key_still_good
from tillroll.ecwid.http.errors import StoreSaysNo, StoreSaysNotFound
from tillroll.ledger.records import Chunk


def ask_status(batches: Batches, chunk: Chunk, clock: Clock) -> BatchStatus | None:
    """Ask the store how far a batch is.

    Returns None if the outcome can no longer be learned: the store has forgotten the ticket, or the batch has stalled for an
    hour.
    """
    try:
        status = batches.status(chunk.ticket)
    except (StoreSaysNotFound, StoreSaysNo):  # 404 or 400: not documented
        return None
    stalled = not status.finished and not key_still_good(chunk.created_at, clock.now())
    return None if stalled else status


@dataclass(frozen=True, kw_only=True)
class Answers:
    """The answers of a batch so far."""

    by_id: dict[str, InnerAnswer]
    finished: bool  # no more will come

    def for_row(self, row_id: int) -> InnerAnswer | None:
        """Return the answer for a row, or None if there is none yet.

        A row without an answer when the batch has finished was never tried.
        """
        untried = InnerAnswer(id=str(row_id), executed=False, status=0, body=None)
        return self.by_id.get(str(row_id), untried if self.finished else None)


def read_answers(status: BatchStatus) -> Answers:
    """Return the answers of a batch. Until it has finished, an answer without a status means that the call has not run yet."""
    by_id = {answer.id: answer for answer in status.answers if answer.status or status.finished}
    return Answers(by_id=by_id, finished=status.finished)
