"""Codes that are in the store already: changes to them, and comparing the store with the ledger."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog

from tillroll.campaign.states import RunState
from tillroll.campaign.text.zones import zone_of
from tillroll.ledger.counting.mend import fold_counts
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.queries.runs import runs_in
from tillroll.ledger.queries.stores import load_store
from tillroll.ledger.tables import codes
from tillroll.loop.stages.store_worker import STAGE_TIME, StoreWorker, mirror_session
from tillroll.mint.changes.clear import clear_expired
from tillroll.mint.changes.step import change_slice, has_change_waiting_for_orders
from tillroll.mint.context import MintContext
from tillroll.mint.reconcile.by_code import record_reconciled
from tillroll.mint.reconcile.decide import is_nightly_due
from tillroll.mint.reconcile.hourly import RecentComparison
from tillroll.mint.reconcile.nightly import NightlyComparison
from tillroll.privacy.retention import forget_old
from tillroll.track.mirror.areas import ORDERS
from tillroll.track.mirror.sync import sync

log = structlog.get_logger("tillroll.loop")

RECONCILE_EVERY = timedelta(hours=1)
RECONCILE_AT_LATEST = timedelta(hours=6)  # even while codes are being made
CLEAR_EVERY = timedelta(hours=1)
FORGET_EVERY = timedelta(hours=6)
_CLAIMED_ELSEWHERE = timedelta(seconds=5)  # the pause while another process runs the nightly comparison


def reconcile_codes(worker: StoreWorker, context: MintContext, until: datetime) -> datetime | None:
    """Compare recent changes in the store with the ledger, for a slice. Return when to continue, or None.

    Due at the start of a process and then hourly; a store without any code of ours counts as compared. Waits while codes are
    being made, since the outcome of those is asked for anyway.
    """
    now = context.clock.now()
    if worker.hourly is None:
        with reading(context.engine) as connection:
            last = load_store(connection, worker.store_id).reconciled_at
            if worker.reconciled and last is not None and last > now - RECONCILE_EVERY:
                return None
            minting = runs_in(connection, worker.store_id, {RunState.MINTING})
            first = sa.select(sa.func.min(codes.c.reserved_at)).where(codes.c.store_id == worker.store_id)
            since: datetime | None = last or connection.scalar(first)
        if since is None:  # no code was ever reserved: there is nothing to compare up to now
            record_reconciled(context, now)
            worker.reconciled = True
            return None
        if minting and (last is None or last > now - RECONCILE_AT_LATEST):
            return None
        worker.hourly = RecentComparison(context, since)
    hourly, worker.hourly = worker.hourly, None  # after an error it starts again
    if not hourly.step(min(until, now + STAGE_TIME)):
        worker.hourly = hourly
        return context.clock.now()
    comparison, worker.reconciled = hourly.comparison, True
    if comparison.missing or comparison.unknown or comparison.corrected or comparison.drifts:
        log.warning(
            "store.reconciled",
            missing=len(comparison.missing),
            unknown=comparison.unknown,
            put_right=comparison.corrected,
            drifts=comparison.drifts,
        )
    return None


def change_codes(
    worker: StoreWorker, context: MintContext, until: datetime, *, quiet: bool = False
) -> datetime | None:
    """Carry out changes to codes, for a slice. Return when to continue, or None.

    Orders are read first where a change skips used codes. `quiet`: no other work is due, so expired codes are cleared too.
    """
    engine, clock, store_id = context.engine, context.clock, worker.store_id
    if quiet and (worker.cleared_at is None or worker.cleared_at <= clock.now() - CLEAR_EVERY):
        worker.cleared_at = clock.now()
        clear_expired(engine, store_id=store_id, now=clock.now())
    if not has_change_waiting_for_orders(context):
        return change_slice(context, until=until, quiet=quiet)
    sync(mirror_session(worker, until), ORDERS)
    next_at = change_slice(context, until=until, quiet=quiet)
    return clock.now() if has_change_waiting_for_orders(context) else next_at


def forget_old_runs(worker: StoreWorker, until: datetime) -> datetime | None:
    """Forget the recipients of runs that ended long ago, for a slice, then fold counts. Return when to continue, or None."""
    clock = worker.services.clock
    if worker.forgot_at is not None and worker.forgot_at > clock.now() - FORGET_EVERY:
        return None
    engine, rules = worker.services.engine, worker.privacy
    if forget_old(engine, store_id=worker.store_id, rules=rules, clock=clock, until=until):
        return clock.now()
    with writing(engine) as connection:
        fold_counts(connection)
    worker.forgot_at = clock.now()
    return None


def look_for_drift(worker: StoreWorker, context: MintContext, until: datetime) -> datetime | None:
    """Compare every coupon with the ledger once a night (store time), for a slice. Return when to continue, or None."""
    with reading(context.engine) as connection:
        store = load_store(connection, worker.store_id)
    if worker.nightly is not None and worker.nightly.is_older_than(store.drift_at):
        worker.nightly = None  # another process has finished a comparison meanwhile
    if worker.nightly is None:
        with reading(context.engine) as connection:
            has_codes = connection.scalar(sa.select(sa.exists().where(codes.c.store_id == store.id)))
        if not has_codes or not is_nightly_due(store.drift_at, context.clock.now(), zone_of(store.timezone)):
            return None
        worker.nightly = NightlyComparison.start_unless_running(context)
        if worker.nightly is None:
            return context.clock.now() + _CLAIMED_ELSEWHERE
    if not worker.nightly.step(until):
        return context.clock.now()
    tally, taken_over, worker.nightly = worker.nightly.tally, worker.nightly.taken_over, None
    if taken_over:
        return None
    log.info("drift.looked", coupons=tally.coupons, drifts=tally.drifts, new=tally.new)
    return None
