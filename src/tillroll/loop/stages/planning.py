"""Turn store events and due steps into runs, and plan the runs that are due."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from tillroll.campaign.states import RunState, Stage
from tillroll.flows.enroll import enroll, waits_for_events
from tillroll.flows.overtaken import end_overtaken
from tillroll.flows.steps import take_steps
from tillroll.ledger.engine import reading
from tillroll.ledger.queries.pools import POOL
from tillroll.ledger.queries.runs import runs_in
from tillroll.ledger.queries.stores import load_store
from tillroll.ledger.records import Run
from tillroll.loop.stages.boundary import one_run
from tillroll.loop.stages.refresh import put_off_until_read, refresh_customers, refresh_one_customer
from tillroll.loop.stages.store_worker import StoreWorker, slice_end
from tillroll.plan.goods.stock import stop_runs_short_of_stock
from tillroll.plan.make import Planning
from tillroll.track.mirror.follow import is_behind
from tillroll.track.mirror.session import SliceFinished

log = structlog.get_logger("tillroll.loop")

CHECK_EVENTS_EVERY = timedelta(seconds=5)
_LARGE_PLANS = 2  # made at the same time: each keeps ten bytes a customer in memory


def follow_events(worker: StoreWorker, until: datetime) -> int:
    """Enrol customers whom store events bring in, and make runs of the steps that are due. Return the number of new runs.

    Waits while a long list of orders, carts or products is being read: until then nobody knows who has bought meanwhile.
    """
    engine, clock, store_id = worker.services.engine, worker.services.clock, worker.store_id
    if is_behind(engine, store_id, clock.now()):
        return 0
    checked_at = worker.events_checked_at
    if checked_at is None or checked_at <= clock.now() - CHECK_EVENTS_EVERY:
        worker.events_checked_at = clock.now()
        _enroll(worker, until)
        ended = end_overtaken(engine, store_id=store_id, now=clock.now())
        stopped = stop_runs_short_of_stock(engine, store_id=store_id, now=clock.now())
        if ended or stopped:
            log.info("runs.stopped", overtaken=ended, short_of_stock=stopped)
    return take_steps(engine, store_id=store_id, now=clock.now())


def _enroll(worker: StoreWorker, until: datetime) -> None:
    engine, now, store_id = worker.services.engine, worker.services.clock.now(), worker.store_id
    with reading(engine) as connection:
        if not waits_for_events(connection, store_id):
            return
        store = load_store(connection, store_id)
    if store.customers_at is None:  # an event is about a customer of the mirror
        refresh_customers(worker, until)
    if entered := enroll(engine, store_id=store_id, now=now):
        log.info("entries.made", store=store.ecwid_id, entries=entered)


def plan_runs(worker: StoreWorker, until: datetime) -> datetime | None:
    """Make the plans that are due, or a slice of them. Return when to continue, or None when no plan is half done.

    New plans come before those already begun: a welcome code need not wait for a million others to be planned.
    """
    engine, clock = worker.services.engine, worker.services.clock
    with reading(engine) as connection:
        unplanned = runs_in(connection, worker.store_id, {RunState.PLANNING}, now=clock.now())
    begun = worker.plannings
    worker.plannings = {run.id: begun[run.id] for run in unplanned if run.id in begun}
    if not unplanned:
        return None
    all_read, finished = refresh_customers(worker, until), slice_end(worker, until)
    for run in sorted(unplanned, key=lambda run: run.id in begun):
        with one_run(worker, run, Stage.PLAN):
            _plan_run(worker, run, all_read, finished)
        if clock.now() >= until:
            break
    return clock.now() if worker.plannings else None


def _plan_run(worker: StoreWorker, run: Run, all_read: bool, finished: SliceFinished) -> None:
    services = worker.services
    planning = worker.plannings.pop(run.id, None)  # after an error it starts again
    if planning is None:
        if not all_read and not refresh_one_customer(worker, run):
            put_off_until_read(worker, run)
            return
        if len(worker.plannings) >= _LARGE_PLANS and run.entry_id is None and run.kind != POOL:
            return
        per_minute = services.settings.requests_per_minute
        now = services.clock.now()
        planning = Planning(
            services.engine,
            run_id=run.id,
            now=now,
            per_minute=per_minute,
            has_links=bool(services.links),
            transport=services.transport_of(worker.ecwid_id).name,
        )
    state = planning.step(finished)
    if state is None:
        worker.plannings[run.id] = planning
        return
    log.info("plan.made", run=run.id, campaign=run.campaign, state=state.value)
