"""Skipping what a restored ledger must not begin: slots, steps and events of the time that it has lost.

Nothing is dropped silently: slots are recorded as skipped, and entries that wait for a step as left, with the reason. Events of
that time count as answered (`flows/enroll.py`): their customers have been in the campaign, so that `again:` holds for them, and
no flow starts for an event that happened before now.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import EntryCause, EntryState, RunState
from tillroll.campaign.timing.schedule import slots
from tillroll.ledger.causes import entry_cause
from tillroll.ledger.tables import campaigns, entries, stores
from tillroll.plan.due.slots import add_run
from tillroll.plan.record.revisions import active_campaigns

_MAY_HAVE_RUN = "it may have run: the ledger was restored from before it"


def skip_missed(connection: Connection, *, store_id: int, now: datetime) -> tuple[int, int]:
    """Skip the slots and steps that were due up to now. Returns how many slots and how many entries."""
    zone = connection.scalars(sa.select(stores.c.timezone).where(stores.c.id == store_id)).one()
    skipped = 0
    for active in active_campaigns(connection, store_id):
        when, row = active.revision.campaign.when, active.record
        for slot in slots(
            when, zone=when.zone(zone), first_seen=row.first_seen_at, after=row.considered_until, until=now
        ):
            skipped += add_run(connection, store_id, row.name, slot, RunState.SKIPPED, _MAY_HAVE_RUN, now)
        if when.on is None:
            considered = {"considered_until": now}
            connection.execute(sa.update(campaigns).where(campaigns.c.id == row.id).values(considered))
    of_store = campaigns.c.store_id == store_id  # also those that aren't active now: they may be again
    connection.execute(sa.update(campaigns).where(of_store).values(forgone_until=now))
    due = (entries.c.store_id == store_id, entries.c.state == EntryState.WAITING)
    acts = entries.c.cause != EntryCause.CAMPAIGN_INACTIVE
    left = connection.execute(
        sa.update(entries)
        .where(*due, acts, entries.c.due_at <= now)
        .values(state=EntryState.LEFT, due_at=None, changed_at=now, **entry_cause(EntryCause.MAY_HAVE_RUN))
    ).rowcount
    return skipped, left
