"""A plan that is only looked at: what a run would do at a moment. Nothing is written anywhere."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tillroll.campaign import Revision
from tillroll.campaign.proposal import AudienceDigest, Proposal
from tillroll.errors import Refused
from tillroll.ledger.pools import POOL
from tillroll.plan.answerable import unanswered
from tillroll.plan.audience import Selection
from tillroll.plan.catalog import unread
from tillroll.plan.freeze import Read, crossings_of, recipients_of
from tillroll.plan.pool import lacking, only_fills_pool
from tillroll.plan.propose import propose
from tillroll.plan.slots import refuse_of_event
from tillroll.plan.subject import Subject


def preview(
    engine: Engine, *, store: sa.Row[Any], revision: Revision, now: datetime, per_minute: int
) -> Proposal:
    """The plan a run of the campaign would get at a moment; nothing is written anywhere. `Refused` if it waits for events."""
    refuse_of_event(revision.name, revision.campaign)
    fills = only_fills_pool(revision.campaign)
    subject = Subject(
        run_id=0,
        slot_key="preview",
        slot_at=now,
        store=store,
        revision_id=0,
        revision=revision,
        kind=POOL if fills else "",
        pool_codes=lacking(engine, store.id, revision, now=now) if fills else 0,
    )
    if reason := (
        unread(engine, store, subject.goods_named.values()) or unanswered(engine, store, revision, now)
    ):
        raise Refused(
            f"{reason[:1].upper()}{reason[1:]}.", hint="Start the worker once: tillroll worker (or up)."
        )
    selection, digest = Selection(), AudienceDigest()
    crossings = crossings_of(engine, subject, today=now)
    for recipient in recipients_of(engine, subject, selection, now):
        digest.add_recipient(recipient)
        crossings.take(recipient["customer_id"])
    read = Read(selection=selection, digest=digest.hex(), crossings=crossings)
    return propose(engine, subject, read, now=now, per_minute=per_minute)
