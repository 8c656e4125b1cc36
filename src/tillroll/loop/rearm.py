"""`tillroll rearm`: what a refused ledger would repeat, and letting it go on without repeating it.

In this order, each step harmless to repeat, so that a rearm that was cut short is begun again: runs that the store knows and the
ledger doesn't are written down; what may have begun since is stopped; codes are taken over from the store; e-mails that may have
left are unknown; slots, steps and happenings of that time are let pass (`greeted.py`); last of all the fence is raised and the
lane let go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import CodeState, MessageState, RunState
from tillroll.ecwid.client import Client
from tillroll.errors import Conflict
from tillroll.ledger import audit
from tillroll.ledger.engine import insert_if_new, number_from, reading, writing
from tillroll.ledger.home import home_of
from tillroll.ledger.lane import lane
from tillroll.ledger.pools import POOL
from tillroll.ledger.runs import move_run
from tillroll.ledger.tables import codes, lanes, messages, recipients, runs, stores
from tillroll.loop.greeted import Settled, settle
from tillroll.mint.draw import new_key
from tillroll.mint.parts import Mint
from tillroll.mint.regain import count_unknown, lost_slot, regain
from tillroll.send.prepare import MAY_HAVE_LEFT
from tillroll.send.transport import Transport
from tillroll.track.connect import CONNECTED, FENCED
from tillroll.track.decide import Begun, Record, Stage, Verdict, stand
from tillroll.track.fence import Fence, alone, load_fence, raise_fence, refusal
from tillroll.track.fence_place import read_record
from tillroll.wiring import Services

NOT_BEGUN = (RunState.PLANNING, RunState.WAITING, RunState.APPROVED)
IN_DOUBT = (RunState.MINTING, RunState.SENDING, RunState.TRACKING)
_BEGAN = "it began after the ledger's backup was taken"
_PIECE = 1_000


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """What a refused ledger believes undone, and what the store says of it."""

    reason: str  # why it is refused
    since: datetime  # of what happened later, it may know nothing
    lost: tuple[Begun, ...]  # runs that it doesn't know, or knows as not begun
    codes: int  # of ours in the store, unknown here
    codes_by_run: dict[int, int]
    codes_to_make: int  # that it would make
    messages: int  # that it would send
    runs: tuple[tuple[int, str, str], ...]  # (number, campaign, state) of the runs it would go on with


def look_at_doubt(services: Services, client: Client, store: sa.Row[Any]) -> Doubt | None:
    """What would be repeated; None when the ledger isn't refused. Reads the store, changes nothing."""
    mint = _mint(services, client, store)
    with reading(services.engine) as connection:
        fence = load_fence(connection, store.id)
        open_ = _open_runs(connection, store.id)
        to_make, to_send = _undone(connection, store.id)
    record = read_record(client, fence.place)
    verdict = stand(fence.standing, record, home_of(services.engine))
    if verdict is Verdict.SAME and store.state != FENCED:
        return None
    unknown = count_unknown(mint, client)
    said = refusal(verdict, record, fence).message if verdict is not Verdict.SAME else store.reason
    return Doubt(
        reason=said,
        since=fence.since or fence.raised_at or store.created_at,
        lost=_lost(record, _known(services, store.id)),
        codes=unknown.codes,
        codes_by_run=dict(unknown.by_run),
        codes_to_make=to_make,
        messages=to_send,
        runs=tuple((row.id, row.campaign, row.state) for row in open_),
    )


def rearm(services: Services, client: Client, store: sa.Row[Any], *, person: str) -> Settled | None:
    """Let the ledger work for the store again, repeating nothing that the store shows or that may have left.

    Returns what became of the time it had lost, or None when nothing was in doubt. `Conflict` while a worker has the lane.
    """
    engine, clock = services.engine, services.clock
    with lane(engine, store.id) as held:
        if not held:
            raise Conflict("A worker is at this store right now.", hint="Stop it, or try again in a moment.")
        doubt = look_at_doubt(services, client, store)
        if doubt is None:
            return None
        with reading(engine) as connection:
            fence = load_fence(connection, store.id)
        record = read_record(client, fence.place)
        now = clock.now()
        _write_lost(services, store.id, doubt, record, now)
        mint = _mint(services, client, store)
        regain(mint)
        _park(services, store.id, fence, record, now)
        earliest = min(doubt.since, fence.raised_at or doubt.since)  # a look in vain may have come in between
        settled = settle(
            services, client, store, lost=doubt.lost, record=record, since=earliest, person=person
        )
        with writing(engine) as connection:
            body = {
                "since": doubt.since,
                "runs": [one.to_row() for one in doubt.lost],
                "codes": doubt.codes,
                "messages": doubt.messages,
                "slots": settled.slots,
                "entries": settled.left,
                "greeted": settled.greeted,
                "answered": settled.answered,
                "held": settled.held,
            }
            subject = f"store {store.ecwid_id}"
            audit.record(connection, at=now, actor=person, action="store.rearmed", subject=subject, body=body)
        with alone(engine, store.id, now):
            raise_fence(
                engine,
                client,
                store_id=store.id,
                fence=fence,
                record=record,
                begun=(),
                mark=new_key(),
                now=now,
            )
        with writing(engine) as connection:
            again = {"state": CONNECTED, "reason": "", "not_before": None}
            connection.execute(sa.update(stores).where(stores.c.id == store.id).values(again))
            connection.execute(sa.update(lanes).where(lanes.c.store_id == store.id).values(due_at=None))
    return settled


def _mint(services: Services, client: Client, store: sa.Row[Any]) -> Mint:
    return Mint(engine=services.engine, client=client, clock=services.clock, store_id=store.id)


def _open_runs(connection: Connection, store_id: int) -> Sequence[sa.Row[Any]]:
    where = (runs.c.store_id == store_id, runs.c.state.in_((*NOT_BEGUN, *IN_DOUBT)))
    return connection.execute(sa.select(runs).where(*where).order_by(runs.c.id)).all()


def _undone(connection: Connection, store_id: int) -> tuple[int, int]:
    """(codes to make, e-mails to send) as the ledger has it."""
    reserved = sa.select(sa.func.count()).where(
        codes.c.store_id == store_id, codes.c.state.in_((CodeState.RESERVED, CodeState.POSTING))
    )
    written = sa.exists().where(messages.c.recipient_id == recipients.c.id, messages.c.kind == "offer")
    going = (RunState.MINTING, RunState.SENDING)
    unwritten = (
        sa.select(sa.func.count())
        .select_from(recipients.join(runs, runs.c.plan_id == recipients.c.plan_id))
        .where(runs.c.store_id == store_id, runs.c.state.in_(going), ~written)
    )
    ready = sa.select(sa.func.count()).where(
        messages.c.store_id == store_id, messages.c.state.in_((MessageState.READY, MessageState.SENDING))
    )
    figures = [int(connection.scalar(query) or 0) for query in (reserved, unwritten, ready)]
    return figures[0], figures[1] + figures[2]


def _known(services: Services, store_id: int) -> dict[tuple[int, str, str], str]:
    """The store's runs in the ledger, as the store would name them, with their states."""
    with reading(services.engine) as connection:
        rows = connection.execute(sa.select(runs).where(runs.c.store_id == store_id))
        return {(row.id, row.campaign, row.slot_key): row.state for row in rows}


def _lost(record: Record | None, known: dict[tuple[int, str, str], str]) -> tuple[Begun, ...]:
    """Runs that began, as the store was told, and that this ledger doesn't know, or thinks not begun."""
    told = record.runs if record is not None else ()
    states = [(one, known.get((one.run_id, one.campaign, one.slot_key))) for one in told]
    return tuple(one for one, state in states if state is None or state in NOT_BEGUN)


def _write_lost(
    services: Services, store_id: int, doubt: Doubt, record: Record | None, now: datetime
) -> None:
    """Runs the ledger doesn't know become rows, stopped; those that began without its knowledge are stopped too."""
    whole = record is not None and record.whole
    began = {one.run_id for one in doubt.lost} | doubt.codes_by_run.keys()
    told = {one.run_id: one for one in doubt.lost}
    with writing(services.engine) as connection:
        for run_id in sorted(began):
            one = told.get(run_id)
            made = doubt.codes_by_run.get(run_id, 0)
            reason = f"{_BEGAN}; {made:,} of its codes are in the store and were unknown here"
            if not move_run(connection, run_id, was=NOT_BEGUN, to=RunState.HALTED, now=now, reason=reason):
                _insert_lost(connection, store_id, run_id, one, reason, now)
        number_from(connection, runs)
        if not whole:  # the store has kept no list: whatever waited may have begun
            for row in _open_runs(connection, store_id):
                reason = "it may have begun after the ledger's backup was taken"
                move_run(connection, row.id, was=NOT_BEGUN, to=RunState.HALTED, now=now, reason=reason)


def _insert_lost(
    connection: Connection, store_id: int, run_id: int, told: Begun | None, reason: str, now: datetime
) -> None:
    row = {
        "id": run_id,
        "store_id": store_id,
        "campaign": told.campaign if told is not None else "unknown",
        "slot_key": told.slot_key if told is not None else f"run {run_id}",
        "slot_at": now,
        "state": RunState.HALTED,
        "reason": reason,
        "started_by": "before the restore",
        "created_at": now,
        "changed_at": now,
        "finished_at": now,
    }
    there = connection.execute(sa.select(runs.c.store_id, runs.c.slot_key).where(runs.c.id == run_id)).first()
    if there is not None and there.store_id == store_id and told is None:
        return  # it is known, and began: only some of its codes weren't
    if there is None and insert_if_new(connection, runs, row):
        return
    del row["id"]  # another run has the number by now, or the slot
    insert_if_new(connection, runs, {**row, "slot_key": lost_slot(run_id)})


def _park(services: Services, store_id: int, fence: Fence, record: Record | None, now: datetime) -> None:
    """E-mails that may have left are unknown, but for those that the transport knows; codes of a pool may be somebody's."""
    sent = {one.run_id for one in record.runs if one.stage is Stage.SEND} if record is not None else set()
    whole = record is not None and record.whole
    with reading(services.engine) as connection:
        doubtful = [
            row.id
            for row in _open_runs(connection, store_id)
            if row.state in {RunState.SENDING, RunState.TRACKING}
            or (row.state == RunState.MINTING and (row.id in sent or not whole))
        ]
    with writing(services.engine) as connection:
        connection.execute(sa.update(runs).where(runs.c.id.in_(doubtful)).values(parked_until=now))
        pools = sa.select(runs.c.id).where(runs.c.store_id == store_id, runs.c.kind == POOL)
        free = (codes.c.run_id.in_(pools), codes.c.recipient_id.is_(None), codes.c.handed_at.is_(None))
        connection.execute(sa.update(codes).where(*free).values(handed_at=now))
    for run_id in doubtful:
        _park_messages(services, run_id, services.transport, now)


def _park_messages(services: Services, run_id: int, transport: Transport, now: datetime) -> None:
    open_ = (
        messages.c.run_id == run_id,
        messages.c.state.in_((MessageState.READY, MessageState.SENDING)),
    )
    while True:
        with reading(services.engine) as connection:
            query = sa.select(messages.c.id, messages.c.message_key).where(*open_).limit(_PIECE)
            rows = connection.execute(query).all()
        if not rows:
            return
        left = transport.delivered([row.message_key for row in rows]) or frozenset()
        with writing(services.engine) as connection:
            for row in rows:
                known = row.message_key in left
                values = {
                    "state": MessageState.SENT if known else MessageState.UNKNOWN,
                    "reason": "" if known else MAY_HAVE_LEFT,
                    "sent_at": now if known else None,
                    "changed_at": now,
                    "not_before": None,
                }
                connection.execute(sa.update(messages).where(messages.c.id == row.id, *open_).values(values))
