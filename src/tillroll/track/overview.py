"""How things stand, read from the ledger: for the pages, the command and the terminal's progress."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.frozen.revision import offers_of
from tillroll.campaign.language.models import Status
from tillroll.campaign.sentences.offers import say_offer
from tillroll.campaign.states import (
    CODE_OPEN,
    MESSAGE_OPEN,
    RUN_OPEN,
    CodeState,
    EntryState,
    MessageState,
    RunState,
)
from tillroll.campaign.timing.schedule import describe, next_slot
from tillroll.ledger.plans import load_revision
from tillroll.ledger.runs import load_run
from tillroll.ledger.tables import campaigns, codes, entries, messages, plans, redemptions, revisions, runs
from tillroll.track.arms import used_by_recipients


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far one run is. Counts by state; states without rows are left out."""

    run_id: int
    state: RunState
    reason: str
    planned: int  # codes to be made
    to_send: int  # messages, reminders aside
    codes: Mapping[CodeState, int]
    messages: Mapping[MessageState, int]
    reminders: Mapping[MessageState, int]
    redemptions: int
    discount: Decimal  # given away so far
    revenue: Decimal  # orders that used a code, in total

    @property
    def codes_live(self) -> int:
        """Codes that work in the store."""
        return self.codes.get(CodeState.LIVE, 0)

    @property
    def codes_open(self) -> int:
        """Codes drawn and not yet explained."""
        return sum(self.codes.get(state, 0) for state in CODE_OPEN)

    @property
    def messages_sent(self) -> int:
        """Messages a transport took."""
        return self.messages.get(MessageState.SENT, 0)

    @property
    def messages_held(self) -> int:
        """Messages that were not sent and won't be by themselves: held, failed or unknown."""
        return sum(
            self.messages.get(s, 0) for s in (MessageState.HELD, MessageState.FAILED, MessageState.UNKNOWN)
        )

    @property
    def messages_open(self) -> int:
        """Messages still to go."""
        return sum(self.messages.get(state, 0) for state in MESSAGE_OPEN)


def run_progress(connection: Connection, run_id: int) -> Progress:
    """How far a run is now; `NotFound` when there is none."""
    run = load_run(connection, run_id)
    counted = sa.select(plans.c.code_count, plans.c.audience_count).where(plans.c.id == run.plan_id)
    planned, to_send = connection.execute(counted).first() or (0, 0)
    made = _by_state(connection, codes, run_id)
    used = sa.select(
        sa.func.count(), sa.func.sum(redemptions.c.discount), sa.func.sum(redemptions.c.order_total)
    ).where(redemptions.c.run_id == run_id)
    count, discount, revenue = connection.execute(used).one() if made else used_by_recipients(connection, run)
    return Progress(
        run_id=run_id,
        state=RunState(run.state),
        reason=run.reason,
        planned=planned,
        to_send=to_send,
        codes={CodeState(state): n for state, n in made.items()},
        messages=_messages(connection, run_id, messages.c.kind == "offer"),
        reminders=_messages(connection, run_id, messages.c.kind == "reminder"),
        redemptions=count,
        discount=discount or Decimal(0),
        revenue=revenue or Decimal(0),
    )


def _messages(connection: Connection, run_id: int, kind: sa.ColumnElement[bool]) -> dict[MessageState, int]:
    return {MessageState(one): n for one, n in _by_state(connection, messages, run_id, kind).items()}


def _by_state(
    connection: Connection, table: sa.Table, run_id: int, *also: sa.ColumnElement[bool]
) -> dict[str, int]:
    query = (
        sa.select(table.c.state, sa.func.count().label("n"))
        .where(table.c.run_id == run_id, *also)
        .group_by(table.c.state)
    )
    return {row.state: int(row.n) for row in connection.execute(query)}


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
    worst_case: Decimal | None  # None without a plan, or without bound
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
    """Runs, newest first; `before` a run's number pages on (keyset: no offset that grows slower)."""
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
    return [_run_line(row) for row in connection.execute(query)]


def _run_line(row: sa.Row[Any]) -> RunLine:
    return RunLine(
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


@dataclass(frozen=True, kw_only=True)
class CampaignLine:
    """One campaign in a list. Without a revision (its files have faults) only name and findings are told."""

    name: str
    title: str
    status: str  # draft, active, paused, ended; "faulty" while its files have faults, "halted" by a person
    owner: str
    when: str  # its schedule as a sentence
    next_at: datetime | None
    waiting: int  # whom an event brought in and who have a step to come
    offer: str
    digest: str
    findings: tuple[str, ...]


def list_campaigns(connection: Connection, store: sa.Row[Any], now: datetime) -> list[CampaignLine]:
    """The campaigns whose files are there, by name."""
    query = sa.select(campaigns).where(campaigns.c.store_id == store.id, campaigns.c.gone_at.is_(None))
    waiting = _waiting_entries(connection, store.id)
    return [
        _campaign_line(connection, store, row, waiting.get(row.name, 0), now)
        for row in connection.execute(query.order_by(campaigns.c.name)).all()
    ]


def _waiting_entries(connection: Connection, store_id: int) -> dict[str, int]:
    """How many wait for their next step, by campaign."""
    where = (entries.c.store_id == store_id, entries.c.state == EntryState.WAITING)
    query = sa.select(entries.c.campaign, sa.func.count()).where(*where).group_by(entries.c.campaign)
    return {row[0]: row[1] for row in connection.execute(query)}


def _campaign_line(
    connection: Connection, store: sa.Row[Any], row: sa.Row[Any], waiting: int, now: datetime
) -> CampaignLine:
    findings = tuple(row.findings or ())
    if row.revision_id is None:
        return CampaignLine(
            name=row.name,
            title=row.name,
            status="faulty",
            owner="",
            when="",
            next_at=None,
            waiting=waiting,
            offer="",
            digest="",
            findings=findings,
        )
    revision = load_revision(connection, row.revision_id)
    campaign = revision.campaign
    zone = campaign.when.zone(store.timezone)
    upcoming = next_slot(campaign.when, zone=zone, first_seen=row.first_seen_at, after=now)
    acts = campaign.status is Status.ACTIVE and row.halted_at is None
    return CampaignLine(
        name=row.name,
        title=campaign.title,
        status="halted" if row.halted_at is not None else campaign.status.value,
        owner=campaign.owner,
        when=describe(campaign.when, zone),
        next_at=upcoming.at if upcoming and acts else None,
        waiting=waiting,
        offer=" · ".join(say_offer(one, store.currency) for one in offers_of(campaign)),
        digest=revision.digest,
        findings=findings,
    )


@dataclass(frozen=True, kw_only=True)
class OnHold:
    """What a store that shuts us out keeps from going on."""

    runs: int
    codes: int  # to be made
    messages: int  # to be sent


def held_up(connection: Connection, store_id: int) -> OnHold:
    """What goes on when the store lets us in again."""

    def count(table: sa.Table, states: Iterable[str]) -> int:
        where = (table.c.store_id == store_id, table.c.state.in_(sorted(states)))
        return int(connection.scalar(sa.select(sa.func.count()).select_from(table).where(*where)) or 0)

    return OnHold(
        runs=count(runs, RUN_OPEN - {RunState.TRACKING}),
        codes=count(codes, CODE_OPEN),
        messages=count(messages, MESSAGE_OPEN),
    )
