"""`advance(store, until)`: the whole engine. Files, mirror, due slots, plans, approvals by policy, codes, messages, orders.

Each part is a bounded slice and harmless to repeat; the stages meet in the ledger and never call each other. Whoever calls
this holds the store's lane, so there is one of it a store, wherever it runs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog

from tillroll.approve.act import settle_waiting
from tillroll.campaign import read_book
from tillroll.campaign.folder import fingerprint
from tillroll.campaign.states import RunState
from tillroll.ecwid.client import Client
from tillroll.errors import FaultyFiles, NeedsPerson, OutcomeUnknown, PlanLacksApi, Refused, TryLater
from tillroll.ledger.engine import reading
from tillroll.ledger.lane import lane
from tillroll.ledger.runs import runs_in
from tillroll.mint.advance import mint_slice, wind_up
from tillroll.mint.begin import begin
from tillroll.mint.parts import Mint
from tillroll.mint.reconcile import reconcile
from tillroll.plan.make import make_plan
from tillroll.plan.record import record_book
from tillroll.plan.slots import materialise
from tillroll.send.deliver import send_slice
from tillroll.track.connect import (
    CONNECTED,
    DISCONNECTED,
    NO_API,
    lane_runs_again,
    load_store,
    rest_lane,
    stop_lane,
)
from tillroll.track.redeem import end_runs, mark_redemptions
from tillroll.track.sync import sync_customers, sync_orders, sync_profile
from tillroll.wiring import Services

log = structlog.get_logger("tillroll.loop")

FRESH = timedelta(minutes=5)  # the mirror of customers is read again before a plan if it is older
ORDERS_EVERY = timedelta(minutes=5)
PROFILE_EVERY = timedelta(hours=6)
RECONCILE_EVERY = timedelta(hours=1)
_REST = timedelta(seconds=30)
_WHOLE_BEGIN = timedelta(seconds=1)


@dataclass(kw_only=True)
class Lane:
    """One store's lane in this process: its client (one pace a token) and what it remembers between slices."""

    services: Services
    store_id: int
    client: Client
    files_seen: str = ""
    reconciled: bool = False  # since this process began
    wound_up: set[int] = field(default_factory=set)  # halted runs that have nothing open in the store


def advance(lane_: Lane, *, until: datetime) -> datetime | None:
    """Do what is due for one store, until then at the latest. Returns when there is more to do, or None: nothing waits.

    Trouble with the store is written to its row; anything else that goes wrong is a bug and is raised.
    """
    services, store_id = lane_.services, lane_.store_id
    clock = services.clock
    with lane(services.engine, store_id) as held:
        if not held:
            return clock.now() + _WHOLE_BEGIN
        with reading(services.engine) as connection:
            store = load_store(connection, store_id)
        _read_files(lane_)
        if store.state != CONNECTED:
            return None
        if store.not_before is not None and store.not_before > clock.now():
            rest_until: datetime = store.not_before
            return rest_until
        try:
            return _work(lane_, store, until)
        except NeedsPerson as trouble:
            state = NO_API if isinstance(trouble, PlanLacksApi) else DISCONNECTED
            stop_lane(
                services.engine,
                store_id=store_id,
                state=state,
                reason=f"{trouble.message} {trouble.hint}".strip(),
                now=clock.now(),
            )
            log.error(
                "store.stopped", store=store.ecwid_id, state=state, reason=trouble.message, do=trouble.hint
            )
            return None
        except TryLater as trouble:
            return _rest(lane_, store, trouble.message, max(trouble.retry_at, clock.now() + _WHOLE_BEGIN))
        except OutcomeUnknown as trouble:
            return _rest(lane_, store, trouble.message, clock.now() + _WHOLE_BEGIN)
        except Refused as trouble:
            return _rest(lane_, store, trouble.message, clock.now() + _REST)


def _rest(lane_: Lane, store: sa.Row[Any], reason: str, until: datetime) -> datetime:
    rest_lane(lane_.services.engine, store_id=lane_.store_id, until=until, reason=reason)
    log.warning("store.rests", store=store.ecwid_id, reason=reason, until=until.isoformat())
    return until


def _read_files(lane_: Lane) -> None:
    """Bring the ledger in line with the campaign files, if they look different from last time."""
    folder = lane_.services.settings.folder
    try:
        seen = fingerprint(folder)
        if seen == lane_.files_seen:
            return
        book = read_book(folder)
    except FaultyFiles as trouble:
        if lane_.files_seen != trouble.message:
            log.error("campaigns.unreadable", reason=trouble.message, do=trouble.hint)
        lane_.files_seen = trouble.message
        return
    record_book(lane_.services.engine, store_id=lane_.store_id, book=book, now=lane_.services.clock.now())
    lane_.files_seen = seen
    for finding in book.findings:
        log.warning("campaign.finding", where=f"{finding.file}:{finding.line}", problem=finding.problem)
    log.info("campaign.read", campaigns=len(book.revisions), faulty=len(book.faulty))


def _work(lane_: Lane, store: sa.Row[Any], until: datetime) -> datetime | None:
    engine, clock = lane_.services.engine, lane_.services.clock
    _sync_shop(lane_, store)
    made = materialise(engine, store_id=lane_.store_id, now=clock.now())
    if made:
        log.info("runs.due", store=store.ecwid_id, runs=made)
    _plan_runs(lane_, until)
    settle_waiting(engine, store_id=lane_.store_id, now=clock.now())
    mint = Mint(engine=engine, client=lane_.client, clock=clock, store_id=lane_.store_id)
    _reconcile(lane_, mint)
    waits = [_mint_runs(lane_, mint, until), _send_runs(lane_, until)]
    end_runs(engine, store_id=lane_.store_id, now=clock.now())
    lane_runs_again(engine, store_id=lane_.store_id)
    return min((moment for moment in waits if moment is not None), default=None)


def _sync_shop(lane_: Lane, store: sa.Row[Any]) -> None:
    """The profile first of all, since currency and time zone are part of every plan; orders every few minutes."""
    engine, now = lane_.services.engine, lane_.services.clock.now()
    if store.profile_at is None or store.profile_at <= now - PROFILE_EVERY:
        sync_profile(engine, lane_.client, store_id=lane_.store_id, now=now)
    if store.orders_at is None or store.orders_at <= now - ORDERS_EVERY:
        read = sync_orders(engine, lane_.client, store=store, now=now)
        used = mark_redemptions(engine, store_id=lane_.store_id, seen_since=now)
        log.info("orders.read", store=store.ecwid_id, orders=read, redemptions=used)


def _plan_runs(lane_: Lane, until: datetime) -> None:
    engine, clock = lane_.services.engine, lane_.services.clock
    with reading(engine) as connection:
        wanting = runs_in(connection, lane_.store_id, {RunState.PLANNING}, now=clock.now())
        store = load_store(connection, lane_.store_id)
    if not wanting:
        return
    if store.customers_at is None or store.customers_at <= clock.now() - FRESH:
        read = sync_customers(engine, lane_.client, store=store, now=clock.now())
        log.info("customers.read", store=store.ecwid_id, customers=read)
    for run in wanting:
        per_minute = lane_.services.settings.requests_per_minute
        state = make_plan(engine, run_id=run.id, now=clock.now(), per_minute=per_minute)
        log.info("plan.made", run=run.id, campaign=run.campaign, state=state.value)
        if clock.now() >= until:
            return


def _reconcile(lane_: Lane, mint: Mint) -> None:
    """On start and hourly, once there is anything of ours in the store."""
    now = mint.clock.now()
    with reading(mint.engine) as connection:
        store = load_store(connection, lane_.store_id)
        begun = runs_in(connection, lane_.store_id, {RunState.MINTING, RunState.SENDING, RunState.TRACKING})
    last = store.reconciled_at if lane_.reconciled else None
    if not begun or (last is not None and last > now - RECONCILE_EVERY):
        return
    found = reconcile(mint)
    lane_.reconciled = True
    if not found.agrees or found.put_right:
        log.warning(
            "store.reconciled", missing=len(found.missing), unknown=found.unknown, put_right=found.put_right
        )


def _mint_runs(lane_: Lane, mint: Mint, until: datetime) -> datetime | None:
    """Begin what is approved and work on what has begun; a run that must wait for the store gives way to the next."""
    clock, engine = mint.clock, mint.engine
    with reading(engine) as connection:
        approved = runs_in(connection, lane_.store_id, {RunState.APPROVED}, now=clock.now())
        halted = runs_in(connection, lane_.store_id, {RunState.HALTED})
    for run in approved:
        state = begin(engine, run_id=run.id, now=clock.now())
        log.info(
            "mint.begins" if state is RunState.MINTING else "plan.sent_back",
            run=run.id,
            campaign=run.campaign,
        )
    waits: list[datetime] = []
    for run in halted:
        if run.id not in lane_.wound_up:
            if (ask_again := wind_up(mint, run_id=run.id)) is None:
                lane_.wound_up.add(run.id)
            else:
                waits.append(ask_again)
    with reading(engine) as connection:
        minting = runs_in(connection, lane_.store_id, {RunState.MINTING}, now=clock.now())
    for run in minting:
        next_at = mint_slice(mint, run_id=run.id, until=until)
        if next_at is None:
            log.info("mint.done", run=run.id, campaign=run.campaign)
            next_at = clock.now()
        waits.append(next_at)
    return min(waits, default=None)


def _send_runs(lane_: Lane, until: datetime) -> datetime | None:
    services = lane_.services
    with reading(services.engine) as connection:
        sending = runs_in(connection, lane_.store_id, {RunState.SENDING})
    if sending and _consent_is_stale(lane_):
        with reading(services.engine) as connection:
            store = load_store(connection, lane_.store_id)
        sync_customers(services.engine, lane_.client, store=store, now=services.clock.now())
    waits = []
    for run in sending:
        next_at = send_slice(
            services.engine,
            clock=services.clock,
            transport=services.transport,
            sender=services.settings.mail_from,
            run_id=run.id,
            until=until,
        )
        if next_at is None:
            log.info("send.done", run=run.id, campaign=run.campaign)
        else:
            waits.append(next_at)
    return min(waits, default=None)


def _consent_is_stale(lane_: Lane) -> bool:
    """Whether somebody may have withdrawn consent since the mirror was read."""
    with reading(lane_.services.engine) as connection:
        store = load_store(connection, lane_.store_id)
    return store.customers_at is None or store.customers_at <= lane_.services.clock.now() - FRESH
