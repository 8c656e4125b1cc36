"""Recording what became of a batch: of each of its events, and of the receiver."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection

from tillroll.campaign.language.crm import CRM_ERASURES, CrmEventState
from tillroll.crm.decide import (
    EVENT_RETRIES,
    MOST_REFUSALS,
    RECEIVER_RETRIES,
    BatchOutcome,
    BatchVerdict,
    judge_answer,
    larger_batch,
    smaller_batch,
)
from tillroll.crm.receivers.answers import EventOutcome, EventVerdict, ReceiverAnswer
from tillroll.crm.receivers.receiver import EventBatch
from tillroll.ledger.crm.events import CrmEvent, leaving_events, move_events, remove_events
from tillroll.ledger.crm.feeds import PushState, change_push, load_push

_AT_ONCE = {"trouble": "", "trouble_since": None, "not_before": None, "attempts": 0}


@dataclass(frozen=True, kw_only=True)
class BatchSettled:
    """What was recorded of a batch."""

    taken: int = 0
    set_aside: int = 0
    reason: str = ""
    rest_until: datetime | None = None  # nothing is tried before; none: go on


def release_for_target(connection: Connection, store_id: int, target: str) -> None:
    """Go on at once, because the events go somewhere else now."""
    change_push(connection, store_id, target=target, refusals=0, most=0, **_AT_ONCE)


def settle_batch(
    connection: Connection,
    store_id: int,
    batch: EventBatch,
    answer: ReceiverAnswer,
    *,
    wanted: int,
    now: datetime,
) -> BatchSettled:
    """Record what an answer means, in one transaction. Events that were erased meanwhile stay so.

    `wanted` is the size of a batch by the rules.
    """
    state = load_push(connection, store_id)
    leaving = leaving_events(connection, store_id)
    verdict = judge_answer(answer, [event.key for event in batch.events])
    match verdict.outcome:
        case BatchOutcome.HELD:
            return _settle_part(connection, state, leaving, verdict, wanted, now)
        case BatchOutcome.SPLIT:
            ids = [event.id for event in leaving]
            move_events(connection, ids, to=CrmEventState.WAITING, batch=None)
            change_push(connection, store_id, most=smaller_batch(len(batch.events)), **_AT_ONCE)
            return BatchSettled(reason=verdict.reason)
        case _:
            return _settle_events(connection, state, leaving, verdict, wanted, now)


def _settle_part(
    connection: Connection,
    state: PushState,
    leaving: Sequence[CrmEvent],
    verdict: BatchVerdict,
    wanted: int,
    now: datetime,
) -> BatchSettled:
    """Record what became of some events, and hold the others: they stay in the batch, and leave again as they are."""
    known = [event for event in leaving if event.event_key in verdict.events]
    if not known:
        return hold_push(connection, state, verdict.reason, verdict.wait, now)
    settled = _settle_events(connection, state, known, verdict, wanted, now)
    if not settled.taken:
        state = load_push(connection, state.store_id)
        held = hold_push(connection, state, verdict.reason, verdict.wait, now)
        return replace(held, set_aside=settled.set_aside)
    rest_until = now + max(RECEIVER_RETRIES.pause_before(1), verdict.wait or timedelta(0))
    change_push(connection, state.store_id, not_before=rest_until)
    return replace(settled, reason=verdict.reason, rest_until=rest_until)


def hold_push(
    connection: Connection, state: PushState, reason: str, wait: timedelta | None, now: datetime
) -> BatchSettled:
    """Try nothing for a while: the batch stays as it is, and leaves again as it is."""
    attempts = state.attempts + 1
    rest_until = now + max(RECEIVER_RETRIES.pause_before(attempts), wait or timedelta(0))
    change_push(
        connection,
        state.store_id,
        trouble=reason,
        trouble_since=state.trouble_since or now,
        not_before=rest_until,
        attempts=attempts,
    )
    return BatchSettled(reason=reason, rest_until=rest_until)


def _settle_events(
    connection: Connection,
    state: PushState,
    leaving: Sequence[CrmEvent],
    verdict: BatchVerdict,
    wanted: int,
    now: datetime,
) -> BatchSettled:
    taken: list[CrmEvent] = []
    refused: list[tuple[CrmEvent, EventVerdict]] = []
    for event in leaving:
        result = verdict.events.get(event.event_key)
        if result is None or result.outcome is EventOutcome.LATER:
            rest = now + EVENT_RETRIES.pause_before(event.attempts + 1)
            reason = result.reason if result is not None else ""
            move_events(
                connection, [event.id], to=CrmEventState.WAITING, batch=None, not_before=rest, reason=reason
            )
        elif result.outcome is EventOutcome.TAKEN:
            taken.append(event)
        else:
            refused.append((event, result))
    _take(connection, taken, now)
    set_aside = sum(_refuse(connection, event, result, now) for event, result in refused)
    refusals = (
        0
        if taken
        else state.refusals + sum(not event.attempts and not result.for_good for event, result in refused)
    )
    most = larger_batch(state.most, wanted) if taken else state.most
    change_push(
        connection,
        state.store_id,
        refusals=refusals,
        most=most,
        **_AT_ONCE,
        **({"taken_at": now} if taken else {}),
    )
    settled = BatchSettled(
        taken=len(taken), set_aside=set_aside, reason=refused[0][1].reason if refused else ""
    )
    if not refused or refusals < MOST_REFUSALS:
        return settled
    reason = f"every event is refused, the last one because: {settled.reason}"
    held = hold_push(connection, state, reason, None, now)
    return BatchSettled(set_aside=set_aside, reason=reason, rest_until=held.rest_until)


def _take(connection: Connection, events: Sequence[CrmEvent], now: datetime) -> None:
    """Record that events were taken. An erasure goes: it names somebody who asked to be forgotten."""
    remove_events(connection, [event.id for event in events if event.kind == CRM_ERASURES])
    kept = [event.id for event in events if event.kind != CRM_ERASURES]
    move_events(connection, kept, to=CrmEventState.SENT, settled_at=now, not_before=None, reason="")


def _refuse(connection: Connection, event: CrmEvent, verdict: EventVerdict, now: datetime) -> bool:
    """Try a refused event again after a pause, or set it aside. Returns whether it was set aside."""
    attempts = event.attempts + 1
    again = EVENT_RETRIES.may_try_again(attempts) and not verdict.for_good
    state = CrmEventState.WAITING if again else CrmEventState.SET_ASIDE
    rest = now + EVENT_RETRIES.pause_before(attempts) if again else None
    values = {"attempts": attempts, "reason": verdict.reason, "batch": None, "not_before": rest}
    move_events(connection, [event.id], to=state, settled_at=None if again else now, **values)
    return not again
