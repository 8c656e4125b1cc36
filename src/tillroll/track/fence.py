"""The fence: a ledger that was restored from a backup, or cloned, must not make codes or send e-mails a second time.

The store keeps an epoch and a random mark, and the ledger keeps the same two. Both are raised together before a run makes its
first code, before it sends its first e-mail, and every while as it works. A ledger from before the last raise has the older
mark, and is refused. The ledger also remembers which database it was (`ledger/home.py`), so that a copy is found at its first
look, while the original's mark is still the same.

Crash points: *intended*: the new mark is written down, the store may have it or not: either is this ledger's. *raised*: the
store has it, and the ledger learns it at the next check.

Commands of a person that reach the store or a customer go through the same gate (`gate.py`); one that hands codes out raises the
fence first, since a backup from before it would hand them out once more.

What it can't tell: a copy that lives in the same place (a file overwritten by a backup of itself) and is younger than the last
raise. Codes are found in the store all the same; e-mails of that while (`SENDING_FOR` at most) are not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.states import RunState
from tillroll.ecwid.client import Client
from tillroll.errors import LedgerIsAnother, TryLater
from tillroll.ledger.engine import reading, upsert, writing
from tillroll.ledger.home import home_of
from tillroll.ledger.lane import lane
from tillroll.ledger.tables import fences, lanes, runs, stores
from tillroll.track.decide import Begun, Record, Stage, Standing, Verdict, must_tell, stand, to_tell
from tillroll.track.fence_place import keep_record, read_record

SENDING_FOR = timedelta(seconds=30)  # a run that sends tells the store that often
MINTING_FOR = timedelta(minutes=5)  # codes are found in the store anyway
_AT_IT = timedelta(seconds=2)  # so long it takes another process
MOST_TOLD = 300  # runs that the store has room for
_STAGES = {RunState.APPROVED: Stage.MINT, RunState.MINTING: Stage.MINT, RunState.SENDING: Stage.SEND}
_SAID = {
    Verdict.OLDER: "This ledger is older than its store: it was restored from a backup, and more was done since than it knows.",
    Verdict.COPY: "This ledger is a copy: the one it was copied from may still be at work.",
    Verdict.OTHER: "Another ledger works for this store, or this one was restored from before it began to.",
}


class FenceTaken(TryLater):
    """Another process is at the fence for a moment."""


@dataclass(frozen=True, kw_only=True)
class Fence:
    """The ledger's side."""

    standing: Standing
    told: tuple[Begun, ...]
    place: str
    raised_at: datetime | None
    since: datetime | None


def load_fence(connection: Connection, store_id: int) -> Fence:
    """What the ledger keeps; empty for a store that nothing was begun for."""
    row = connection.execute(sa.select(fences).where(fences.c.store_id == store_id)).first()
    if row is None:
        nothing = Standing(epoch=0, mark="", intended="", home="")
        return Fence(standing=nothing, told=(), place="", raised_at=None, since=None)
    return Fence(
        standing=Standing(epoch=row.epoch, mark=row.mark, intended=row.intended, home=row.home),
        told=tuple(Begun.from_row(one) for one in row.told or ()),
        place=row.place,
        raised_at=row.raised_at,
        since=row.since,
    )


def guard(
    engine: Engine,
    client: Client,
    *,
    store_id: int,
    checked: bool,
    mark: str,
    now: datetime,
    raising: bool = False,
) -> bool:
    """Let a lane go on, telling the store first what is about to begin. Whether the store was asked.

    `checked`: this process has asked before; `mark` is a new random one; `raising`: have the fence raised in any case. Raises
    `LedgerIsAnother` when it may not go on, `FenceTaken` while another process is at it.
    """
    with reading(engine) as connection:
        fence = load_fence(connection, store_id)
        begun = begun_runs(connection, store_id, now)
    raising = raising or must_tell(fence.told, begun) or _told_long_ago(fence, begun, now)
    if checked and not raising:
        return False
    with alone(engine, store_id, now):
        with reading(engine) as connection:
            fence = load_fence(connection, store_id)  # another process may just have raised it
        record = read_record(client, fence.place)
        home = home_of(engine)
        verdict = stand(fence.standing, record, home)
        if verdict is not Verdict.SAME:
            raise refusal(verdict, record, fence)
        if raising:
            fence = _arrived(fence, record)
            raise_fence(
                engine, client, store_id=store_id, fence=fence, record=record, begun=begun, mark=mark, now=now
            )
    return True


@contextmanager
def alone(engine: Engine, store_id: int, now: datetime) -> Iterator[None]:
    """The store's record and the ledger's are read and raised by one process at a time; `FenceTaken` while it is another."""
    with lane(engine, store_id, name="fence") as held:
        if not held:
            raise FenceTaken(
                "Another process is telling the store how far this ledger is.", retry_at=now + _AT_IT
            )
        yield


def _arrived(fence: Fence, record: Record | None) -> Fence:
    """A mark that was intended and that the store has is the ledger's own: the next raise may be lost on its way too."""
    if record is None or not record.mark or record.mark != fence.standing.intended:
        return fence
    return replace(fence, standing=replace(fence.standing, epoch=record.epoch, mark=record.mark))


def begun_runs(connection: Connection, store_id: int, now: datetime) -> list[Begun]:
    """The runs that codes are made for or e-mails sent, or are about to."""
    due = sa.or_(runs.c.state != RunState.APPROVED, runs.c.not_before.is_(None), runs.c.not_before <= now)
    query = sa.select(runs.c.id, runs.c.campaign, runs.c.slot_key, runs.c.state).where(
        runs.c.store_id == store_id, runs.c.state.in_(tuple(_STAGES)), due
    )
    return [
        Begun(run_id=row.id, campaign=row.campaign, slot_key=row.slot_key, stage=_STAGES[RunState(row.state)])
        for row in connection.execute(query.order_by(runs.c.id))
    ]


def _told_long_ago(fence: Fence, begun: Sequence[Begun], now: datetime) -> bool:
    if not begun or fence.raised_at is None:
        return bool(begun)
    sends = any(one.stage is Stage.SEND for one in begun)
    return fence.raised_at <= now - (SENDING_FOR if sends else MINTING_FOR)


def raise_fence(
    engine: Engine,
    client: Client,
    *,
    store_id: int,
    fence: Fence,
    record: Record | None,
    begun: Sequence[Begun],
    mark: str,
    now: datetime,
) -> None:
    """Raise the epoch here and in the store. An answer that is lost is no harm: either mark is this ledger's."""
    home = home_of(engine)
    told = to_tell(fence.told, begun, most=MOST_TOLD)
    epoch = max(fence.standing.epoch, record.epoch if record is not None else 0) + 1
    new = Record(epoch=epoch, mark=mark, at=now.isoformat(timespec="seconds"), runs=told)
    _write(engine, store_id, fence.standing, intended=mark, home=home, place=fence.place, told=fence.told)
    place = keep_record(client, fence.place, new)
    raised = Standing(epoch=epoch, mark=mark, intended="", home=home)
    _write(
        engine, store_id, raised, intended="", home=home, place=place, told=told, raised_at=now, since=None
    )


def _write(
    engine: Engine,
    store_id: int,
    standing: Standing,
    *,
    intended: str,
    home: str,
    place: str,
    told: Sequence[Begun],
    **also: Any,
) -> None:
    row = {
        "store_id": store_id,
        "epoch": standing.epoch,
        "mark": standing.mark,
        "intended": intended,
        "home": home,
        "place": place,
        "told": [one.to_row() for one in told],
        **also,
    }
    with writing(engine) as connection:
        upsert(connection, fences, [row])


def note_refused(connection: Connection, store_id: int) -> None:
    """Write down, once, since when this ledger may know nothing: its last look before it was refused."""
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


def refusal(verdict: Verdict, record: Record | None, fence: Fence) -> LedgerIsAnother:
    """Why this ledger may not go on, and what somebody can do."""
    words = _SAID[verdict]
    if record is not None:
        words += f" It knows epoch {fence.standing.epoch}, the store {record.epoch}, written {record.at}."
    return LedgerIsAnother(
        f"{words} No code is made and no e-mail sent.",
        hint="End whatever else works for the store, then see what this ledger would repeat, and let it go on: "
        "tillroll rearm --as you@shop.example",
    )
