"""`tillroll rearm`, and those whom flows greeted in the time that the ledger lost: nobody is greeted twice.

What can be known: what happened in the store (customers, orders, carts, reviews and goods are read again), the runs that it was
told of, the orders that used a code that was taken over, and the e-mails that the transport remembers. Who was in any of these
counts as having been in the campaign. What can't: events of one's own that came in that time. If their campaign may have greeted
somebody and the transport remembers nothing, it is held until a person restarts it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from tillroll.campaign.states import EntryState
from tillroll.ecwid.client import Client
from tillroll.errors import ScopeMissing
from tillroll.ledger import audit
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.tables import entries, messages, runs
from tillroll.plan.events.greeted import Greeted, by_orders, by_slot, hold, on_events, write_down
from tillroll.plan.events.notice import FORGONE, notice
from tillroll.plan.forgo import forgo
from tillroll.track.decide import Begun, Record
from tillroll.track.fence import MOST_TOLD
from tillroll.track.mirror import CARTS, CUSTOMERS, ORDERS, PRODUCTS, REVIEWS
from tillroll.track.sync import sync
from tillroll.wiring import Services

_OF_ONES_OWN = "custom"


@dataclass(frozen=True, kw_only=True)
class Settled:
    """What became of the time that was lost."""

    slots: int  # let pass
    left: int  # people who waited for a step, and wait no more
    greeted: int  # entries: it is known that they were greeted
    answered: int  # entries: what happened may have been answered
    remembers: bool  # the transport keeps a record of what left
    held: tuple[str, ...]  # campaigns that begin nothing until a person restarts them


def settle(
    services: Services,
    client: Client,
    store: sa.Row[Any],
    *,
    lost: Sequence[Begun],
    record: Record | None,
    since: datetime,
    person: str,
) -> Settled:
    """Let the lost time pass, so that nothing of it is answered twice. Harmless to repeat."""
    engine = services.engine
    read_again(services, client, store)
    now = services.clock.now()
    with reading(engine) as connection:
        before = _answered(connection, store.id)
        used = list(by_orders(connection, store.id))
    remembered = services.transport.since(since)
    told = [by_slot(one.campaign, one.slot_key, now) for one in lost]
    greeted = write_down(engine, store_id=store.id, found=(*told, *used), now=now)
    if remembered is not None:
        greeted += write_down(
            engine, store_id=store.id, found=_unknown_here(services, store.id, remembered), now=now
        )
    with writing(engine) as connection:
        let_pass, left = forgo(connection, store_id=store.id, now=now)
    notice(engine, store_id=store.id, now=now)
    with reading(engine) as connection:
        answered = _answered(connection, store.id) - before
    held = () if remembered is not None else _hold_doubtful(services, store, lost, record, person, now)
    return Settled(
        slots=let_pass,
        left=left,
        greeted=greeted,
        answered=answered,
        remembers=remembered is not None,
        held=held,
    )


def read_again(services: Services, client: Client, store: sa.Row[Any]) -> None:
    """What happened in the store since the mirror was last read."""
    for area in (CUSTOMERS, ORDERS, CARTS, PRODUCTS, REVIEWS):
        if area is CUSTOMERS and store.customers_at is None:
            continue  # nothing ever asked for them
        try:
            sync(services.engine, client, area, store_id=store.id, now=services.clock.now())
        except ScopeMissing:
            if area.needed:
                raise


def _answered(connection: sa.Connection, store_id: int) -> int:
    where = (entries.c.store_id == store_id, entries.c.state == EntryState.LEFT, entries.c.reason == FORGONE)
    return int(connection.scalar(sa.select(sa.func.count()).where(*where)) or 0)


def _unknown_here(services: Services, store_id: int, departed: Iterator[Any]) -> Iterator[Greeted]:
    """E-mails that left and that the ledger doesn't know; not those of another store's runs."""
    with reading(services.engine) as connection:
        for one in departed:
            whose = connection.scalar(sa.select(runs.c.store_id).where(runs.c.id == one.run_id))
            known = sa.exists().where(messages.c.message_key == one.key, messages.c.run_id == one.run_id)
            if whose in {None, store_id} and not connection.scalar(sa.select(known)):
                key = f"an e-mail of run {one.run_id}, {one.key}"
                yield Greeted(campaign=one.campaign, key=key, at=one.at, email=one.to)


def _hold_doubtful(
    services: Services,
    store: sa.Row[Any],
    lost: Sequence[Begun],
    record: Record | None,
    person: str,
    now: datetime,
) -> tuple[str, ...]:
    """Hold the campaigns on events of one's own that may have greeted somebody nobody can name any more."""
    told_all = record is not None and record.whole and len(record.runs) < MOST_TOLD
    began = {one.campaign for one in lost}
    with writing(services.engine) as connection:
        found = on_events(connection, store.id)
        names = [
            name for name, event in found.items() if event == _OF_ONES_OWN and (name in began or not told_all)
        ]
        for name in names:
            hold(connection, store_id=store.id, campaign=name, person=person, now=now)
            body = {"note": "whom it greeted before the ledger was restored is not known", "runs": []}
            audit.record(
                connection,
                at=now,
                actor=person,
                action="campaign.halted",
                subject=f"campaign {name}",
                body=body,
            )
    return tuple(names)
