"""The fence: a ledger that was restored from a backup, or copied, must not make codes or send e-mails a second time.

The store keeps an epoch and a random mark, and the ledger keeps the same two. Both are raised together before a run makes its
first code, before it sends its first e-mail, and at intervals while it works. A backup from before the last raise has an older
mark and is refused. The ledger also remembers which database it was (`ledger/database_identity.py`), so that a copy is detected
at its first look, while its mark is still the original's.

Crash points: *intended*: the new mark is stored here, and the store may have it or not; the ledger accepts either. *raised*: the
store has the new mark, and the ledger adopts it at the next check.

Commands that change the store or reach a customer pass the fence too (`ownership_check.py`). A command that hands codes out
raises it first, since a backup from before would hand the same codes out again.

Not detected: a backup put back over its own file, if it is younger than the last raise. Codes are found in the store all the
same; e-mails of that time (`RAISE_SENDING` at most) are not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.batches.session import StoreSession
from tillroll.campaign.states import RunState
from tillroll.errors import StaleLedger, TryLater
from tillroll.ledger.database_identity import identity_of
from tillroll.ledger.engine import reading, upsert, writing
from tillroll.ledger.locks.store_lock import store_lock
from tillroll.ledger.tables import fences, lanes, runs, stores
from tillroll.recovery.anchor import Anchor, head_to_keep
from tillroll.recovery.decide import (
    BegunRun,
    FenceRecord,
    FenceState,
    FenceVerdict,
    Place,
    RunStage,
    StoreRecord,
    UnreadableRecord,
    judge_ledger,
    must_report,
    runs_to_report,
)
from tillroll.recovery.fence_place import KEY, keep_record, read_record

RAISE_SENDING = timedelta(seconds=30)  # how often the fence is raised while a run sends
RAISE_MINTING = timedelta(minutes=5)  # rarer while runs only mint: codes are found in the store anyway
MOST_REPORTED = 300  # runs that the store's record has room for
_LOCK_PAUSE = timedelta(seconds=2)  # how long another process holds the fence at most, usually
_STAGES = {
    RunState.APPROVED: RunStage.MINT,
    RunState.MINTING: RunStage.MINT,
    RunState.SENDING: RunStage.SEND,
}
_PLACES = {
    Place.STORAGE: f"the app's storage under {KEY}",
    Place.COUPON: "the name of the paused coupon that Tillroll made for this",
}
_MESSAGES = {
    FenceVerdict.OLDER: "This ledger is older than its store: it was restored from a backup and lacks what was done since.",
    FenceVerdict.COPY: "This ledger is a copy: the original may still be at work.",
    FenceVerdict.OTHER: "Another ledger works for this store, or this one was restored from a backup from before its first run.",
    FenceVerdict.UNREADABLE: "What the store keeps about the ledger that works for it can't be read, in {place}.",
    FenceVerdict.MISSING: "The store no longer shows what this ledger wrote about itself: it was deleted, or it may not be read.",
}


class FenceTaken(TryLater):
    """Another process is checking or raising the fence right now."""


@dataclass(frozen=True, kw_only=True)
class Fence:
    """The ledger's side of the fence, as stored."""

    state: FenceState
    reported: tuple[BegunRun, ...]  # runs that the store was told of
    place: Place | None  # where the store keeps its record (`fence_place.py`); None: not known yet
    raised_at: datetime | None
    since: datetime | None  # the ledger was refused: it may know nothing of what happened since


def load_fence(connection: Connection, store_id: int) -> Fence:
    """Return the ledger's side of a store's fence; an empty one if the fence was never raised."""
    row = connection.execute(sa.select(fences).where(fences.c.store_id == store_id)).first()
    if row is None:
        empty = FenceState(epoch=0, mark="", intended="", home="")
        return Fence(state=empty, reported=(), place=None, raised_at=None, since=None)
    return Fence(
        state=FenceState(epoch=row.epoch, mark=row.mark, intended=row.intended, home=row.home),
        reported=tuple(BegunRun.from_row(run) for run in row.told or ()),
        place=Place(row.place) if row.place else None,
        raised_at=row.raised_at,
        since=row.since,
    )


def guard(session: StoreSession, *, checked: bool, mark: str, raising: bool = False) -> bool:
    """Let work on a store continue, and first raise the fence if a run is about to begin. Returns whether the store was asked.

    `checked`: this process has asked the store before. `mark`: a new random mark. `raising`: raise the fence in any case. Raises
    `StaleLedger` if the work may not continue, and `FenceTaken` while another process holds the fence.
    """
    engine, store_id, now = session.engine, session.store_id, session.clock.now()
    with reading(engine) as connection:
        fence = load_fence(connection, store_id)
        begun = begun_runs(connection, store_id, now)
    raising = raising or must_report(fence.reported, begun) or _is_raise_due(fence, begun, now)
    if checked and not raising:
        return False
    with hold_fence_lock(engine, store_id, now):
        with reading(engine) as connection:
            fence = load_fence(connection, store_id)  # another process may just have raised it
        never_raised = fence.place is None and not fence.state.intended
        known = fence.place if checked else None
        record = read_record(session.client, known, seen_without=checked and never_raised)
        verdict = judge_ledger(fence.state, record, identity_of(engine))
        if verdict is not FenceVerdict.SAME:
            raise refusal(verdict, record, fence)
        if raising:
            fence = _adopt_intended(fence, record)
            raise_fence(session, fence=fence, record=record, begun=begun, mark=mark, now=now)
    return True


@contextmanager
def hold_fence_lock(engine: Engine, store_id: int, now: datetime) -> Iterator[None]:
    """Let one process at a time read and raise the two records. Raises `FenceTaken` if another process does."""
    with store_lock(engine, store_id, name="fence") as held:
        if not held:
            raise FenceTaken(
                "Another process is telling the store how far this ledger is.", retry_at=now + _LOCK_PAUSE
            )
        yield


def _adopt_intended(fence: Fence, record: StoreRecord | None) -> Fence:
    """If the store holds our intended mark, adopt it as current: the answer to the next raise may be lost too."""
    if not isinstance(record, FenceRecord) or record.mark != fence.state.intended:
        return fence
    return replace(fence, state=replace(fence.state, epoch=record.epoch, mark=record.mark))


def begun_runs(connection: Connection, store_id: int, now: datetime) -> list[BegunRun]:
    """Return the runs that are minting or sending, or are about to."""
    due = sa.or_(runs.c.state != RunState.APPROVED, runs.c.not_before.is_(None), runs.c.not_before <= now)
    query = sa.select(runs.c.id, runs.c.campaign, runs.c.slot_key, runs.c.state).where(
        runs.c.store_id == store_id, runs.c.state.in_(tuple(_STAGES)), due
    )
    return [
        BegunRun(
            run_id=row.id, campaign=row.campaign, slot_key=row.slot_key, stage=_STAGES[RunState(row.state)]
        )
        for row in connection.execute(query.order_by(runs.c.id))
    ]


def _is_raise_due(fence: Fence, begun: Sequence[BegunRun], now: datetime) -> bool:
    if not begun or fence.raised_at is None:
        return bool(begun)
    sends = any(run.stage is RunStage.SEND for run in begun)
    return fence.raised_at <= now - (RAISE_SENDING if sends else RAISE_MINTING)


def raise_fence(
    session: StoreSession,
    *,
    fence: Fence,
    record: StoreRecord | None,
    begun: Sequence[BegunRun],
    mark: str,
    now: datetime,
    replacing: bool = False,
) -> None:
    """Raise the epoch here and in the store. If the store's answer is lost, the ledger accepts either mark.

    The record carries the head of the audit chain; `replacing`: even if the one that it carries needs a person.
    """
    engine, store_id = session.engine, session.store_id
    home = identity_of(engine)
    reported = runs_to_report(fence.reported, begun, most=MOST_REPORTED)
    epoch = max(fence.state.epoch, record.epoch if record is not None else 0) + 1
    kept = record.head if isinstance(record, FenceRecord) and not replacing else ""
    head = head_to_keep(session, Anchor(text=kept or None))
    new = FenceRecord(epoch=epoch, mark=mark, at=now.isoformat(timespec="seconds"), runs=reported, head=head)
    intended = replace(fence.state, intended=mark, home=home)
    place = _place_for(fence, record)
    _save(engine, store_id, intended, place=place, reported=fence.reported)
    place = keep_record(session.client, place, new, verify=isinstance(record, UnreadableRecord))
    raised = FenceState(epoch=epoch, mark=mark, intended="", home=home)
    anchored = {"anchored_at": now} if place is Place.STORAGE else {}
    _save(engine, store_id, raised, place=place, reported=reported, raised_at=now, since=None, **anchored)


def replace_head(session: StoreSession, *, now: datetime) -> None:
    """Let the store's record carry the audit chain's present head, because a person has looked into the one that it carries."""
    with hold_fence_lock(session.engine, session.store_id, now):
        record = read_record(session.client)
        if isinstance(record, FenceRecord) and record.head:
            head = head_to_keep(session, Anchor(text=None))
            keep_record(session.client, record.place, replace(record, head=head))


def _place_for(fence: Fence, record: StoreRecord | None) -> Place | None:
    """Return where the record is written: where it is, or None for wherever it can be kept. It never leaves the coupon."""
    if isinstance(record, FenceRecord):
        return record.place
    places = {fence.place, record.place if record is not None else None}
    return Place.COUPON if Place.COUPON in places else None


def _save(
    engine: Engine,
    store_id: int,
    state: FenceState,
    *,
    place: Place | None,
    reported: Sequence[BegunRun],
    **also: Any,
) -> None:
    row = {
        "store_id": store_id,
        "epoch": state.epoch,
        "mark": state.mark,
        "intended": state.intended,
        "home": state.home,
        "place": place.value if place is not None else "",
        "told": [run.to_row() for run in reported],
        **also,
    }
    with writing(engine) as connection:
        upsert(connection, fences, [row])


def record_refusal(connection: Connection, store_id: int) -> None:
    """Record, the first time this ledger is refused, since when it may lack events: its last look at the store."""
    fence = load_fence(connection, store_id)
    if fence.since is not None:
        return
    looked_at: datetime | None = connection.scalar(
        sa.select(lanes.c.looked_at).where(lanes.c.store_id == store_id)
    )
    connected_at: datetime = connection.scalars(
        sa.select(stores.c.created_at).where(stores.c.id == store_id)
    ).one()
    since = looked_at or fence.raised_at or connected_at
    upsert(connection, fences, [{"store_id": store_id, "since": since}])


def refusal(verdict: FenceVerdict, record: StoreRecord | None, fence: Fence) -> StaleLedger:
    """Return the error that says why this ledger may not work for the store, and what to do."""
    message = _MESSAGES[verdict]
    if isinstance(record, UnreadableRecord):
        message = message.format(place=_PLACES[record.place])
    elif record is not None:
        message += (
            f" It is at epoch {fence.state.epoch}; the store's record is at epoch {record.epoch}, "
            f"written {record.at}."
        )
    return StaleLedger(
        f"{message} No codes are made and no e-mails are sent.",
        hint="Stop everything else that works for the store. Then see what this ledger would repeat, and let it continue: "
        "tillroll rearm --release",
    )
