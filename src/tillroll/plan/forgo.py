"""What a restored ledger must not begin: slots, steps and happenings of the time that it knows nothing of.

Nothing is dropped silently: slots are written down as skipped and those who wait for a step as left, with the reason. What
happened in that time counts as answered (`events/notice.py`): whoever it happened to has been in the campaign, so that `again:`
holds, and is greeted by nothing that has happened already.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import EntryState, RunState
from tillroll.campaign.timing.schedule import slots
from tillroll.ledger.tables import campaigns, entries, stores
from tillroll.plan.record import active_campaigns
from tillroll.plan.slots import add_run

REASON = "it may have run: the ledger was restored from before it"


def forgo(connection: Connection, *, store_id: int, now: datetime) -> tuple[int, int]:
    """Let pass what fell into that time; (slots, entries) that were."""
    zone = connection.scalars(sa.select(stores.c.timezone).where(stores.c.id == store_id)).one()
    let_pass = 0
    for one in active_campaigns(connection, store_id):
        when, row = one.revision.campaign.when, one.row
        for slot in slots(
            when, zone=when.zone(zone), first_seen=row.first_seen_at, after=row.considered_until, until=now
        ):
            let_pass += add_run(connection, store_id, row.name, slot, RunState.SKIPPED, REASON, now)
        if when.on is None:
            considered = {"considered_until": now}
            connection.execute(sa.update(campaigns).where(campaigns.c.id == row.id).values(considered))
    of_store = campaigns.c.store_id == store_id  # one that isn't active now may be so again
    connection.execute(sa.update(campaigns).where(of_store).values(forgone_until=now))
    due = (entries.c.store_id == store_id, entries.c.state == EntryState.WAITING, entries.c.reason == "")
    left = connection.execute(
        sa.update(entries)
        .where(*due, entries.c.due_at <= now)
        .values(state=EntryState.LEFT, reason=REASON, due_at=None, changed_at=now)
    ).rowcount
    return let_pass, left
