"""The gate in the fence, for what a person has done outside the loop: codes handed out, a catalogue imported.

A ledger that was restored or copied may not do that either. What an older ledger must not do again raises the fence first.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tillroll.clock import Clock
from tillroll.ecwid.client import Client
from tillroll.errors import LedgerIsAnother
from tillroll.ledger.engine import reading
from tillroll.ledger.home import home_of
from tillroll.track.connect import FENCED
from tillroll.track.decide import Verdict, stand
from tillroll.track.fence import FenceTaken, guard, load_fence, refusal

_PATIENCE = 10.0  # seconds that somebody at a terminal waits while the worker is at the fence


def pass_gate(
    engine: Engine, client: Client, *, store: sa.Row[Any], mark: str, clock: Clock, raising: bool = False
) -> None:
    """Go on only if this ledger is the one that works for its store; else `LedgerIsAnother`.

    `raising`: an older ledger must not do the same again; `mark` is a new random one. Any error of the client, when the store
    can't be asked.
    """
    if store.state == FENCED:
        raise LedgerIsAnother(store.reason)
    ends = clock.monotonic() + _PATIENCE
    while True:
        try:
            now = clock.now()
            guard(engine, client, store_id=store.id, checked=False, mark=mark, now=now, raising=raising)
        except FenceTaken:
            if clock.monotonic() > ends:
                raise
            clock.sleep(0.1)
        else:
            return


def pass_unasked(engine: Engine, *, store_id: int) -> None:
    """What can be told when the store can't be asked: `LedgerIsAnother` if this is another database than the one that worked."""
    with reading(engine) as connection:
        fence = load_fence(connection, store_id)
    verdict = stand(fence.standing, None, home_of(engine))
    if verdict is not Verdict.SAME:
        raise refusal(verdict, None, fence)
