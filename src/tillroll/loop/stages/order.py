"""The stages of one turn, in their order, each within a boundary: one that fails costs the others nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

import structlog

from tillroll.approve.act import settle_waiting_runs
from tillroll.campaign.states import Stage
from tillroll.ledger.records import Store
from tillroll.loop.stages.boundary import StageCalls
from tillroll.loop.stages.files import read_files
from tillroll.loop.stages.minting import approved_runs, mint_runs
from tillroll.loop.stages.planning import follow_events, plan_runs
from tillroll.loop.stages.sending import remind_runs, send_runs
from tillroll.loop.stages.sign_ups import welcome
from tillroll.loop.stages.store_worker import StoreWorker, mirror_session, slice_end
from tillroll.loop.stages.upkeep import change_codes, forget_old_runs, look_for_drift, reconcile_codes
from tillroll.mint.context import MintContext
from tillroll.mint.draw import new_key
from tillroll.plan.due.pool import fill_pools
from tillroll.plan.due.slots import create_due_runs
from tillroll.recovery.anchor import anchor_if_due
from tillroll.recovery.fence import guard
from tillroll.track.connect import end_pause
from tillroll.track.consent.to_store import tell_store
from tillroll.track.mail.act import handle_mail_events
from tillroll.track.mirror.follow import (
    continue_readings,
    follow_shop,
    is_reading,
    reads_news_of_orders,
    sync_customers,
)
from tillroll.track.mirror.history import read_history
from tillroll.track.results.effect.kept import measure_next, measure_store
from tillroll.track.results.redeem import end_runs
from tillroll.track.results.sums import keep_sums
from tillroll.track.tiers.follow import follow_tiers
from tillroll.track.tiers.to_store import keep_groups
from tillroll.track.webhooks.act import handle_events

log = structlog.get_logger("tillroll.loop")

_IDLE_FOR = timedelta(seconds=5)  # without work for so long, a store's history may be read,
_BACKGROUND_TIME = timedelta(seconds=2)  # for so long in one turn


def pass_fence(worker: StoreWorker) -> None:
    """Make sure that this ledger is the one that works for the store, and announce to the store what is about to begin."""
    was_asked = guard(worker.session, checked=worker.fence_checked, mark=new_key())
    worker.fence_checked = worker.fence_checked or was_asked


def run_stages(
    worker: StoreWorker, store: Store, until: datetime, calls: StageCalls, *, files_read: bool
) -> datetime | None:
    """Call every stage once; one that fails costs the others nothing. Return when to continue, or None.

    `files_read`: the ledger agrees with the campaign files; otherwise nothing begins.
    """
    engine, store_id = worker.services.engine, worker.store_id
    if not worker.fence_checked:
        pass_fence(worker)
    handled = calls.call(Stage.WEBHOOKS, lambda: handle_events(mirror_session(worker, until)), failed=0)
    told = partial(handle_mail_events, engine, store_id, now=worker.services.clock.now())
    handled += calls.call(Stage.WEBHOOKS, told, failed=0)
    waits = [calls.call(Stage.CONSENT, lambda: welcome(worker, until), failed=None)]
    made = _make_runs(worker, store, until, calls, waits)
    waits.append(calls.call(Stage.CONSENT, lambda: tell_store(worker.session, until=until), failed=None))
    waits.append(calls.call(Stage.PLAN, lambda: plan_runs(worker, until), failed=None))
    calls.call(Stage.APPROVE, lambda: _settle_plans(worker, until), failed=0)
    context = worker.mint_context
    announced = approved_runs(worker)
    pass_fence(worker)
    calls.call(Stage.AUDIT, lambda: anchor_if_due(worker.session, now=context.clock.now()), failed=None)
    waits.append(calls.call(Stage.COMPARE, lambda: reconcile_codes(worker, context, until), failed=None))
    # planning may have taken a while, and nothing may begin on files edited since
    if not files_read or not calls.call(Stage.FILES, lambda: read_files(worker), failed=False):
        announced = []
    waits.append(calls.call(Stage.CHANGE, lambda: change_codes(worker, context, until), failed=None))
    mint = partial(mint_runs, worker, context, until, announced=announced)
    waits.append(calls.call(Stage.MINT, mint, failed=None))
    pass_fence(worker)  # runs that were minted just now are about to be sent
    waits.append(calls.call(Stage.SEND, lambda: send_runs(worker, until), failed=None))
    waits.append(calls.call(Stage.REMIND, lambda: remind_runs(worker, until), failed=None))
    now = worker.services.clock.now()
    calls.call(Stage.RESULTS, lambda: keep_sums(engine, store), failed=False)
    calls.call(Stage.RESULTS, lambda: end_runs(engine, store_id=store_id, now=now), failed=0)
    if store.reason:
        end_pause(engine, store_id=store_id)
    next_at = min((moment for moment in waits if moment is not None), default=None)
    if made or handled or worker.approval_recounts or is_reading(engine, worker.following, store_id):
        next_at = worker.services.clock.now()  # there may be more of it
    if next_at is not None:
        worker.idle_since = None
        return next_at
    return _do_background_work(worker, store, context, until, calls)


def _make_runs(
    worker: StoreWorker, store: Store, until: datetime, calls: StageCalls, waits: list[datetime | None]
) -> int:
    """Follow the store and make the runs that are due: of slots, of steps, of pools. Return how many.

    Loyalty tiers follow the orders before events are looked for; when to continue with them is added to `waits`.

    While the store's lists can't be read, no event is followed: nobody knows who has bought meanwhile.
    """
    engine, clock, store_id = worker.services.engine, worker.services.clock, worker.store_id
    followed = calls.call(Stage.MIRROR, lambda: _follow_store(worker, store, until), failed=False)
    waits.append(calls.call(Stage.TIERS, lambda: _follow_tiers(worker, until), failed=None))
    slots = partial(create_due_runs, engine, store_id=store_id, now=clock.now())
    made = calls.call(Stage.SLOTS, slots, failed=0)
    if followed:
        made += calls.call(Stage.STEPS, lambda: follow_events(worker, until), failed=0)
    pools = partial(fill_pools, engine, store_id=store_id, now=clock.now())
    made += calls.call(Stage.POOLS, pools, failed=0)
    if made:
        log.info("runs.due", store=store.ecwid_id, runs=made)
    return made


def _follow_tiers(worker: StoreWorker, until: datetime) -> datetime | None:
    """Bring loyalty tiers and the store's groups of them up to date, for a slice. Return when to continue, or None.

    Waits while news of orders is being read: until then an order that was cancelled and restored may look cancelled.
    """
    engine, clock, store_id = worker.services.engine, worker.services.clock, worker.store_id
    if reads_news_of_orders(engine, store_id):
        return None
    more = follow_tiers(engine, store_id=store_id, now=clock.now(), finished=slice_end(worker, until))
    next_at = keep_groups(worker.session, until=min(until, clock.now() + worker.stage_time))
    return clock.now() if more else next_at


def _follow_store(worker: StoreWorker, store: Store, until: datetime) -> bool:
    session = mirror_session(worker, until)
    continue_readings(session, worker.following)
    follow_shop(session, worker.following, store)
    return True


def _settle_plans(worker: StoreWorker, until: datetime) -> int:
    return settle_waiting_runs(
        worker.services.engine,
        store_id=worker.store_id,
        now=worker.services.clock.now(),
        counting=worker.approval_recounts,
        finished=slice_end(worker, until),
    )


def _do_background_work(
    worker: StoreWorker, store: Store, context: MintContext, until: datetime, calls: StageCalls
) -> datetime | None:
    """Do a little work without a deadline, once nothing was due for a while. Return when to continue it, or None.

    The customers of a store that has needed none so far are read first, so that a plan can be previewed before there is any run.
    """
    clock = worker.services.clock
    now = clock.now()
    worker.idle_since = worker.idle_since or now
    if now - worker.idle_since < _IDLE_FOR:
        return worker.idle_since + _IDLE_FOR if store.customers_at is None else None
    slice_ends = min(until, now + _BACKGROUND_TIME)
    if calls.call(Stage.MIRROR, lambda: _read_more(worker, store, slice_ends), failed=False):
        return clock.now()
    clear = partial(change_codes, worker, context, slice_ends, quiet=True)
    if (cleared := calls.call(Stage.CHANGE, clear, failed=None)) is not None:
        return cleared
    forget = partial(forget_old_runs, worker, slice_ends)
    if (forgetting := calls.call(Stage.PRIVACY, forget, failed=None)) is not None:
        return forgetting
    together = partial(
        measure_store, context.engine, store_id=store.id, holdout=worker.store_holdout, now=clock.now()
    )
    calls.call(Stage.RESULTS, together, failed=False)
    measure = partial(measure_next, context.engine, store_id=store.id, now=clock.now())
    if calls.call(Stage.RESULTS, measure, failed=None) is not None:
        return clock.now()  # there may be another campaign
    return calls.call(Stage.COMPARE, lambda: look_for_drift(worker, context, slice_ends), failed=None)


def _read_more(worker: StoreWorker, store: Store, until: datetime) -> bool:
    """Read customers that nothing has needed yet, and older orders. Return whether there is more."""
    if store.customers_at is None and not sync_customers(mirror_session(worker, until)).complete:
        return True
    return read_history(worker.session, until=until)
