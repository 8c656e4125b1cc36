"""Preview a plan: what a run would do at a moment. Nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tillroll.campaign import Revision
from tillroll.campaign.frozen.proposal import AudienceDigest, Proposal
from tillroll.campaign.frozen.recipient import Recipient, Sample
from tillroll.campaign.text.zones import zone_of
from tillroll.campaign.timing.moments import Timing, timing
from tillroll.campaign.timing.schedule import at_slot
from tillroll.errors import Refused
from tillroll.ledger.engine import reading
from tillroll.ledger.queries.pools import POOL
from tillroll.ledger.records import Store
from tillroll.ledger.tables import customers
from tillroll.plan.audience.select import Selection
from tillroll.plan.audience.subject import Subject
from tillroll.plan.diff import PlanDiff, compare_with_approved
from tillroll.plan.due.pool import codes_lacking, only_fills_pool
from tillroll.plan.due.slots import refuse_if_waiting_for_events
from tillroll.plan.freeze import ReadAudience, overlap_counter, recipients_of
from tillroll.plan.goods.catalog import reason_goods_unread
from tillroll.plan.propose import propose
from tillroll.plan.segments.answerable import reason_unanswered

_SAMPLE = 10  # recipients


@dataclass(frozen=True, kw_only=True)
class PreviewRequest:
    """What is previewed: a campaign of a store, at a moment."""

    engine: Engine
    store: Store
    revision: Revision
    now: datetime  # the real time
    per_minute: int  # how many API calls the store allows
    has_links: bool = True  # unsubscribe links can be made here
    transport: str = ""  # by which e-mails leave here; empty: none has left yet
    at: datetime | None = None  # the moment of the run, or of the event; None: its at: to come, or now
    to: Sequence[str] = ()  # addresses of recipients to show; of an event, the one customer it happens to

    @property
    def begins(self) -> datetime:
        """The moment that is previewed: the one asked for, that of a campaign with `at:` that is still to come, or now."""
        if self.at is not None:
            return self.at
        when = self.revision.campaign.when
        slot = at_slot(when, when.zone(self.store.timezone))
        return max(self.now, slot.at) if slot is not None else self.now


@dataclass(frozen=True, kw_only=True)
class PlanPreview:
    """A plan, with what a reader wants to see beside it."""

    proposal: Proposal
    revision: Revision
    timing: Timing
    sample: tuple[Recipient, ...]  # an even sample of the recipients
    chosen: tuple[Recipient, ...]  # those who were asked for by address, in that order
    since: PlanDiff | None  # differences from the last approved plan; None: there is none


def preview_plan(request: PreviewRequest) -> PlanPreview:
    """Return the plan that a run of a scheduled campaign would get.

    Raises `Refused` if the campaign waits for events (`outlook/flow_preview.py` previews those), if the mirror can't answer yet,
    or if an address in `to` belongs to no recipient, with the reason for each.
    """
    subject = _subject(request)
    refuse_unanswered(request.engine, subject, request.begins)
    return preview_subject(request, subject, begins=request.begins, to=request.to)


def refuse_unanswered(engine: Engine, subject: Subject, at: datetime) -> None:
    """Raise `Refused` if the mirror can't answer yet what the plan needs."""
    unread = reason_goods_unread(engine, subject.store, subject.goods_named.values())
    if reason := unread or reason_unanswered(engine, subject.store, subject.revision, at):
        raise Refused(
            f"{reason[:1].upper()}{reason[1:]}.",
            hint="Start the worker once (tillroll worker, or up) to read the store; correct names that it does not have.",
        )


def preview_subject(
    request: PreviewRequest, subject: Subject, *, begins: datetime, to: Sequence[str] = ()
) -> PlanPreview:
    """Read the audience of a previewed run that begins at a moment, and return its plan with the recipients asked for.

    Raises `Refused` if an address belongs to no recipient.
    """
    selection, digest, sample = Selection(), AudienceDigest(), Sample(_SAMPLE)
    overlaps = overlap_counter(request.engine, subject, today=request.now)
    wanted = {address.strip().lower(): None for address in to}
    by_address: dict[str, Recipient] = {}
    for row in recipients_of(request.engine, subject, selection, begins):
        digest.add_recipient(row)
        overlaps.take(row["customer_id"])
        sample.take(row)
        if wanted and row["email"].lower() in wanted:
            by_address.setdefault(row["email"].lower(), Recipient.of(row))
    if missing := [address for address in wanted if address not in by_address]:
        raise refusal_of_addresses(request.engine, subject, missing, begins)
    return preview_audience(
        request,
        subject,
        ReadAudience(selection=selection, digest=digest.hex(), overlaps=overlaps),
        begins=begins,
        sample=_with_each_arm(sample.kept(), subject, selection),
        chosen=tuple(by_address[address] for address in wanted),
    )


def _with_each_arm(
    sample: tuple[Recipient, ...], subject: Subject, selection: Selection
) -> tuple[Recipient, ...]:
    """Return a sample of recipients with one of each arm that it lacks, however few are in it."""
    arms = {person.arm for person in sample}
    lacking = (selection.awkward.of_arm(arm) for arm in subject.revision.arms if arm not in arms)
    return (*sample, *(persons[0].recipient for persons in lacking if persons))


def preview_audience(
    request: PreviewRequest,
    subject: Subject,
    read: ReadAudience,
    *,
    begins: datetime,
    sample: tuple[Recipient, ...],
    chosen: tuple[Recipient, ...] = (),
) -> PlanPreview:
    """Return the plan of an audience that was read, with what a reader wants to see beside it."""
    engine, store, revision = request.engine, subject.store, subject.revision
    proposal = propose(
        engine,
        subject,
        read,
        now=begins,
        per_minute=request.per_minute,
        has_links=request.has_links,
        transport=request.transport,
    )
    with reading(engine) as connection:
        since = compare_with_approved(connection, store_id=store.id, revision=revision, proposal=proposal)
    when = timing(
        revision,
        zone=zone_of(store.timezone),
        begins=begins,
        messages=read.selection.count,
        step=subject.step,
        currency=store.currency,
        leaving=proposal.leaving,
    )
    return PlanPreview(
        proposal=proposal, revision=revision, timing=when, sample=sample, chosen=chosen, since=since
    )


def _subject(request: PreviewRequest) -> Subject:
    """Return a run of a scheduled campaign, or one that refills its pool. Raises `Refused` for a campaign of events."""
    store, revision, at = request.store, request.revision, request.begins
    refuse_if_waiting_for_events(revision.name, revision.campaign)
    fills = only_fills_pool(revision.campaign)
    return Subject(
        run_id=0,
        slot_key="preview",
        slot_at=at,
        store=store,
        revision_id=0,
        revision=revision,
        kind=POOL if fills else "",
        pool_codes=codes_lacking(request.engine, store.id, revision, now=at) if fills else 0,
    )


def refusal_of_addresses(engine: Engine, subject: Subject, missing: Sequence[str], at: datetime) -> Refused:
    """Return the refusal of addresses that belong to no recipient, with the reason for each."""
    reasons = "; ".join(f"{each}: {why_no_recipient(engine, subject, each, at)}" for each in missing)
    they_are = "these are" if len(missing) > 1 else "this is"
    return Refused(
        f"There is no e-mail to show, since {they_are} not among the recipients. {reasons}.",
        hint="Give the address of a recipient, or leave --to out to see a sample.",
    )


def why_no_recipient(engine: Engine, subject: Subject, email: str, at: datetime) -> str:
    """Return why somebody with this address is no recipient."""
    customer_id = customer_by_address(engine, subject.store.id, email)
    if customer_id is None:
        return "no customer of the store has this address"
    if subject.makes_pool:
        return "the codes of this run are for nobody yet"
    selection = Selection()
    is_reached = any(recipients_of(engine, replace(subject, only=customer_id), selection, at))
    if not selection.matched:
        return "the segment does not select them"
    if is_reached:
        return f"over the limit of {subject.campaign.who.limit}"
    return next(iter(selection.excluded), "excluded")


def customer_by_address(engine: Engine, store_id: int, email: str) -> int | None:
    """Return the customer with this address, the oldest if several have it; None without any."""
    query = sa.select(customers.c.customer_id).where(
        customers.c.store_id == store_id, sa.func.lower(customers.c.email) == email.strip().lower()
    )
    with reading(engine) as connection:
        customer_id: int | None = connection.scalar(query.order_by(customers.c.customer_id))
    return customer_id
