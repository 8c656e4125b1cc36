"""`tillroll rearm`: let a refused ledger work for its store again, without repeating anything.

Each step is safe to repeat, so a rearm that was interrupted is simply started again:

1. Runs that began in the lost time are halted; those that the ledger doesn't know are inserted (`lost_runs.py`).
2. Codes that the store has and the ledger doesn't are imported (`import_unknown.py`).
3. E-mails that may have left become unknown (`park.py`).
4. Slots, steps and events of the lost time are skipped (`lost_time.py`).
5. Last of all the fence is raised, and the worker continues.
"""

from __future__ import annotations

from contextlib import suppress

from tillroll.batches.session import StoreSession
from tillroll.ecwid.client import Client
from tillroll.errors import Conflict, ScopeMissing
from tillroll.ledger import audit
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.locks.store_lock import store_lock
from tillroll.ledger.records import Store
from tillroll.mint.draw import new_key
from tillroll.recovery.anchor import keep_anchor
from tillroll.recovery.doubt import Doubt, find_doubt
from tillroll.recovery.fence import hold_fence_lock, load_fence, raise_fence
from tillroll.recovery.fence_place import read_record
from tillroll.recovery.import_unknown import import_unknown
from tillroll.recovery.lost_runs import halt_lost_runs
from tillroll.recovery.lost_time import LostTime, settle_lost_time
from tillroll.recovery.park import park
from tillroll.send.transport import Transport
from tillroll.track.connect import resume
from tillroll.wiring import Services


def look_at_doubt(services: Services, client: Client, store: Store) -> Doubt | None:
    """Return what the ledger would repeat, or None if it isn't refused. Reads the store and changes nothing."""
    return find_doubt(services.session(store.id, client), store)


def rearm(services: Services, client: Client, store: Store, *, person: str) -> LostTime | None:
    """Let the ledger work for the store again. Nothing is repeated that the store shows or that may have left.

    Returns what became of the lost time, or None if the ledger wasn't refused. Raises `Conflict` while a worker is at the store.
    """
    with store_lock(services.engine, store.id) as held:
        if not held:
            raise Conflict(
                "A worker is working for this store right now.", hint="Stop it, or try again in a moment."
            )
        session = services.session(store.id, client)
        doubt = find_doubt(session, store)
        if doubt is None:
            return None
        return _rearm(session, services.transport_of(store.ecwid_id), store, doubt, person)


def _rearm(session: StoreSession, transport: Transport, store: Store, doubt: Doubt, person: str) -> LostTime:
    engine, now = session.engine, session.clock.now()
    with reading(engine) as connection:
        fence = load_fence(connection, store.id)
    record = read_record(session.client)
    is_complete = record is not None and record.whole
    halt_lost_runs(engine, store.id, doubt, reports_complete=is_complete, now=now)
    import_unknown(session)
    park(engine, transport, store_id=store.id, record=record, now=now)
    settled = settle_lost_time(
        session,
        transport,
        store,
        lost=doubt.lost,
        record=record,
        since=min(doubt.since, fence.raised_at or doubt.since),  # a refused look may have come in between
        person=person,
    )
    with writing(engine) as connection:
        body = _audit_body(doubt, settled)
        subject = f"store {store.ecwid_id}"
        audit.record(connection, at=now, actor=person, action="store.rearmed", subject=subject, body=body)
    with hold_fence_lock(engine, store.id, now):
        raise_fence(session, fence=fence, record=record, begun=(), mark=new_key(), now=now, replacing=True)
    with suppress(ScopeMissing):
        keep_anchor(session, now=now, replacing=True)
    with writing(engine) as connection:
        resume(connection, store.id)
    return settled


def _audit_body(doubt: Doubt, settled: LostTime) -> dict[str, object]:
    return {
        "since": doubt.since,
        "runs": [run.to_row() for run in doubt.lost],
        "codes": doubt.codes,
        "messages": doubt.messages,
        "slots": settled.slots,
        "entries": settled.left,
        "greeted": settled.contacted,
        "answered": settled.answered,
        "held": settled.held,
    }
