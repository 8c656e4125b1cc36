"""Reading a plan's audience and freezing it under the plan, in pieces.

Crash points: recipients are written before the plan has a digest and before the run refers to it. A process that dies in
between leaves a plan without digest, which the next attempt clears away; nobody can approve it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tillroll.campaign.frozen.proposal import AudienceDigest
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.statistics import has_grown
from tillroll.ledger.tables import approvals, plans, recipients
from tillroll.plan.audience import Asked, Selection, select_recipients
from tillroll.plan.crossing.crossings import Crossings
from tillroll.plan.subject import Subject

PIECE = 5_000
"""Recipients of one transaction."""


def split_key(ecwid_id: int) -> bytes:
    """The key of the store's splits. It is no secret: anyone may recompute who was kept back, and who is in which arm."""
    return f"tillroll holdout of store {ecwid_id}".encode()


def clear_unfinished(engine: Engine, run_id: int) -> None:
    """Remove plans of this run that nobody was ever shown or decided on."""
    decided = sa.select(approvals.c.plan_id).where(approvals.c.run_id == run_id)
    stale = sa.select(plans.c.id).where(plans.c.run_id == run_id, plans.c.id.not_in(decided))
    with writing(engine) as connection:
        connection.execute(sa.delete(recipients).where(recipients.c.plan_id.in_(stale)))
        connection.execute(sa.delete(plans).where(plans.c.run_id == run_id, plans.c.id.not_in(decided)))


def recipients_of(
    engine: Engine, subject: Subject, selection: Selection, now: datetime
) -> Iterator[dict[str, Any]]:
    if subject.makes_pool:
        return
    asked = Asked(
        store_id=subject.store.id,
        revision=subject.revision,
        step=subject.step,
        only=subject.only,
        facts=subject.facts or {},
        key=split_key(subject.store.ecwid_id),
        now=now,
    )
    with reading(engine) as connection:
        yield from select_recipients(connection, asked, selection)


@dataclass(frozen=True, kw_only=True)
class Read:
    """An audience that has been read to its end."""

    selection: Selection
    digest: str
    crossings: Crossings


def crossings_of(engine: Engine, subject: Subject, *, today: datetime) -> Crossings:
    """What counts whom else a subject's audience hears from."""
    return Crossings(engine=engine, subject=subject, key=split_key(subject.store.ecwid_id), today=today)


def freeze_audience(engine: Engine, subject: Subject, now: datetime) -> tuple[int, Read]:
    """Write the recipients under a plan row that has no digest yet."""
    with writing(engine) as connection:
        row = {
            "run_id": subject.run_id,
            "revision_id": subject.revision_id,
            "digest": "",
            "body": {},
            "currency": subject.store.currency,
            "made_at": now,
            "expires_at": now + subject.revision.campaign.approval.expires,
        }
        plan_id = int(connection.execute(sa.insert(plans).values(row).returning(plans.c.id)).scalar_one())
    selection, digest = Selection(), AudienceDigest()
    crossings = crossings_of(engine, subject, today=now)
    reading_on = recipients_of(engine, subject, selection, now)
    while piece := list(islice(reading_on, PIECE)):
        for recipient in piece:
            digest.add_recipient(recipient)
            crossings.take(recipient["customer_id"])
        with writing(engine) as connection:
            connection.execute(sa.insert(recipients), [{**one, "plan_id": plan_id} for one in piece])
    if selection.count > PIECE:
        has_grown(engine, recipients)
    return plan_id, Read(selection=selection, digest=digest.hex(), crossings=crossings)
