"""Making a run's plan: read the audience, hold it against the guardrails, freeze it, and put a digest on it.

Crash points: recipients are written in pieces before the plan has a digest and before the run refers to it. A process that
dies in between leaves a plan without digest, which the next attempt clears away; nobody can approve it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign import Revision
from tillroll.campaign.models import AppliesTo, Status, Valid
from tillroll.campaign.proposal import Audience, AudienceDigest, Exposure, Proposal
from tillroll.campaign.sentence import say_offer, say_segment
from tillroll.campaign.states import CodeState, RunState
from tillroll.campaign.units import spell_duration
from tillroll.errors import Refused
from tillroll.ledger import audit
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.tables import approvals, codes, customers, plans, recipients, redemptions, runs, stores
from tillroll.plan import decide
from tillroll.plan.audience import Selection, select_recipients
from tillroll.plan.catalog import find_goods, unread
from tillroll.plan.record import current_revision

_PIECE = 5_000


def holdout_key(ecwid_id: int) -> bytes:
    """The key of the store's holdout split. It is no secret: anyone may recompute who was kept back."""
    return f"tillroll holdout of store {ecwid_id}".encode()


@dataclass(frozen=True, kw_only=True)
class _Subject:
    """What a plan is made of."""

    run_id: int
    slot_key: str
    slot_at: datetime
    store: sa.Row[Any]
    revision_id: int
    revision: Revision


def make_plan(engine: Engine, *, run_id: int, now: datetime, per_minute: int) -> RunState:
    """Plan one run that is in `planning`; returns the state it is in afterwards. Harmless to repeat."""
    with reading(engine) as connection:
        run = connection.execute(sa.select(runs).where(runs.c.id == run_id)).one()
        if run.state != RunState.PLANNING:
            return RunState(run.state)
        store = connection.execute(sa.select(stores).where(stores.c.id == run.store_id)).one()
        found = current_revision(connection, run.store_id, run.campaign)
    if found is None:
        return _settle(
            engine,
            run_id,
            RunState.PLANNING,
            "its files have faults or are gone",
            now,
            not_before=now + timedelta(minutes=1),
        )
    if found[1].campaign.status is not Status.ACTIVE:
        status = found[1].campaign.status
        return _settle(
            engine,
            run_id,
            RunState.PLANNING,
            f"the campaign is {status}",
            now,
            not_before=now + timedelta(minutes=1),
        )
    subject = _Subject(
        run_id=run_id,
        slot_key=run.slot_key,
        slot_at=run.slot_at,
        store=store,
        revision_id=found[0],
        revision=found[1],
    )
    if reason := unread(engine, store, _applies_to(found[1])):
        later = now + timedelta(minutes=1)
        return _settle(engine, run_id, RunState.PLANNING, reason, now, not_before=later)
    _clear_unfinished(engine, run_id)
    plan_id, selection, digest = _freeze_audience(engine, subject, now)
    proposal = _propose(engine, subject, selection, digest, per_minute)
    if selection.count == 0:
        return _settle(
            engine, run_id, RunState.DONE, "nobody is in the audience", now, plan=(plan_id, proposal)
        )
    if proposal.refusals:
        reason = "; ".join(verdict.text for verdict in proposal.refusals)
        return _settle(engine, run_id, RunState.REFUSED, reason, now, plan=(plan_id, proposal))
    return _settle(engine, run_id, RunState.WAITING, "", now, plan=(plan_id, proposal))


def preview(
    engine: Engine, *, store: sa.Row[Any], revision: Revision, now: datetime, per_minute: int
) -> Proposal:
    """The plan a run of the campaign would get at a moment; nothing is written anywhere."""
    if reason := unread(engine, store, _applies_to(revision)):
        raise Refused(
            f"{reason[:1].upper()}{reason[1:]}.", hint="Start the worker once: tillroll worker (or up)."
        )
    subject = _Subject(
        run_id=0, slot_key="preview", slot_at=now, store=store, revision_id=0, revision=revision
    )
    selection, digest = Selection(), AudienceDigest()
    for recipient in _recipients(engine, subject, selection, now):
        digest.add_recipient(recipient)
    return _propose(engine, subject, selection, digest.hex(), per_minute)


def _clear_unfinished(engine: Engine, run_id: int) -> None:
    """Remove plans of this run that nobody was ever shown or decided on."""
    decided = sa.select(approvals.c.plan_id).where(approvals.c.run_id == run_id)
    stale = sa.select(plans.c.id).where(plans.c.run_id == run_id, plans.c.id.not_in(decided))
    with writing(engine) as connection:
        connection.execute(sa.delete(recipients).where(recipients.c.plan_id.in_(stale)))
        connection.execute(sa.delete(plans).where(plans.c.run_id == run_id, plans.c.id.not_in(decided)))


def _recipients(
    engine: Engine, subject: _Subject, selection: Selection, now: datetime
) -> Iterator[dict[str, Any]]:
    with reading(engine) as connection:
        yield from select_recipients(
            connection,
            store_id=subject.store.id,
            name=subject.revision.name,
            campaign=subject.revision.campaign,
            segments=subject.revision.segments,
            holdout_key=holdout_key(subject.store.ecwid_id),
            now=now,
            selection=selection,
        )


def _freeze_audience(engine: Engine, subject: _Subject, now: datetime) -> tuple[int, Selection, str]:
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
    reading_on = _recipients(engine, subject, selection, now)
    while piece := _take(reading_on, _PIECE):
        for recipient in piece:
            digest.add_recipient(recipient)
        with writing(engine) as connection:
            connection.execute(sa.insert(recipients), [{**one, "plan_id": plan_id} for one in piece])
    return plan_id, selection, digest.hex()


def _take(source: Iterator[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    return [row for row, _ in zip(source, range(most), strict=False)]


def _propose(
    engine: Engine, subject: _Subject, selection: Selection, digest: str, per_minute: int
) -> Proposal:
    revision, store = subject.revision, subject.store
    campaign, guardrails = revision.campaign, revision.guardrails
    figures = _figures(engine, subject, selection)
    worst = decide.worst_case(campaign.offer, guardrails, figures)
    likely = decide.expected(campaign.offer, guardrails, figures)
    calls = decide.calls_for(figures.codes)
    found = find_goods(engine, store.id, _applies_to(revision))
    goods = found.goods if found and not found.unknown else None
    return Proposal(
        store_id=store.ecwid_id,
        store_name=store.name,
        currency=store.currency,
        timezone=store.timezone,
        campaign=revision.name,
        title=campaign.title,
        owner=campaign.owner,
        slot_key=subject.slot_key,
        slot_at=subject.slot_at.isoformat(),
        revision=revision.digest,
        offer=say_offer(campaign.offer, store.currency, goods) if campaign.offer else "",
        valid=say_valid(campaign.offer.valid, ZoneInfo(store.timezone)) if campaign.offer else "",
        code_format=campaign.codes.format,
        code_example=campaign.codes.prefix + "•" * revision.code_format.length,
        code_bits=round(revision.code_format.bits, 1),
        template=campaign.message.template if campaign.message else "",
        subject=campaign.message.subject if campaign.message else "",
        approvers=campaign.approval.by,
        audience=Audience(
            segment=campaign.who.segment or "",
            sentence=say_segment(revision.segments[campaign.who.segment]) if campaign.who.segment else "",
            matched=selection.matched,
            excluded=dict(sorted(selection.excluded.items())),
            count=selection.count,
            digest=digest,
        ),
        exposure=Exposure(
            worst_case=worst.amount,
            worst_case_basis=worst.basis,
            expected=likely.amount,
            expected_basis=likely.basis,
        ),
        calls=calls,
        minutes=decide.minutes_for(calls, per_minute),
        verdicts=decide.verdicts(
            campaign=campaign,
            guardrails=guardrails,
            code_format=revision.code_format,
            figures=figures,
            worst=worst.amount,
        )
        + (decide.goods_verdicts(found) if found else ()),
        goods=goods,
    )


def _applies_to(revision: Revision) -> AppliesTo | None:
    offer = revision.campaign.offer
    return offer.applies_to if offer is not None else None


def say_valid(valid: Valid, zone: ZoneInfo) -> str:
    """When the codes work, with the edge of the day said plainly."""
    if valid.for_ is not None:
        return f"{spell_duration(valid.for_)} from the moment minting begins, to the end of that day in {zone.key}"
    start = f"from {valid.from_:%Y-%m-%d %H:%M} " if valid.from_ else "from the moment minting begins "
    return f"{start}until {valid.until:%Y-%m-%d %H:%M} ({zone.key})"


def _figures(engine: Engine, subject: _Subject, selection: Selection) -> decide.Figures:
    with reading(engine) as connection:
        orders, spent = selection.orders, selection.spent
        if orders == 0:
            everyone = sa.select(sa.func.sum(customers.c.orders), sa.func.sum(customers.c.spent))
            orders, spent = connection.execute(everyone.where(customers.c.store_id == subject.store.id)).one()
        past_codes, past_redemptions = _past(connection, subject.store.id, subject.revision.name)
    return decide.Figures(
        codes=selection.count,
        largest_average_order=selection.largest_average,
        average_order=Decimal(spent) / int(orders) if orders else None,
        past_codes=past_codes,
        past_redemptions=past_redemptions,
    )


def _past(connection: Connection, store_id: int, name: str) -> tuple[int, int]:
    """Live codes and redemptions of the campaign's earlier runs."""
    earlier = sa.select(runs.c.id).where(runs.c.store_id == store_id, runs.c.campaign == name)
    live = sa.select(sa.func.count()).where(codes.c.run_id.in_(earlier), codes.c.state == CodeState.LIVE)
    used = sa.select(sa.func.count()).where(redemptions.c.run_id.in_(earlier))
    return int(connection.scalar(live) or 0), int(connection.scalar(used) or 0)


def _settle(
    engine: Engine,
    run_id: int,
    state: RunState,
    reason: str,
    now: datetime,
    *,
    plan: tuple[int, Proposal] | None = None,
    not_before: datetime | None = None,
) -> RunState:
    """Put the plan in force and move the run on, unless somebody else has moved it meanwhile."""
    final = {RunState.REFUSED, RunState.DONE}
    values: dict[str, Any] = {"state": state, "reason": reason, "not_before": not_before, "changed_at": now}
    values["finished_at"] = now if state in final else None
    with writing(engine) as connection:
        if plan is not None:
            plan_id, proposal = plan
            values["plan_id"] = plan_id
            _finish_plan(connection, plan_id, proposal)
        still = (runs.c.id == run_id, runs.c.state == RunState.PLANNING)
        changed = connection.execute(sa.update(runs).where(*still).values(values)).rowcount
        if changed != 1:
            connection.rollback()
            return RunState(connection.scalars(sa.select(runs.c.state).where(runs.c.id == run_id)).one())
        if plan is not None:
            body = {
                "digest": plan[1].digest,
                "codes": plan[1].audience.count,
                "worst_case": plan[1].exposure.worst_case,
            }
            audit.record(
                connection, at=now, actor="loop", action="plan.made", subject=f"run {run_id}", body=body
            )
    return state


def _finish_plan(connection: Connection, plan_id: int, proposal: Proposal) -> None:
    connection.execute(
        sa.update(plans)
        .where(plans.c.id == plan_id)
        .values(
            digest=proposal.digest,
            body=proposal.to_json(),
            audience_count=proposal.audience.count,
            code_count=proposal.audience.count,
            worst_case=proposal.exposure.worst_case,
            expected=proposal.exposure.expected,
        )
    )
