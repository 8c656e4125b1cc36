"""What a turn does for a store's CRM: follow the rules, then push what waits."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta

from sqlalchemy.engine import Engine

from tillroll.campaign.language.crm import CrmKind, CrmRules
from tillroll.clock import Clock
from tillroll.crm.push import CrmPush, push_slice
from tillroll.crm.receivers.choose import CrmAccess, open_receiver
from tillroll.crm.settle import hold_push, release_for_target
from tillroll.errors import Misconfigured
from tillroll.ledger.crm.feeds import (
    change_push,
    close_feeds,
    find_orphan,
    has_any_row,
    list_feeds,
    load_push,
    open_feeds,
    remove_orphans,
)
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.locks.store_lock import store_lock
from tillroll.ledger.records import Store

_ORPHANS = 5_000  # events removed in one go
_ABSENT = timedelta(hours=1)  # without rules, before the feeds are closed


def tell_crm(
    engine: Engine,
    store: Store,
    rules: CrmRules | None,
    access: CrmAccess,
    *,
    clock: Clock,
    finished: Callable[[], bool],
) -> datetime | None:
    """Push what waits for a store's CRM, for a slice. Return when to go on, or None when nothing waits.

    `rules` is None where nothing is pushed: after an hour nothing is recorded either, and what waited is removed.
    """
    follow_rules(engine, store.id, rules, now=clock.now())
    if rules is None:
        return None
    with store_lock(engine, store.id, name="crm") as held:
        if not held:
            return None  # a command pushes right now
        push = CrmPush(engine=engine, store=store, rules=rules, clock=clock, finished=finished)
        if (rest_until := _rest(push)) is not None:
            return rest_until
        try:
            receiver = open_receiver(rules, access)
        except Misconfigured as fault:
            return _hold(push, fault)
        with closing(receiver):
            return push_slice(push, receiver)


def follow_rules(engine: Engine, store_id: int, rules: CrmRules | None, *, now: datetime) -> None:
    """Open and close feeds as the rules say, and remove events of what is no longer pushed, some at a time.

    Without rules the feeds go on for an hour: files that are being replaced must not cost the history.
    """
    wanted = frozenset(rules.what) if rules is not None else frozenset[CrmKind]()
    with reading(engine) as connection:
        if not wanted and not has_any_row(connection, store_id):
            return
        open_kinds = frozenset(feed.kind for feed in list_feeds(connection, store_id))
        absent_since = load_push(connection, store_id).absent_since
    if not wanted and absent_since is None:
        with writing(engine) as connection:
            change_push(connection, store_id, absent_since=now)
    if not wanted and now - (absent_since or now) < _ABSENT:
        return
    with_history = rules.history if rules is not None else False
    if wanted != open_kinds or (wanted and absent_since is not None):
        with writing(engine) as connection:
            close_feeds(connection, store_id, open_kinds - wanted)
            open_feeds(connection, store_id, wanted - open_kinds, with_history=with_history, now=now)
            if wanted:
                change_push(connection, store_id, absent_since=None)
    with reading(engine) as connection:
        has_orphans = find_orphan(connection, store_id, wanted)
    if has_orphans:
        with writing(engine) as connection:
            remove_orphans(connection, store_id, wanted, most=_ORPHANS)


def _rest(push: CrmPush) -> datetime | None:
    """Return until when the push rests; None if it goes on, as it does at once if the rules name another receiver than before."""
    with reading(push.engine) as connection:
        state = load_push(connection, push.store.id)
    if state.target != push.rules.target:
        with writing(push.engine) as connection:
            release_for_target(connection, push.store.id, push.rules.target)
        return None
    return state.not_before if state.not_before is not None and state.not_before > push.clock.now() else None


def _hold(push: CrmPush, fault: Misconfigured) -> datetime | None:
    """Note that the receiver can't be called as things are."""
    with writing(push.engine) as connection:
        state = load_push(connection, push.store.id)
        reason = f"{fault.message} {fault.hint}".strip()
        return hold_push(connection, state, reason, None, push.clock.now()).rest_until
