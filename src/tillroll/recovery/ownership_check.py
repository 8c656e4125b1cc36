"""The fence for commands: a ledger that was restored or copied may not hand out codes or import a catalogue either."""

from __future__ import annotations

from sqlalchemy.engine import Engine

from tillroll.batches.session import StoreSession
from tillroll.errors import StaleLedger
from tillroll.ledger.database_identity import identity_of
from tillroll.ledger.engine import reading
from tillroll.ledger.records import Store
from tillroll.recovery.decide import FenceVerdict, is_copy
from tillroll.recovery.fence import FenceTaken, guard, load_fence, refusal
from tillroll.track.connect import FENCED

_PATIENCE = 10.0  # seconds that a command waits while the worker holds the fence


def check_ownership(session: StoreSession, *, store: Store, mark: str, raising: bool = False) -> None:
    """Raise `StaleLedger` unless this ledger is the one that works for its store.

    `raising`: raise the fence first, because a backup must not repeat what follows; `mark` is a new random mark. Also raises
    what the client raises when the store can't be asked.
    """
    if store.state == FENCED:
        raise StaleLedger(store.reason)
    clock = session.clock
    deadline = clock.monotonic() + _PATIENCE
    while True:
        try:
            guard(session, checked=False, mark=mark, raising=raising)
        except FenceTaken:
            if clock.monotonic() > deadline:
                raise
            clock.sleep(0.1)
        else:
            return


def check_ownership_offline(engine: Engine, *, store_id: int) -> None:
    """Check what can be checked without the store: raise `StaleLedger` if this is a copy of the database that worked."""
    with reading(engine) as connection:
        fence = load_fence(connection, store_id)
    if is_copy(fence.state, identity_of(engine)):
        raise refusal(FenceVerdict.COPY, None, fence)
