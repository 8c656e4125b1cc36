"""Lists of runs and campaigns, and what a stopped store holds up: for the pages, commands and the terminal."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.frozen.revision import offers_of
from tillroll.campaign.language.models import Status
from tillroll.campaign.sentences.offers import say_offer
from tillroll.campaign.states import (
    CODE_OPEN,
    MESSAGE_OPEN,
    RUN_OPEN,
    RunState,
)
from tillroll.campaign.timing.schedule import describe, next_slot
from tillroll.ledger.counting.read import count_codes, count_messages, waiting_entries
from tillroll.ledger.faults.boundary import concerns_everybody, place_of
from tillroll.ledger.queries.plans import load_revision
from tillroll.ledger.records import CampaignRecord, Store
from tillroll.ledger.tables import campaigns, plans, revisions, runs


@dataclass(frozen=True, kw_only=True)
class RunLine:
    """One run in a list."""

    run_id: int
    campaign: str
    title: str
    slot_at: datetime
    state: RunState
    reason: str
    started_by: str
    codes: int
    worst_case: Decimal | None  # None: it has no plan, or its cost is unlimited
    currency: str
    changed_at: datetime


def list_runs(
    connection: Connection,
    store_id: int,
    *,
    states: Collection[RunState] | None = None,
    campaign: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[RunLine]:
    """Return runs, newest first. For the next page, pass the last run's number as `before`."""
    query = (
        sa.select(runs, plans.c.code_count, plans.c.worst_case, plans.c.currency, revisions.c.title)
        .outerjoin(plans, plans.c.id == runs.c.plan_id)
        .outerjoin(revisions, revisions.c.id == plans.c.revision_id)
        .where(runs.c.store_id == store_id)
        .order_by(runs.c.id.desc())
        .limit(limit)
    )
    if states is not None:
        query = query.where(runs.c.state.in_(tuple(states)))
    if campaign is not None:
        query = query.where(runs.c.campaign == campaign)
    if before is not None:
        query = query.where(runs.c.id < before)
    return [
        RunLine(
            run_id=row.id,
            campaign=row.campaign,
            title=row.title or row.campaign,
            slot_at=row.slot_at,
            state=RunState(row.state),
            reason=row.reason,
            started_by=row.started_by,
            codes=row.code_count or 0,
            worst_case=row.worst_case,
            currency=row.currency or "",
            changed_at=row.changed_at,
        )
        for row in connection.execute(query)
    ]


@dataclass(frozen=True, kw_only=True)
class CampaignLine:
    """One campaign in a list. If its files have faults it has no revision, and most fields are empty."""

    name: str
    title: str
    status: (
        str  # draft, active, paused or ended; `faulty`: its files have faults, `halted` by a person, `broken`
    )
    owner: str
    when: str  # its schedule as a sentence
    next_at: datetime | None
    waiting: int  # entries that wait for their next step
    offer: str
    digest: str
    findings: tuple[str, ...]
    broken: str = ""  # where it fails, if it can't be read although its files have no faults


def list_campaigns(connection: Connection, store: Store, now: datetime) -> list[CampaignLine]:
    """Return the campaigns whose files exist, by name; one that can't be read says so, and the others are shown."""
    query = sa.select(campaigns).where(campaigns.c.store_id == store.id, campaigns.c.gone_at.is_(None))
    waiting = waiting_entries(connection, store.id)
    records = [CampaignRecord.from_row(row) for row in connection.execute(query.order_by(campaigns.c.name))]
    return [
        _line_or_broken(connection, store, record, waiting.get(record.name, 0), now) for record in records
    ]


def _line_or_broken(
    connection: Connection, store: Store, record: CampaignRecord, waiting: int, now: datetime
) -> CampaignLine:
    try:
        return _campaign_line(connection, store, record, waiting, now)
    except Exception as fault:
        if concerns_everybody(fault):
            raise
        where = f"{type(fault).__name__} at {place_of(fault)}"
        return replace(_bare_line(record, waiting, "broken"), broken=where)


def _bare_line(record: CampaignRecord, waiting: int, status: str) -> CampaignLine:
    """Return what is known of a campaign without its revision."""
    return CampaignLine(
        name=record.name,
        title=record.name,
        status="halted" if record.halted_at is not None and status == "broken" else status,
        owner="",
        when="",
        next_at=None,
        waiting=waiting,
        offer="",
        digest="",
        findings=tuple(record.findings or ()),
    )


def _campaign_line(
    connection: Connection, store: Store, record: CampaignRecord, waiting: int, now: datetime
) -> CampaignLine:
    if record.revision_id is None:
        return _bare_line(record, waiting, "faulty")
    revision = load_revision(connection, record.revision_id)
    campaign = revision.campaign
    zone = campaign.when.zone(store.timezone)
    upcoming = next_slot(campaign.when, zone=zone, first_seen=record.first_seen_at, after=now)
    is_active = campaign.status is Status.ACTIVE and record.halted_at is None
    return CampaignLine(
        name=record.name,
        title=campaign.title,
        status="halted" if record.halted_at is not None else campaign.status.value,
        owner=campaign.owner,
        when=describe(campaign.when, zone, store.currency),
        next_at=upcoming.at if upcoming and is_active else None,
        waiting=waiting,
        offer=" · ".join(say_offer(offer, store.currency) for offer in offers_of(campaign)),
        digest=revision.digest,
        findings=tuple(record.findings or ()),
    )


@dataclass(frozen=True, kw_only=True)
class LastRun:
    """The latest run of a campaign."""

    run_id: int
    state: RunState


def last_runs(connection: Connection, store_id: int) -> dict[str, LastRun]:
    """Return the latest run of every campaign of a store, by the campaign's name."""
    latest = sa.select(sa.func.max(runs.c.id)).where(runs.c.store_id == store_id).group_by(runs.c.campaign)
    query = sa.select(runs.c.id, runs.c.campaign, runs.c.state).where(runs.c.id.in_(latest))
    return {
        row.campaign: LastRun(run_id=row.id, state=RunState(row.state)) for row in connection.execute(query)
    }


@dataclass(frozen=True, kw_only=True)
class CampaignHalt:
    """Since when a campaign is halted, and by whom."""

    at: datetime
    person: str


def halted_campaigns(connection: Connection, store_id: int) -> dict[str, CampaignHalt]:
    """Return the halted campaigns of a store, by name."""
    where = (campaigns.c.store_id == store_id, campaigns.c.halted_at.is_not(None))
    return {
        row.name: CampaignHalt(at=row.halted_at, person=row.halted_by)
        for row in connection.execute(sa.select(campaigns).where(*where))
    }


@dataclass(frozen=True, kw_only=True)
class OnHold:
    """The work that waits while a store can't be used."""

    runs: int
    codes: int  # to be made
    messages: int  # to be sent


def count_on_hold(connection: Connection, store_id: int) -> OnHold:
    """Count the work that continues when the store can be used again."""

    under_way = runs.c.state.in_(sorted(RUN_OPEN - {RunState.TRACKING}))
    of_store = sa.select(sa.func.count()).select_from(runs).where(runs.c.store_id == store_id, under_way)
    return OnHold(
        runs=int(connection.scalar(of_store) or 0),
        codes=count_codes(connection, store_id, CODE_OPEN),
        messages=count_messages(connection, store_id, MESSAGE_OPEN),
    )
