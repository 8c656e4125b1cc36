"""What the tests of the mirror and of webhooks share."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy.engine import Engine

from tillroll.clock import SystemClock
from tillroll.ecwid.client import Client
from tillroll.track.mirror.areas import AREAS
from tillroll.track.mirror.history import read_history
from tillroll.track.mirror.session import MirrorSession
from tillroll.track.mirror.sync import sync

CLOCK = SystemClock()


def session_of(engine: Engine, client: Client, store_id: int) -> MirrorSession:
    """A session of reading a store that begins now and has no end."""
    return MirrorSession(engine=engine, client=client, store_id=store_id, clock=CLOCK, now=CLOCK.now())


def call(client: Client, method: str, path: str, body: Any = None) -> Any:
    """Change the store through the API, as other software does."""
    return client.connection.write(method, path, body=body)


def read_whole(engine: Engine, client: Client, store_id: int) -> None:
    """Read every area once, and the older orders."""
    for area in AREAS.values():
        sync(session_of(engine, client, store_id), area)
    session = session_of(engine, client, store_id)
    while read_history(session, until=CLOCK.now() + timedelta(seconds=5)):
        pass
