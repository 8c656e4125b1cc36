"""`advance(store, until)`: the whole engine. Files, mirror, due slots, plans, approvals by policy, codes, messages, orders.

Each part is a bounded slice and harmless to repeat; the stages meet in the ledger and never call each other. Whoever calls
this holds the store's lane, so there is one of it a store, wherever it runs.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog

from tillroll.approve.act import settle_waiting
from tillroll.campaign.folder.files import fingerprint
from tillroll.errors import (
    FaultyFiles,
    LedgerIsAnother,
    NeedsPerson,
    OutcomeUnknown,
    PlanLacksApi,
    Refused,
    TryLater,
)
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.lane import lane
from tillroll.loop.due import last_look, looked
from tillroll.loop.files import book_for
from tillroll.loop.lane import Lane, slice_of
from tillroll.loop.outage import tell_of_outage
from tillroll.loop.stages import (
    REST,
    approved_runs,
    change_codes,
    follow_events,
    look_for_drift,
    mint_runs,
    plan_runs,
    reconcile_codes,
    remind_runs,
    send_runs,
)
from tillroll.mint.draw import new_key
from tillroll.mint.parts import Mint
from tillroll.plan.pool import fill_pools
from tillroll.plan.record import record_book
from tillroll.plan.slots import materialise
from tillroll.track.connect import (
    CONNECTED,
    DISCONNECTED,
    FENCED,
    NO_API,
    lane_runs_again,
    load_store,
    rest_lane,
    stop_lane,
)
from tillroll.track.events import handle_events
from tillroll.track.fence import guard, note_refused
from tillroll.track.follow import follow_shop, read_on, still_reading, sync_customers
from tillroll.track.history import read_history
from tillroll.track.redeem import end_runs

__all__ = ["Lane", "advance"]

log = structlog.get_logger("tillroll.loop")

_SOON = timedelta(seconds=1)
_PROVES = 5  # turns that go well before a lane that was in trouble is back among those that do
_LONGEST_REST, _MOST_TROUBLES = timedelta(minutes=1), 10
_TAKEN = timedelta(seconds=2)  # another process works for the store
_QUIET = timedelta(seconds=5)  # nothing has waited for so long: the store's past may be read,
_HISTORY = timedelta(seconds=2)  # so much of it in one go


def advance(lane_: Lane, *, until: datetime) -> datetime | None:
    """Do what is due for one store, until then at the latest. Returns when there is more to do, or None: nothing waits.

    Trouble with the store is written to its row; anything else that goes wrong is a bug and is raised.
    """
    clock, engine = lane_.services.clock, lane_.services.engine
    with lane(engine, lane_.store_id) as held:
        if not held:
            return clock.now() + _TAKEN
        began = clock.now()
        with reading(engine) as connection:
            store = load_store(connection, lane_.store_id)
            polled_at, slow = last_look(connection, lane_.store_id)
        if lane_.spread is not None:
            lane_.remember(polled_at)
        lane_.follow(store)
        lane_.client.connection.hurried = not slow  # one in trouble is in nobody's way
        next_at = _look(lane_, store, until)
        looked(
            engine,
            store_id=lane_.store_id,
            began=began,
            ended=clock.now(),
            next_at=next_at,
            polled_at=lane_.following.polled_at,
            trouble=lane_.in_trouble or lane_.proving > 0,
        )
        return next_at


def _look(lane_: Lane, store: sa.Row[Any], until: datetime) -> datetime | None:
    """The slice itself; what the store says against it is written to its row."""
    clock = lane_.services.clock
    lane_.in_trouble = False
    _read_files(lane_)
    if store.state != CONNECTED:
        return None
    if store.not_before is not None and store.not_before > clock.now():
        rest_until: datetime = store.not_before
        lane_.in_trouble = True  # still: it was woken, and nothing has gone well since
        return rest_until
    try:
        next_at = _work(lane_, store, until)
        lane_.troubles, lane_.proving = 0, max(0, lane_.proving - 1)
        return next_at
    except NeedsPerson as trouble:
        _shut_out(lane_, store, trouble)
        return None
    except TryLater as trouble:
        return _rest(lane_, store, trouble.message, max(trouble.retry_at, clock.now() + _SOON))
    except OutcomeUnknown as trouble:
        return _rest(lane_, store, trouble.message, clock.now() + _SOON)
    except Refused as trouble:
        return _rest(lane_, store, trouble.message, clock.now() + REST)


def _shut_out(lane_: Lane, store: sa.Row[Any], trouble: NeedsPerson) -> None:
    """No more calls until somebody acts; whom it concerns is told."""
    lane_.put_down()
    state = NO_API if isinstance(trouble, PlanLacksApi) else DISCONNECTED
    if isinstance(trouble, LedgerIsAnother):
        state, lane_.fence_checked = FENCED, False
        with writing(lane_.services.engine) as connection:
            note_refused(connection, lane_.store_id)
    reason, now = f"{trouble.message} {trouble.hint}".strip(), lane_.services.clock.now()
    news = stop_lane(lane_.services.engine, store_id=lane_.store_id, state=state, reason=reason, now=now)
    log.error("store.stopped", store=store.ecwid_id, state=state, reason=trouble.message, do=trouble.hint)
    if news:
        tell_of_outage(lane_.services, store, state=state, reason=reason)


def hold_fence(lane_: Lane) -> None:
    """Make sure that this ledger is the one that works for the store, and tell the store what is about to begin."""
    asked = guard(
        lane_.services.engine,
        lane_.client,
        store_id=lane_.store_id,
        checked=lane_.fence_checked,
        mark=new_key(),
        now=lane_.services.clock.now(),
    )
    lane_.fence_checked = lane_.fence_checked or asked


def _rest(lane_: Lane, store: sa.Row[Any], reason: str, until: datetime) -> datetime:
    """No call until then, and longer each time that the store hangs again: that holds a thread, and a quick no doesn't."""
    lane_.in_trouble, lane_.proving = True, _PROVES
    lane_.put_down()
    if lane_.client.connection.hung:
        until = max(until, lane_.services.clock.now() + min(_LONGEST_REST, _SOON * 2**lane_.troubles))
        lane_.troubles += lane_.troubles < _MOST_TROUBLES
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
        environment = lane_.services.settings.environment
        book = book_for(folder, environment=environment, ecwid_id=lane_.client.connection.store_id, seen=seen)
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
    if not lane_.fence_checked:
        hold_fence(lane_)
    over = slice_of(lane_, until)
    handled = handle_events(engine, lane_.client, store_id=lane_.store_id, now=clock.now(), over=over)
    read_on(engine, lane_.client, lane_.following, store=store, now=clock.now(), over=over)
    follow_shop(engine, lane_.client, lane_.following, store=store, now=clock.now(), over=over)
    made = materialise(engine, store_id=lane_.store_id, now=clock.now())
    made += follow_events(lane_, until)
    made += fill_pools(engine, store_id=lane_.store_id, now=clock.now())
    if made:
        log.info("runs.due", store=store.ecwid_id, runs=made)
    planned = plan_runs(lane_, until)
    over, counting = slice_of(lane_, until), lane_.counting
    settle_waiting(engine, store_id=lane_.store_id, now=clock.now(), counting=counting, over=over)
    mint = Mint(engine=engine, client=lane_.client, clock=clock, store_id=lane_.store_id, watch=lane_.watch)
    told = approved_runs(lane_)
    hold_fence(lane_)
    reconciled = reconcile_codes(lane_, mint, until)
    _read_files(lane_)  # planning may have taken a while: nothing begins on files that were edited meanwhile
    changed = change_codes(lane_, mint, until)
    waits = [planned, reconciled, changed, mint_runs(lane_, mint, until, told=told)]
    hold_fence(lane_)  # what was minted just now is about to be sent
    waits += [send_runs(lane_, until), remind_runs(lane_, until)]
    end_runs(engine, store_id=lane_.store_id, now=clock.now())
    if store.reason:
        lane_runs_again(engine, store_id=lane_.store_id)
    next_at = min((moment for moment in waits if moment is not None), default=None)
    if made or handled or counting or still_reading(engine, lane_.following, lane_.store_id):
        next_at = clock.now()  # there may be more of it
    if next_at is not None:
        lane_.quiet_since = None
    return next_at if next_at is not None else _use_the_quiet(lane_, store, mint, until)


def _use_the_quiet(lane_: Lane, store: sa.Row[Any], mint: Mint, until: datetime) -> datetime | None:
    """Nothing waits, and hasn't for a while: what can wait for ever gets a little done. When to go on with it, or None.

    Who never needed the customers has them read now, so that a plan can be looked at before there is any run.
    """
    clock = lane_.services.clock
    now = clock.now()
    lane_.quiet_since = lane_.quiet_since or now
    if now - lane_.quiet_since < _QUIET:
        return None
    slice_ends = min(until, now + _HISTORY)
    engine, client = lane_.services.engine, lane_.client
    if (
        store.customers_at is None
        and not sync_customers(engine, client, store=store, now=now, over=slice_of(lane_, slice_ends)).over
    ):
        return clock.now()
    if read_history(engine, client, store_id=lane_.store_id, clock=clock, until=slice_ends):
        return clock.now()
    if (cleared := change_codes(lane_, mint, slice_ends, quiet=True)) is not None:
        return cleared
    return look_for_drift(lane_, mint, slice_ends)
