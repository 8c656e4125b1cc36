"""What one slice of reading a store works with, and when the slice ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from tillroll.batches.session import StoreSession

SliceFinished = Callable[[], bool]
"""Whether the slice is finished. It is asked after each piece, so that every slice reads at least one piece."""


def never() -> bool:
    """Let the slice last until everything is read."""
    return False


@dataclass(frozen=True, kw_only=True)
class MirrorSession(StoreSession):
    """A store to read from, the ledger to write to, and the moment at which all that is read in this slice counts as seen."""

    now: datetime  # by the session's clock when the slice began; it doesn't advance during the slice
    finished: SliceFinished = never

    @classmethod
    def of(cls, session: StoreSession, *, finished: SliceFinished = never) -> MirrorSession:
        """Return the session of a slice that begins now."""
        return cls(
            engine=session.engine,
            client=session.client,
            store_id=session.store_id,
            clock=session.clock,
            now=session.clock.now(),
            finished=finished,
        )
