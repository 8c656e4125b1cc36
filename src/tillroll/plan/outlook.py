"""A plan that is only looked at: what a run would do at a moment. Nothing is written anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tillroll.campaign import Revision
from tillroll.campaign.frozen.proposal import AudienceDigest, Proposal
from tillroll.campaign.frozen.recipient import Recipient, Sample
from tillroll.campaign.timing.moments import Timing, timing
from tillroll.errors import Refused
from tillroll.ledger.engine import reading
from tillroll.ledger.pools import POOL
from tillroll.ledger.tables import customers
from tillroll.plan.audience import Selection
from tillroll.plan.catalog import unread
from tillroll.plan.freeze import Read, crossings_of, recipients_of
from tillroll.plan.pool import lacking, only_fills_pool
from tillroll.plan.propose import propose
from tillroll.plan.segments.answerable import unanswered
from tillroll.plan.since import Since, since_approved
from tillroll.plan.slots import refuse_of_event
from tillroll.plan.subject import Subject

_SAMPLE = 10


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """A plan with what a reader wants to see beside it."""

    proposal: Proposal
    revision: Revision
    timing: Timing
    sample: tuple[Recipient, ...]  # some of the recipients, spread over all of them
    chosen: tuple[Recipient, ...]  # those that were asked for by address, in that order
    since: Since | None  # what is different from what was approved last; None: nothing ever was


def look_ahead(
    engine: Engine,
    *,
    store: sa.Row[Any],
    revision: Revision,
    now: datetime,
    per_minute: int,
    at: datetime | None = None,
    to: Sequence[str] = (),
) -> Outlook:
    """The plan that a run of the campaign would get at a moment; without `at`, now.

    `to` are addresses of recipients to look at. `Refused` if the campaign waits for events (`plan/events/outlook.py` looks at
    those), if its goods can't be looked up yet, or if an address isn't a recipient's: with the reason for each.
    """
    begins = at or now
    subject = _subject(engine, store, revision, begins)
    refuse_unread(engine, subject, begins)
    return outlook_of(engine, subject, begins=begins, today=now, per_minute=per_minute, to=to)


def refuse_unread(engine: Engine, subject: Subject, at: datetime) -> None:
    """`Refused` if the mirror can't answer yet what the plan would ask."""
    unknown = unread(engine, subject.store, subject.goods_named.values())
    if reason := unknown or unanswered(engine, subject.store, subject.revision, at):
        raise Refused(
            f"{reason[:1].upper()}{reason[1:]}.", hint="Start the worker once: tillroll worker (or up)."
        )


def outlook_of(
    engine: Engine,
    subject: Subject,
    *,
    begins: datetime,
    today: datetime,
    per_minute: int,
    to: Sequence[str] = (),
) -> Outlook:
    """The plan of a run that might be, and who of its audience is asked for; `today` is the moment of looking."""
    selection, digest, some = Selection(), AudienceDigest(), Sample(_SAMPLE)
    crossings = crossings_of(engine, subject, today=today)
    wanted = {one.strip().lower(): None for one in to}
    found: dict[str, Recipient] = {}
    for row in recipients_of(engine, subject, selection, begins):
        digest.add_recipient(row)
        crossings.take(row["customer_id"])
        some.take(row)
        if wanted and row["email"].lower() in wanted:
            found.setdefault(row["email"].lower(), Recipient.of(row))
    if missing := [one for one in wanted if one not in found]:
        raise not_among(engine, subject, missing, begins)
    read = Read(selection=selection, digest=digest.hex(), crossings=crossings)
    return outlook_on(
        engine,
        subject,
        read,
        begins=begins,
        per_minute=per_minute,
        sample=some.kept(),
        chosen=tuple(found[one] for one in wanted),
    )


def outlook_on(
    engine: Engine,
    subject: Subject,
    read: Read,
    *,
    begins: datetime,
    per_minute: int,
    sample: tuple[Recipient, ...],
    chosen: tuple[Recipient, ...] = (),
) -> Outlook:
    """The plan of an audience that was read, with what a reader wants to see beside it."""
    store, revision = subject.store, subject.revision
    proposal = propose(engine, subject, read, now=begins, per_minute=per_minute)
    with reading(engine) as connection:
        since = since_approved(connection, store_id=store.id, revision=revision, proposal=proposal)
    when = timing(
        revision,
        zone=ZoneInfo(store.timezone),
        begins=begins,
        messages=read.selection.count,
        step=subject.step,
    )
    return Outlook(
        proposal=proposal, revision=revision, timing=when, sample=sample, chosen=chosen, since=since
    )


def preview(
    engine: Engine, *, store: sa.Row[Any], revision: Revision, now: datetime, per_minute: int
) -> Proposal:
    """Only the proposal of it."""
    return look_ahead(engine, store=store, revision=revision, now=now, per_minute=per_minute).proposal


def _subject(engine: Engine, store: sa.Row[Any], revision: Revision, at: datetime) -> Subject:
    refuse_of_event(revision.name, revision.campaign)
    fills = only_fills_pool(revision.campaign)
    return Subject(
        run_id=0,
        slot_key="preview",
        slot_at=at,
        store=store,
        revision_id=0,
        revision=revision,
        kind=POOL if fills else "",
        pool_codes=lacking(engine, store.id, revision, now=at) if fills else 0,
    )


def not_among(engine: Engine, subject: Subject, missing: Sequence[str], at: datetime) -> Refused:
    """Which addresses are no recipient's, each with the reason."""
    said = "; ".join(f"{one}: {why_not(engine, subject, one, at)}" for one in missing)
    several = "these are" if len(missing) > 1 else "this is"
    return Refused(
        f"There is no e-mail to show, since {several} not among the recipients. {said}.",
        hint="Give the address of somebody whom the plan reaches, or leave --to out for some of them.",
    )


def why_not(engine: Engine, subject: Subject, email: str, at: datetime) -> str:
    """Why somebody with this address is no recipient."""
    customer_id = customer_with(engine, subject.store.id, email)
    if customer_id is None:
        return "no customer of the store has this address"
    if subject.makes_pool:
        return "the codes of this run are for nobody yet"
    selection = Selection()
    reached = any(recipients_of(engine, replace(subject, only=customer_id), selection, at))
    if not selection.matched:
        return "the segment does not select them"
    if reached:
        return f"over the limit of {subject.campaign.who.limit}"
    return next(iter(selection.excluded), "left out")


def customer_with(engine: Engine, store_id: int, email: str) -> int | None:
    """The customer of the store with this address, the oldest if several have it."""
    theirs = sa.select(customers.c.customer_id).where(
        customers.c.store_id == store_id, sa.func.lower(customers.c.email) == email.strip().lower()
    )
    with reading(engine) as connection:
        found: int | None = connection.scalar(theirs.order_by(customers.c.customer_id))
    return found
