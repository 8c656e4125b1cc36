"""Expired codes are deleted in the store, where a campaign says so; the ledger keeps what they were and did.

Crash points: the change is one row, written while no other of its kind is open for the campaign; the rest is `step.py`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tillroll.campaign.frozen.proposal import POLICY
from tillroll.campaign.states import CHANGE_OPEN, ChangeKind
from tillroll.ledger import audit
from tillroll.ledger.changes import Scope, add_change
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.meant import meant
from tillroll.ledger.plans import load_revision
from tillroll.ledger.tables import campaigns, changes

_GRACE = timedelta(days=1)
"""A coupon stays so long at least: an order that used it may still come in."""


def clear_expired(engine: Engine, *, store_id: int, now: datetime) -> int:
    """Write a change down for every campaign whose file says to delete expired codes, and that has some; how many."""
    with reading(engine) as connection:
        sound = (campaigns.c.store_id == store_id, campaigns.c.revision_id.is_not(None))
        found = [
            (row.name, length)
            for row in connection.execute(sa.select(campaigns).where(*sound)).all()
            if (length := load_revision(connection, row.revision_id).campaign.codes.delete_after) is not None
        ]
    return sum(_clear(engine, store_id, name, now - max(length, _GRACE), now) for name, length in found)


def _clear(engine: Engine, store_id: int, name: str, before: datetime, now: datetime) -> bool:
    scope = Scope(store_id=store_id, campaign=name)
    with reading(engine) as connection:
        old = meant(connection, scope, ChangeKind.CLEAR, now=now, until=before).limit(1)
        if connection.execute(old).first() is None:
            return False
    with writing(engine) as connection:
        open_ = (changes.c.kind == ChangeKind.CLEAR, changes.c.state.in_(sorted(CHANGE_OPEN)))
        its = (changes.c.store_id == store_id, changes.c.campaign == name)
        if connection.execute(sa.select(changes.c.id).where(*its, *open_)).first() is not None:
            return False
        change_id = add_change(
            connection, scope, ChangeKind.CLEAR, person=POLICY, note="", now=now, valid_until=before
        )
        body = {"change": change_id, "expired_before": before}
        audit.record(connection, at=now, actor=POLICY, action="codes.cleared", subject=str(scope), body=body)
    return True
