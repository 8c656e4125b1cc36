"""Reading a whole shop once, as a new installation does: for a record of how the store answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.engine import Engine

from tillroll.batches.session import StoreSession
from tillroll.clock import Clock
from tillroll.ecwid.client import Client
from tillroll.errors import ScopeMissing
from tillroll.ledger import migrate
from tillroll.track.connect import connect
from tillroll.track.mirror.areas import AREAS
from tillroll.track.mirror.session import MirrorSession
from tillroll.track.mirror.sync import sync, sync_profile


def tour(
    engine: Engine,
    client: Client,
    *,
    clock: Clock,
    each: Callable[[str, int], None] = lambda _area, _rows: None,
) -> dict[str, int]:
    """Read the profile and every area of a shop into an empty ledger, which only serves to read as the worker does.

    Returns the rows read of each area; one whose scope the token lacks is left out. `each`: called as the reading goes on.
    """
    migrate.upgrade(engine)
    now: datetime = clock.now()
    store_id = connect(
        engine,
        ecwid_id=client.connection.store_id,
        base_url="",
        sealed_token="",
        changed=True,
        now=now,
    )
    sync_profile(engine, client, store_id=store_id, now=now)
    client.shop.latest_stats()
    session = StoreSession(engine=engine, client=client, store_id=store_id, clock=clock)
    rows: dict[str, int] = {}
    for area in AREAS.values():
        try:
            complete = False
            while not complete:
                synced = sync(MirrorSession.of(session), area)
                rows[area.name] = rows.get(area.name, 0) + synced.rows
                complete = synced.complete
                each(area.name, synced.rows)
        except ScopeMissing:
            continue
    return rows
