"""Settling the time that a restored ledger has lost, so that nothing of it is done twice and nobody is contacted twice.

What can be known: what happened in the store (customers, orders, carts, reviews and products are read again), the runs that the
store was told of, the orders that used an imported code, and the e-mails that the transport remembers. Everybody in any of these
counts as having been in the campaign. What can't be known: custom events of that time. If their campaign may have contacted
somebody and the transport remembers nothing, the campaign is halted until a person restarts it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.batches.session import StoreSession
from tillroll.campaign.states import EntryCause, EntryState
from tillroll.errors import ScopeMissing
from tillroll.flows.enroll import enroll
from tillroll.ledger import audit
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.records import Store
from tillroll.ledger.tables import entries, messages, runs
from tillroll.recovery.contacted import (
    Contacted,
    contacted_by_orders,
    contacted_by_run,
    event_campaigns,
    halt_campaign,
    record_contacted,
)
from tillroll.recovery.decide import BegunRun, StoreRecord
from tillroll.recovery.fence import MOST_REPORTED
from tillroll.recovery.skip_missed import skip_missed
from tillroll.send.transport import Departed, Transport
from tillroll.track.mirror.areas import CARTS, CUSTOMERS, ORDERS, PRODUCTS, REVIEWS
from tillroll.track.mirror.session import MirrorSession
from tillroll.track.mirror.sync import sync

_CUSTOM = "custom"  # the trigger of campaigns on custom events


@dataclass(frozen=True, kw_only=True)
class LostTime:
    """What became of the lost time."""

    slots: int  # skipped
    left: int  # entries whose next step is skipped
    contacted: int  # new entries of customers who are known to have been contacted
    answered: int  # new entries of events that may have been answered
    remembers: bool  # whether the transport keeps a record of what left
    held: tuple[str, ...]  # campaigns that are halted until a person restarts them


def settle_lost_time(
    session: StoreSession,
    transport: Transport,
    store: Store,
    *,
    lost: Sequence[BegunRun],
    record: StoreRecord | None,
    since: datetime,
    person: str,
) -> LostTime:
    """Record who was contacted in the lost time, and skip what was due or happened in it. Safe to repeat.

    `lost` are the runs that the ledger doesn't know to have begun, `since` is when the lost time began.
    """
    engine = session.engine
    read_again(session, store)
    now = session.clock.now()
    with reading(engine) as connection:
        answered_before = _count_answered(connection, store.id)
        by_orders = list(contacted_by_orders(connection, store.id))
    by_runs = [contacted_by_run(run.campaign, run.slot_key, now) for run in lost]
    contacted = record_contacted(engine, store_id=store.id, people=(*by_runs, *by_orders), now=now)
    departed = transport.since(since)
    if departed is not None:
        by_emails = _contacted_by_emails(engine, store.id, departed)
        contacted += record_contacted(engine, store_id=store.id, people=by_emails, now=now)
    with writing(engine) as connection:
        slots, left = skip_missed(connection, store_id=store.id, now=now)
    enroll(engine, store_id=store.id, now=now)
    with reading(engine) as connection:
        answered = _count_answered(connection, store.id) - answered_before
    held = () if departed is not None else _halt_doubtful(engine, store.id, lost, record, person, now)
    return LostTime(
        slots=slots,
        left=left,
        contacted=contacted,
        answered=answered,
        remembers=departed is not None,
        held=held,
    )


def read_again(session: StoreSession, store: Store) -> None:
    """Bring the mirror up to date with what happened in the store."""
    for area in (CUSTOMERS, ORDERS, CARTS, PRODUCTS, REVIEWS):
        if area is CUSTOMERS and store.customers_at is None:
            continue  # no plan has needed them yet
        try:
            sync(MirrorSession.of(session), area)
        except ScopeMissing:
            if area.needed:
                raise


def _count_answered(connection: Connection, store_id: int) -> int:
    where = (
        entries.c.store_id == store_id,
        entries.c.state == EntryState.LEFT,
        entries.c.cause == EntryCause.MAY_BE_ANSWERED,
    )
    return int(connection.scalar(sa.select(sa.func.count()).where(*where)) or 0)


def _contacted_by_emails(engine: Engine, store_id: int, departed: Iterable[Departed]) -> Iterator[Contacted]:
    """Yield the recipients of e-mails that left and that the ledger doesn't know, unless their run is another store's."""
    with reading(engine) as connection:
        for email in departed:
            owner = connection.scalar(sa.select(runs.c.store_id).where(runs.c.id == email.run_id))
            same = (messages.c.message_key == email.key, messages.c.run_id == email.run_id)
            if owner in {None, store_id} and not connection.scalar(sa.select(sa.exists().where(*same))):
                key = f"an e-mail of run {email.run_id}, {email.key}"
                yield Contacted(campaign=email.campaign, key=key, at=email.at, email=email.to)


def _halt_doubtful(
    engine: Engine,
    store_id: int,
    lost: Sequence[BegunRun],
    record: StoreRecord | None,
    person: str,
    now: datetime,
) -> tuple[str, ...]:
    """Halt the campaigns on custom events that may have contacted customers nobody can name any more."""
    knows_all_runs = record is not None and record.whole and len(record.runs) < MOST_REPORTED
    begun = {run.campaign for run in lost}
    with writing(engine) as connection:
        names = [
            name
            for name, event in event_campaigns(connection, store_id).items()
            if event == _CUSTOM and (name in begun or not knows_all_runs)
        ]
        for name in names:
            halt_campaign(connection, store_id=store_id, campaign=name, person=person, now=now)
            body = {"note": "whom it contacted before the ledger was restored is not known", "runs": []}
            audit.record(
                connection,
                at=now,
                actor=person,
                action="campaign.halted",
                subject=f"campaign {name}",
                body=body,
            )
    return tuple(names)
