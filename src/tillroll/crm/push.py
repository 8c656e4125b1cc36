"""One slice of telling a store's CRM: gather events, hand them over in batches, and record what became of each.

The caller holds the store's lock of the name `crm`, so a batch that is found leaving was left by a process that is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.language.crm import CRM_ERASURES, CrmEventState, CrmKind, CrmRules
from tillroll.campaign.states import ItemKind, Stage
from tillroll.clock import Clock
from tillroll.crm.compose import compose
from tillroll.crm.receivers.receiver import ComposedEvent, EventBatch, Receiver
from tillroll.crm.settle import settle_batch
from tillroll.ledger.crm.current import CurrentCode, current_codes
from tillroll.ledger.crm.events import (
    CrmEvent,
    count_waiting_history,
    leaving_events,
    move_events,
    remove_events,
    remove_old,
    waiting_events,
)
from tillroll.ledger.crm.expiry import add_expired_piece
from tillroll.ledger.crm.feeds import CrmFeed, change_push, list_feeds, load_push
from tillroll.ledger.crm.history import add_history_piece
from tillroll.ledger.crm.revealed import note_told
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.faults.pieces import write_pieces
from tillroll.ledger.faults.rows import FaultyItem
from tillroll.ledger.people.forgotten import forgotten_among
from tillroll.ledger.records import ItemFault, Store
from tillroll.ledger.tables import crm_events

log = structlog.get_logger("tillroll.crm")

_WINDOW = 4  # times a batch: so many events are looked at for one of each person
_OLD = 1_000  # sent events looked at in one go


@dataclass(frozen=True, kw_only=True)
class CrmPush:
    """What a slice needs."""

    engine: Engine
    store: Store
    rules: CrmRules
    clock: Clock
    finished: Callable[[], bool]  # whether the slice has ended; asked after each batch


def push_slice(push: CrmPush, receiver: Receiver) -> datetime | None:
    """Push what waits, until the slice ends. Return when to go on, or None when nothing waits."""
    while True:
        more = _gather(push)
        batch = _claim(push, receiver)
        if batch is None and not more:
            _remove_old(push)
            return None
        if batch is not None and (rest_until := _hand_over(push, receiver, batch)) is not None:
            return rest_until
        if push.finished():
            return push.clock.now()


def _gather(push: CrmPush) -> bool:
    """Add some events of the history and of expired codes. Return whether there may be more of them."""
    with reading(push.engine) as connection:
        feeds = list_feeds(connection, push.store.id)
        enough = count_waiting_history(connection, push.store.id, most=push.rules.batch) >= push.rules.batch
    expiring = [feed for feed in feeds if feed.kind is CrmKind.CODES]
    reading_on = [feed for feed in feeds if not feed.history_done]
    more = False
    if reading_on and not enough:
        with writing(push.engine) as connection:
            add_history_piece(connection, reading_on[0])
            more = _came_further(connection, reading_on[0])
    for feed in expiring:
        with writing(push.engine) as connection:
            more = add_expired_piece(connection, feed, now=push.clock.now()) or more
    return more


def _came_further(connection: Connection, feed: CrmFeed) -> bool:
    """Return whether a feed's history went on: on PostgreSQL it may have to wait for others' transactions."""
    return any(
        one.kind is feed.kind
        and (one.history_after, one.history_done) != (feed.history_after, feed.history_done)
        for one in list_feeds(connection, feed.store_id)
    )


def _claim(push: CrmPush, receiver: Receiver) -> EventBatch | None:
    """Return the batch that leaves next, recorded with its text; first of all the one that was leaving already.

    An event that can't be written as JSON is set aside with a fault, and the others leave.
    """
    with reading(push.engine) as connection:
        leaving = leaving_events(connection, push.store.id)
        state = load_push(connection, push.store.id)
        chosen = [] if leaving else _choose_events(connection, push, receiver, state.most)
    number = state.last_batch + 1
    if not leaving and not chosen:
        return None
    if not leaving:
        write_pieces(
            push.engine,
            chosen,
            lambda connection, some: _record(connection, push, some, number),
            name=lambda event: _item(push, event),
            stage=Stage.CRM,
            now=push.clock.now(),
            for_good=True,
            also=lambda connection, failed: _set_aside(connection, push, failed),
        )
        with reading(push.engine) as connection:
            leaving = leaving_events(connection, push.store.id)
    return EventBatch(
        store=push.store.ecwid_id,
        current=_current(push, leaving) if receiver.shows_codes else {},
        zone=push.store.timezone,
        number=leaving[0].batch or 0 if leaving else number,
        events=[ComposedEvent.of(event) for event in leaving],
    )


def _current(push: CrmPush, events: Sequence[CrmEvent]) -> dict[str, CurrentCode]:
    """Return the codes that the addresses of events have now: what a code was when its event was written may be over."""
    people = {event.customer_id for event in events if event.customer_id is not None}
    addresses = {event.email for event in events if event.email}
    with reading(push.engine) as connection:
        return current_codes(connection, push.store.id, addresses, customer_ids=people, now=push.clock.now())


def _item(push: CrmPush, event: CrmEvent) -> FaultyItem:
    return FaultyItem(store_id=push.store.id, kind=ItemKind.ROW, name=f"crm_events {event.id}")


def _set_aside(connection: Connection, push: CrmPush, failed: Sequence[tuple[CrmEvent, ItemFault]]) -> None:
    """Set aside what can't be written as JSON; `tillroll faults` has the details."""
    for event, fault in failed:
        reason = f"it can't be told: fault {fault.reference}"
        move_events(
            connection, [event.id], to=CrmEventState.SET_ASIDE, reason=reason, settled_at=push.clock.now()
        )


def _choose_events(connection: Connection, push: CrmPush, receiver: Receiver, most: int) -> list[CrmEvent]:
    """Return the events of the next batch, in their order: at most `most`; 0: as many as the rules say."""
    size = min(push.rules.batch, receiver.most, most or push.rules.batch)
    if not receiver.one_of_each:
        return _next_events(connection, push, most=size)
    firsts: dict[str, CrmEvent] = {}
    for event in _next_events(connection, push, most=size * _WINDOW):
        firsts.setdefault(event.person, event)
    return list(firsts.values())[:size]


def _next_events(connection: Connection, push: CrmPush, *, most: int) -> list[CrmEvent]:
    """Return events that wait and may leave. While a history is read, changes wait behind it."""
    history = any(not feed.history_done for feed in list_feeds(connection, push.store.id))
    return waiting_events(connection, push.store.id, now=push.clock.now(), most=most, history_only=history)


def _record(connection: Connection, push: CrmPush, events: Sequence[CrmEvent], number: int) -> None:
    """Record what leaves as the batch with this number, before it does. What is about erased customers is removed instead."""
    store_id = push.store.id
    numbers = {event.customer_id for event in events if event.customer_id is not None}
    erased = forgotten_among(connection, store_id, numbers)
    pointless = [event for event in events if event.customer_id in erased and event.kind != CRM_ERASURES]
    remove_events(connection, [event.id for event in pointless])
    state = load_push(connection, store_id)
    composed = compose(
        connection,
        push.store,
        [event for event in events if event not in pointless],
        now=push.clock.now(),
        last_sequence=state.last_sequence,
    )
    if not composed:
        return
    told = {int(event.subject) for event in events if event.kind == CrmKind.CODES}
    note_told(connection, told, push.clock.now())
    update = (
        sa.update(crm_events)
        .where(crm_events.c.id == sa.bindparam("event_id"))
        .values(
            state=CrmEventState.LEAVING,
            batch=number,
            sequence=sa.bindparam("its_sequence"),
            event_key=sa.bindparam("its_key"),
            body=sa.bindparam("its_body"),
        )
    )
    rows = [
        {"event_id": each.id, "its_sequence": each.sequence, "its_key": each.key, "its_body": each.body}
        for each in composed
    ]
    connection.execute(update, rows)
    last = max(state.last_sequence, *(event.sequence for event in composed))
    change_push(connection, store_id, last_sequence=last, last_batch=number)


def _hand_over(push: CrmPush, receiver: Receiver, batch: EventBatch) -> datetime | None:
    """Hand a batch over and settle it. Return until when nothing is tried, or None to go on."""
    if not batch.events:
        return None  # all of its people were erased
    answer = receiver.take(batch, push.clock.now())
    if answer.next_number is not None:
        with writing(push.engine) as connection:
            ids = [event.id for event in batch.events]
            connection.execute(
                sa.update(crm_events).where(crm_events.c.id.in_(ids)).values(batch=answer.next_number)
            )
            change_push(connection, push.store.id, last_batch=answer.next_number)
        return None
    with writing(push.engine) as connection:
        settled = settle_batch(
            connection, push.store.id, batch, answer, wanted=push.rules.batch, now=push.clock.now()
        )
    how = "crm.held" if settled.rest_until is not None else "crm.pushed" if settled.taken else "crm.refused"
    (log.info if settled.taken else log.warning)(
        how,
        store=push.store.ecwid_id,
        batch=batch.number,
        events=len(batch.events),
        taken=settled.taken,
        set_aside=settled.set_aside,
        reason=settled.reason,
    )
    return settled.rest_until


def _remove_old(push: CrmPush) -> None:
    """Remove events that were taken long ago."""
    before = push.clock.now() - push.rules.keep
    with reading(push.engine) as connection:
        oldest = connection.scalar(
            sa.select(crm_events.c.settled_at)
            .where(crm_events.c.store_id == push.store.id, crm_events.c.state == CrmEventState.SENT)
            .order_by(crm_events.c.rank, crm_events.c.id)
            .limit(1)
        )
    if oldest is not None and oldest < before:
        with writing(push.engine) as connection:
            remove_old(connection, push.store.id, before=before, most=_OLD)
