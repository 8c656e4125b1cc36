"""The stages, one after another, for the runs of one lane: each call is a bounded slice, and harmless to repeat."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
import structlog

from tillroll.campaign.states import RunState
from tillroll.errors import Refused
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.plans import Recount
from tillroll.ledger.pools import POOL
from tillroll.ledger.runs import put_off, runs_in
from tillroll.ledger.tables import codes
from tillroll.loop.known import consent_is_known, customers_are_known, needs_few, say_it_waits
from tillroll.loop.lane import TURN, Lane, slice_of
from tillroll.mint.begin import begin
from tillroll.mint.changes.clear import clear_expired
from tillroll.mint.changes.step import change_slice, wants_orders
from tillroll.mint.drift.compare import Look
from tillroll.mint.drift.decide import night_look_is_due
from tillroll.mint.parts import Mint
from tillroll.mint.recent import Recent
from tillroll.mint.turn import mint_turn
from tillroll.plan.events.flow import end_overtaken, take_steps
from tillroll.plan.events.notice import notice, waits_for_events
from tillroll.plan.events.stock import stop_short
from tillroll.plan.make import Planning
from tillroll.send.deliver import send_slice
from tillroll.send.remind import remind_slice
from tillroll.send.sending import Post
from tillroll.send.share import ready_to_share
from tillroll.track.connect import load_store
from tillroll.track.follow import behind
from tillroll.track.mirror import ORDERS
from tillroll.track.readings import Over
from tillroll.track.sync import sync
from tillroll.wiring import Services

log = structlog.get_logger("tillroll.loop")

NOTICE_EVERY = timedelta(seconds=5)
RECONCILE_EVERY = timedelta(hours=1)
CLEAR_EVERY = timedelta(hours=1)
RECONCILE_AT_LAST = timedelta(hours=6)  # even while codes are being made
_AT_ONCE = 2  # so many large plans are made side by side: each keeps ten bytes a customer
_SHARED = timedelta(seconds=2)  # then it is looked again how far those who share it are
_ELSEWHERE = timedelta(seconds=5)  # so long the lane is left to the process that looks for drift
REST = timedelta(seconds=30)  # what is refused is tried again after that


def follow_events(lane_: Lane, until: datetime) -> int:
    """Enter whom an event brings in, and make runs of the steps that are due; returns how many runs are new.

    While a long list of orders or carts is being read, nobody knows who has bought meanwhile: then it waits.
    """
    engine, clock, store_id = lane_.services.engine, lane_.services.clock, lane_.store_id
    if behind(engine, store_id):
        return 0
    if lane_.noticed_at is None or lane_.noticed_at <= clock.now() - NOTICE_EVERY:
        lane_.noticed_at = clock.now()
        _notice(lane_, until)
        ended = end_overtaken(engine, store_id=store_id, now=clock.now())
        stopped = stop_short(engine, store_id=store_id, now=clock.now())
        if ended or stopped:
            log.info("runs.stopped", overtaken=ended, short_of_stock=stopped)
    return take_steps(engine, store_id=store_id, now=clock.now())


def _notice(lane_: Lane, until: datetime) -> None:
    engine, now, store_id = lane_.services.engine, lane_.services.clock.now(), lane_.store_id
    with reading(engine) as connection:
        if not waits_for_events(connection, store_id):
            return
        store = load_store(connection, store_id)
    if store.customers_at is None:  # what happens, happens to a customer
        customers_are_known(lane_, until)
    if entered := notice(engine, store_id=store_id, now=now):
        log.info("entries.made", store=store.ecwid_id, entries=entered)


def plan_runs(lane_: Lane, until: datetime) -> datetime | None:
    """Make the plans that are wanted, or a slice of them: when to go on, or None.

    Those that weren't begun yet come first: a welcome code doesn't wait for a million others to be planned.
    """
    engine, clock = lane_.services.engine, lane_.services.clock
    with reading(engine) as connection:
        wanting = runs_in(connection, lane_.store_id, {RunState.PLANNING}, now=clock.now())
    begun = lane_.plannings
    lane_.plannings = {run.id: begun[run.id] for run in wanting if run.id in begun}
    if not wanting:
        return None
    known, over = customers_are_known(lane_, until), slice_of(lane_, until)
    for run in sorted(wanting, key=lambda one: one.id in begun):
        with _set_aside_when_refused(lane_, run):
            _plan_run(lane_, run, known, over)
        if clock.now() >= until:
            break
    return clock.now() if lane_.plannings else None


def _plan_run(lane_: Lane, run: sa.Row[Any], known: bool, over: Over) -> None:
    services = lane_.services
    planning = lane_.plannings.pop(run.id, None)  # in trouble it is begun anew
    if planning is None:
        if not known and not needs_few(lane_, run):
            say_it_waits(lane_, run)
            return
        if len(lane_.plannings) >= _AT_ONCE and run.entry_id is None and run.kind != POOL:
            return
        per_minute = services.settings.requests_per_minute
        now = services.clock.now()
        planning = Planning(services.engine, run_id=run.id, now=now, per_minute=per_minute)
    state = planning.step(over)
    if state is None:
        lane_.plannings[run.id] = planning
        return
    log.info("plan.made", run=run.id, campaign=run.campaign, state=state.value)


def reconcile_codes(lane_: Lane, mint: Mint, until: datetime) -> datetime | None:
    """On start and hourly, once there is anything of ours in the store, a little at a time; when to go on, or None.

    While codes are on their way it waits: what is open then is asked after anyway.
    """
    now = mint.clock.now()
    if lane_.recent is None:
        with reading(mint.engine) as connection:
            last = load_store(connection, lane_.store_id).reconciled_at
            if lane_.reconciled and last is not None and last > now - RECONCILE_EVERY:
                return None
            minting = runs_in(connection, lane_.store_id, {RunState.MINTING})
            first = sa.select(sa.func.min(codes.c.reserved_at)).where(codes.c.store_id == lane_.store_id)
            since: datetime | None = last or connection.scalar(first)
        if since is None or (minting and (last is None or last > now - RECONCILE_AT_LAST)):
            return None
        lane_.recent = Recent(mint, since)
    recent, lane_.recent = lane_.recent, None  # in trouble it is begun anew
    if not recent.step(min(until, now + TURN)):
        lane_.recent = recent
        return mint.clock.now()
    found, lane_.reconciled = recent.comparison, True
    if found.missing or found.unknown or found.put_right or found.drifts:
        log.warning(
            "store.reconciled",
            missing=len(found.missing),
            unknown=found.unknown,
            put_right=found.put_right,
            drifts=found.drifts,
        )
    return None


def change_codes(lane_: Lane, mint: Mint, until: datetime, *, quiet: bool = False) -> datetime | None:
    """A little of what is to be done to codes in the store; the orders are read first where used codes are passed over."""
    engine, clock, store_id = mint.engine, mint.clock, lane_.store_id
    if quiet and (lane_.cleared_at is None or lane_.cleared_at <= clock.now() - CLEAR_EVERY):
        lane_.cleared_at = clock.now()
        clear_expired(engine, store_id=store_id, now=clock.now())
    if not wants_orders(mint):
        return change_slice(mint, until=until, quiet=quiet)
    over = slice_of(lane_, until)
    sync(engine, lane_.client, ORDERS, store_id=store_id, now=clock.now(), over=over)
    next_at = change_slice(mint, until=until, quiet=quiet)
    return clock.now() if wants_orders(mint) else next_at


def look_for_drift(lane_: Lane, mint: Mint, until: datetime) -> datetime | None:
    """Once a night, by the store's clock, compare every coupon with the ledger, a little at a time; when to go on, or None."""
    with reading(mint.engine) as connection:
        store = load_store(connection, lane_.store_id)
    if lane_.look is not None and lane_.look.is_older_than(store.drift_at):
        lane_.look = None  # another process had the lane meanwhile, and has finished its own
    if lane_.look is None:
        with reading(mint.engine) as connection:
            anything = connection.scalar(sa.select(sa.exists().where(codes.c.store_id == store.id)))
        if not anything or not night_look_is_due(store.drift_at, mint.clock.now(), ZoneInfo(store.timezone)):
            return None
        lane_.look = Look.unless_another(mint)
        if lane_.look is None:
            return mint.clock.now() + _ELSEWHERE  # whoever is at it may get its next turn
    if not lane_.look.step(until):
        return mint.clock.now()
    tally, taken_over, lane_.look = lane_.look.tally, lane_.look.taken_over, None
    if taken_over:
        return None
    log.info("drift.looked", coupons=tally.coupons, drifts=tally.drifts, new=tally.new)
    return None


def approved_runs(lane_: Lane) -> list[sa.Row[Any]]:
    """The runs that may begin now."""
    services = lane_.services
    with reading(services.engine) as connection:
        return runs_in(connection, lane_.store_id, {RunState.APPROVED}, now=services.clock.now())


def mint_runs(lane_: Lane, mint: Mint, until: datetime, *, told: Sequence[sa.Row[Any]]) -> datetime | None:
    """Begin the approved runs that the store was told of, and give all that has begun its turn.

    One that was approved since then waits for the next look: what begins untold could begin again after a restore.
    """
    clock, over, counting = mint.clock, slice_of(lane_, until), lane_.recounts
    lane_.recounts = {}
    for run in told:
        with _set_aside_when_refused(lane_, run):
            recount = counting.get(run.id) or Recount(mint.engine, run.id)
            if not recount.step(over):
                lane_.recounts[run.id] = recount
                continue
            state = begin(mint.engine, run_id=run.id, now=clock.now(), recount=recount)
            event = "mint.begins" if state is RunState.MINTING else "plan.sent_back"
            log.info(event, run=run.id, campaign=run.campaign)
    turn = mint_turn(mint, until=min(until, clock.now() + TURN))
    for run_id in turn.done:
        log.info("mint.done", run=run_id)
    for run_id, reason in turn.aside.items():
        log.warning("run.set_aside", run=run_id, reason=reason)
    return clock.now() if lane_.recounts else turn.next_at


def send_runs(lane_: Lane, until: datetime) -> datetime | None:
    services = lane_.services
    with reading(services.engine) as connection:
        sending = runs_in(connection, lane_.store_id, {RunState.SENDING}, now=services.clock.now())
    waits = []
    known = not sending or consent_is_known(lane_, until)
    for run in sending:
        with _set_aside_when_refused(lane_, run):
            if not known and not needs_few(lane_, run):
                waits.append(services.clock.now())
                continue
            next_at = _send_run(lane_, run, until)
            if next_at is None:
                log.info("send.done", run=run.id, campaign=run.campaign)
            else:
                waits.append(next_at)
    return min(waits, default=None)


def _send_run(lane_: Lane, run: sa.Row[Any], until: datetime) -> datetime | None:
    """A slice of sending; a run whose hour is far off (quiet hours) is left alone until then. Many are shared out."""
    services = lane_.services
    if lane_.spread is not None and ready_to_share(post_of(services), run_id=run.id):
        lane_.spread(run.id)
        return services.clock.now() + _SHARED
    now = services.clock.now()
    next_at = send_slice(post_of(services), run_id=run.id, until=min(until, now + TURN))
    if next_at is not None and next_at > services.clock.now() + REST:
        with writing(services.engine) as connection:
            put_off(connection, run.id, until=next_at, reason="its messages wait for their hour")
    return next_at


def remind_runs(lane_: Lane, until: datetime) -> datetime | None:
    """Reminders of codes that expire soon. A run that has none to send is left alone until it may have."""
    services = lane_.services
    with reading(services.engine) as connection:
        tracking = runs_in(connection, lane_.store_id, {RunState.TRACKING}, now=services.clock.now())
    if tracking and not consent_is_known(lane_, until):
        return services.clock.now()
    waits = []
    for run in tracking:
        with _set_aside_when_refused(lane_, run):
            next_at = remind_slice(post_of(services), run_id=run.id, until=until)
            if next_at is not None:
                waits.append(next_at)
    return min(waits, default=None)


def post_of(services: Services) -> Post:
    """What sends in this installation."""
    return Post(
        engine=services.engine,
        clock=services.clock,
        transport=services.transport,
        sender=services.settings.mail_from,
    )


@contextmanager
def _set_aside_when_refused(lane_: Lane, run: sa.Row[Any]) -> Iterator[None]:
    """A fault of one run is that run's: it waits a little and says why, and the others go on."""
    try:
        yield
    except Refused as trouble:
        until = lane_.services.clock.now() + REST
        with writing(lane_.services.engine) as connection:
            put_off(connection, run.id, until=until, reason=trouble.message)
        log.warning("run.set_aside", run=run.id, campaign=run.campaign, reason=trouble.message)
