"""One turn for one store: `advance(worker, until)` calls every stage.

The order: campaign files, mirror, due slots, plans, approvals by policy, codes, e-mails, orders. Each stage is a bounded slice
and safe to repeat. Stages meet in the ledger and never call each other. `advance` holds the store's lock, so only one process
works for a store at a time, wherever it runs.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

import structlog

from tillroll.campaign.figures.retry import RetryPolicy
from tillroll.campaign.states import Stage
from tillroll.errors import (
    NeedsPerson,
    OutcomeUnknown,
    PlanLacksApi,
    Refused,
    StaleLedger,
    TryLater,
)
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.locks.store_lock import store_lock
from tillroll.ledger.queries.stores import load_store
from tillroll.ledger.records import Store
from tillroll.loop.crm import push_changes
from tillroll.loop.due import last_turn, record_turn
from tillroll.loop.limits.budgets import watch_budgets
from tillroll.loop.limits.leaks import follow_leaks
from tillroll.loop.notices.complaints import judge_complaints
from tillroll.loop.notices.outage import keep_outage
from tillroll.loop.notices.turn import tell_people
from tillroll.loop.notices.whom import ShopPeople
from tillroll.loop.stages.boundary import StageCalls
from tillroll.loop.stages.files import read_files
from tillroll.loop.stages.order import run_stages
from tillroll.loop.stages.set_aside import RETRY_AFTER
from tillroll.loop.stages.store_worker import StoreWorker, slice_end
from tillroll.recovery.fence import record_refusal
from tillroll.track.connect import (
    CONNECTED,
    DISCONNECTED,
    FENCED,
    NO_API,
    pause_store,
    stop_store,
)

__all__ = ["StoreWorker", "advance"]

log = structlog.get_logger("tillroll.loop")

_SOON = timedelta(seconds=1)
_GOOD_TURNS_NEEDED = 5  # before a store that was in trouble leaves the slow pool
_HANG_RETRIES = RetryPolicy(first_pause=_SOON, longest_pause=timedelta(minutes=1))
_HELD_ELSEWHERE = timedelta(seconds=2)  # the pause while another process holds the store's lock


def advance(worker: StoreWorker, *, until: datetime) -> datetime | None:
    """Do what is due for one store, until then at the latest. Return when there is more to do, or None when nothing waits.

    Failures of the store are written to its row in the ledger. Any other exception is a bug and is raised.
    """
    clock, engine = worker.services.clock, worker.services.engine
    with store_lock(engine, worker.store_id) as held:
        if not held:
            return clock.now() + _HELD_ELSEWHERE
        began = clock.now()
        with reading(engine) as connection:
            store = load_store(connection, worker.store_id)
            polled_at, slow = last_turn(connection, worker.store_id)
        if worker.share_out is not None:
            worker.note_poll(polled_at)
        worker.use_current_token(store)
        # slow stores have their own threads, so their calls need not hurry
        worker.client.connection.hurried = not slow
        next_at = _take_turn(worker, store, until)
        record_turn(
            engine,
            store_id=worker.store_id,
            began=began,
            ended=clock.now(),
            next_at=next_at,
            polled_at=worker.following.polled_at,
            trouble=worker.in_trouble or worker.good_turns_left > 0,
        )
        return next_at


def _take_turn(worker: StoreWorker, store: Store, until: datetime) -> datetime | None:
    """Do the store's work if it may be called, then tell its CRM and people what happened: while it can't be called, too."""
    worker.in_trouble = False
    calls = StageCalls(worker)
    next_at = _work(worker, store, until, calls)
    if calls.call(Stage.CRM, lambda: push_changes(worker, until), failed=False):
        next_at = worker.services.clock.now()
    tell_people(_audience(worker, store), calls, counting=frozenset(worker.approval_recounts))
    return next_at


def _audience(worker: StoreWorker, store: Store) -> ShopPeople:
    return ShopPeople(
        services=worker.services,
        store=store,
        rules=worker.notices,
        reports=worker.reports,
        brand=worker.brand,
    )


def _work(worker: StoreWorker, store: Store, until: datetime, calls: StageCalls) -> datetime | None:
    """Run the stages if the store may be called; write a failure of the store to its row."""
    clock = worker.services.clock
    files_read = calls.call(Stage.FILES, lambda: read_files(worker), failed=False)
    if store.state != CONNECTED:
        return None
    if store.not_before is not None and store.not_before > clock.now():
        worker.in_trouble = True  # it was woken during its pause: the trouble is not over
        return store.not_before
    try:
        calls.call(Stage.CONSENT, lambda: judge_complaints(_audience(worker, store)), failed=None)
        next_at = run_stages(worker, store, until, calls, files_read=files_read)
        worker.hangs, worker.good_turns_left = 0, max(0, worker.good_turns_left - 1)
        return clock.now() if _watch_limits(worker, store, until, calls) else next_at
    except NeedsPerson as trouble:
        _stop_after(worker, store, trouble)
        return None
    except TryLater as trouble:
        return _pause_after(worker, store, trouble.message, max(trouble.retry_at, clock.now() + _SOON))
    except OutcomeUnknown as trouble:
        return _pause_after(worker, store, trouble.message, clock.now() + _SOON)
    except Refused as trouble:
        return _pause_after(worker, store, trouble.message, clock.now() + RETRY_AFTER)


def _watch_limits(worker: StoreWorker, store: Store, until: datetime, calls: StageCalls) -> bool:
    """Compare campaigns with their limits, now that the orders were read. Return whether something is to be done at once."""
    people, finished = _audience(worker, store), slice_end(worker, until)
    paused = calls.call(Stage.RESULTS, lambda: watch_budgets(people), failed=False)
    return calls.call(Stage.RESULTS, lambda: follow_leaks(people, finished), failed=False) or paused


def _stop_after(worker: StoreWorker, store: Store, trouble: NeedsPerson) -> None:
    """Stop the store's calls until somebody acts on this trouble, and e-mail the people concerned if the stop is new."""
    worker.discard_started_work()
    state = NO_API if isinstance(trouble, PlanLacksApi) else DISCONNECTED
    if isinstance(trouble, StaleLedger):
        state, worker.fence_checked = FENCED, False
        with writing(worker.services.engine) as connection:
            record_refusal(connection, worker.store_id)
    reason, now = f"{trouble.message} {trouble.hint}".strip(), worker.services.clock.now()
    people = _audience(worker, store)
    stop_store(
        worker.services.engine,
        store_id=worker.store_id,
        state=state,
        reason=reason,
        now=now,
        also=partial(keep_outage, people=people, state=state, reason=reason, now=now),
    )
    log.error("store.stopped", store=store.ecwid_id, state=state, reason=trouble.message, do=trouble.hint)


def _pause_after(worker: StoreWorker, store: Store, reason: str, until: datetime) -> datetime:
    """Make no call until then. Return when to continue.

    The pause grows each time the store hangs again, because a hanging call holds a thread; a quick refusal does not.
    """
    worker.in_trouble, worker.good_turns_left = True, _GOOD_TURNS_NEEDED
    worker.discard_started_work()
    if worker.client.connection.hung:
        until = max(until, worker.services.clock.now() + _HANG_RETRIES.pause_before(worker.hangs + 1))
        worker.hangs += 1
    pause_store(worker.services.engine, store_id=worker.store_id, until=until, reason=reason)
    log.warning("store.rests", store=store.ecwid_id, reason=reason, until=until.isoformat())
    return until
