"""Deleting expired codes in the store, for campaigns whose files say so. The ledger keeps what the codes were and did.

Crash points: the change is one row, added while no other of its kind is open for the campaign; `step.py` does the rest.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tillroll.campaign.frozen.proposal import POLICY
from tillroll.campaign.states import CHANGE_OPEN, ChangeKind, ItemKind, Stage
from tillroll.ledger import audit
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.faults.boundary import contained
from tillroll.ledger.faults.rows import FaultyItem, resting_items
from tillroll.ledger.queries.changes import Scope, add_change
from tillroll.ledger.queries.plans import load_revision
from tillroll.ledger.queries.select_codes import select_codes
from tillroll.ledger.tables import campaigns, changes

_GRACE = timedelta(days=1)
"""The least time that an expired coupon is kept: an order that used it may still come in."""


def clear_expired(engine: Engine, *, store_id: int, now: datetime) -> int:
    """Record a change for every campaign that deletes expired codes and has some. Returns how many changes."""
    with_file = (campaigns.c.store_id == store_id, campaigns.c.revision_id.is_not(None))
    cleared = 0
    with reading(engine) as connection:
        stages = (Stage.FILES, Stage.CHANGE)
        resting = resting_items(connection, store_id, ItemKind.CAMPAIGN, *stages, now=now)
        with_revision = connection.execute(sa.select(campaigns).where(*with_file)).all()
    for row in with_revision:
        item = FaultyItem(store_id=store_id, kind=ItemKind.CAMPAIGN, name=row.name, campaign=row.name)
        if row.name not in resting:
            with contained(engine, item, stage=Stage.CHANGE, now=now):
                cleared += _clear_by_its_rule(engine, store_id, row.name, row.revision_id, now)
    return cleared


def _clear_by_its_rule(engine: Engine, store_id: int, name: str, revision_id: int, now: datetime) -> bool:
    with reading(engine) as connection:
        length = load_revision(connection, revision_id).campaign.codes.delete_after
    return length is not None and _clear(engine, store_id, name, now - max(length, _GRACE), now)


def _clear(engine: Engine, store_id: int, name: str, before: datetime, now: datetime) -> bool:
    """Record a change for the campaign's codes that expired before a moment. Returns whether one was recorded."""
    scope = Scope(store_id=store_id, campaign=name)
    with reading(engine) as connection:
        expired = select_codes(connection, scope, ChangeKind.CLEAR, now=now, until=before).limit(1)
        if connection.execute(expired).first() is None:
            return False
    with writing(engine) as connection:
        is_open = (changes.c.kind == ChangeKind.CLEAR, changes.c.state.in_(sorted(CHANGE_OPEN)))
        of_campaign = (changes.c.store_id == store_id, changes.c.campaign == name)
        if connection.execute(sa.select(changes.c.id).where(*of_campaign, *is_open)).first() is not None:
            return False
        change_id = add_change(
            connection, scope, ChangeKind.CLEAR, person=POLICY, note="", now=now, valid_until=before
        )
        body = {"change": change_id, "expired_before": before}
        audit.record(
            connection,
            at=now,
            actor=POLICY,
            action="codes.cleared",
            subject=scope.key,
            body=body,
            way=audit.Way.POLICY,
        )
    return True
