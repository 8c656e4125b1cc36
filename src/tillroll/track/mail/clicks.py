"""Who opened which link of an e-mail: once for each person and link, without their address on the internet or their program.

Programs that look at an e-mail's links, for viruses or ahead of time, are no readers. They ask by HEAD, say that they fetch
ahead, or open several links within a second: then none of these counts, until somebody opens one later.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.ledger.engine import insert_if_new, reading, writing
from tillroll.ledger.queries.stores import find_store
from tillroll.ledger.tables import clicks, messages
from tillroll.rendering.bulk.click import ClickReader, ClickTarget, is_own

AT_ONCE = timedelta(seconds=1)
"""Nobody opens two links of an e-mail within so short a time."""


def page_of(engine: Engine, target: ClickTarget) -> str | None:
    """Return where a link leads: to its page, or to the shop's first page if the shop has moved. None: the store is unknown."""
    with reading(engine) as connection:
        store = find_store(connection, target.ecwid_id)
    if store is None:
        return None
    return target.address if is_own(target.address, store.url) else store.url or None


def count_click(engine: Engine, target: ClickTarget, reader: ClickReader, *, now: datetime) -> None:
    """Count that somebody opened a link. The same again changes nothing, nor does one of an e-mail that isn't known."""
    with writing(engine) as connection:
        store = find_store(connection, target.ecwid_id)
        theirs = (messages.c.id == reader.message_id, messages.c.run_id == reader.run_id)
        store_id = connection.scalar(sa.select(messages.c.store_id).where(*theirs).with_for_update())
        if store is None or store_id != store.id:
            return
        of_message = clicks.c.message_id == reader.message_id
        others = (of_message, clicks.c.link != target.address, clicks.c.at > now - AT_ONCE)
        is_program = connection.execute(sa.update(clicks).where(*others).values(by_program=True)).rowcount > 0
        row = {
            "store_id": store_id,
            "run_id": reader.run_id,
            "message_id": reader.message_id,
            "link": target.address,
            "at": now,
            "by_program": is_program,
        }
        if insert_if_new(connection, clicks, row):
            return
        same = (of_message, clicks.c.link == target.address, clicks.c.by_program)
        if is_program:
            connection.execute(sa.update(clicks).where(*same).values(at=now))
        else:
            later = sa.update(clicks).where(*same, clicks.c.at <= now - AT_ONCE)
            connection.execute(later.values(at=now, by_program=False))


def count_who_clicked(connection: Connection, run_ids: Collection[int]) -> dict[int, int]:
    """Count for each run the people who opened a link of its e-mails; runs with nobody are left out."""
    people = sa.select(clicks.c.run_id, sa.func.count(sa.distinct(clicks.c.message_id)))
    counted = people.where(clicks.c.run_id.in_(run_ids), ~clicks.c.by_program).group_by(clicks.c.run_id)
    return {run_id: int(count) for run_id, count in connection.execute(counted)}
