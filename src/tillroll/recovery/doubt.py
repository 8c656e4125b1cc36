"""What is in doubt: the work that a refused ledger believes undone, and what the store says about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.batches.session import StoreSession
from tillroll.campaign.states import CodeState, MessageState, RunState
from tillroll.ledger.database_identity import identity_of
from tillroll.ledger.engine import reading
from tillroll.ledger.queries.runs import runs_in
from tillroll.ledger.records import Run, Store
from tillroll.ledger.tables import codes, messages, plans, recipients, runs
from tillroll.recovery.decide import BegunRun, FenceVerdict, StoreRecord, judge_ledger
from tillroll.recovery.fence import load_fence, refusal
from tillroll.recovery.fence_place import read_record
from tillroll.recovery.import_unknown import count_unknown
from tillroll.track.connect import FENCED

NOT_BEGUN = (RunState.PLANNING, RunState.WAITING, RunState.APPROVED)
IN_DOUBT = (RunState.MINTING, RunState.SENDING, RunState.TRACKING)


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """What a refused ledger would repeat, or has lost."""

    reason: str  # why it is refused, for people
    since: datetime  # it may know nothing of what happened later
    lost: tuple[BegunRun, ...]  # runs that it doesn't know, or believes not begun
    codes: int  # codes of ours in the store that it doesn't know
    codes_by_run: Mapping[int, int]  # the same by the run that their coupons name
    codes_to_make: int  # that it would make
    messages: int  # that it would send
    runs: tuple[Run, ...]  # that it would continue


def find_doubt(session: StoreSession, store: Store) -> Doubt | None:
    """Return what is in doubt, or None if the ledger isn't refused. Reads the store and changes nothing."""
    with reading(session.engine) as connection:
        fence = load_fence(connection, store.id)
        open_runs = load_open_runs(connection, store.id)
        codes_to_make, messages_to_send = _count_undone(connection, store.id)
        states = _states_by_slot(connection, store.id)
    record = read_record(session.client)
    verdict = judge_ledger(fence.state, record, identity_of(session.engine))
    if verdict is FenceVerdict.SAME and store.state != FENCED:
        return None
    unknown = count_unknown(session)
    refused = refusal(verdict, record, fence).message if verdict is not FenceVerdict.SAME else store.reason
    return Doubt(
        reason=refused,
        since=fence.since or fence.raised_at or store.created_at,
        lost=_lost_runs(record, states),
        codes=sum(unknown.values()),
        codes_by_run=unknown,
        codes_to_make=codes_to_make,
        messages=messages_to_send,
        runs=tuple(open_runs),
    )


def load_open_runs(connection: Connection, store_id: int) -> Sequence[Run]:
    """Return the store's runs that have not ended."""
    return runs_in(connection, store_id, {*NOT_BEGUN, *IN_DOUBT})


def _count_undone(connection: Connection, store_id: int) -> tuple[int, int]:
    """Count the codes that the ledger would make and the e-mails that it would send."""
    reserved = sa.select(sa.func.count()).where(
        codes.c.store_id == store_id, codes.c.state.in_((CodeState.RESERVED, CodeState.POSTING))
    )
    has_message = sa.exists().where(messages.c.recipient_id == recipients.c.id, messages.c.kind == "offer")
    begun = (RunState.MINTING, RunState.SENDING)
    without_message = (
        sa.select(sa.func.count())
        .select_from(recipients.join(runs, runs.c.plan_id == recipients.c.plan_id))
        .join(plans, plans.c.id == runs.c.plan_id)
        .where(runs.c.store_id == store_id, runs.c.state.in_(begun), ~has_message)
        .where(plans.c.body["codes_sent_by"].as_string().is_(None))  # another program sends the others
    )
    ready = sa.select(sa.func.count()).where(
        messages.c.store_id == store_id, messages.c.state.in_((MessageState.READY, MessageState.SENDING))
    )
    counts = [int(connection.scalar(query) or 0) for query in (reserved, without_message, ready)]
    return counts[0], counts[1] + counts[2]


def _states_by_slot(connection: Connection, store_id: int) -> dict[tuple[int, str, str], RunState]:
    """Return the states of the store's runs in the ledger, by what the store's record names them by."""
    query = sa.select(runs.c.id, runs.c.campaign, runs.c.slot_key, runs.c.state)
    rows = connection.execute(query.where(runs.c.store_id == store_id))
    return {(row.id, row.campaign, row.slot_key): RunState(row.state) for row in rows}


def _lost_runs(
    record: StoreRecord | None, states: Mapping[tuple[int, str, str], RunState]
) -> tuple[BegunRun, ...]:
    """Return the runs in the store's record that this ledger doesn't know, or believes not begun."""
    reported = record.runs if record is not None else ()
    pairs = [(run, states.get((run.run_id, run.campaign, run.slot_key))) for run in reported]
    return tuple(run for run, state in pairs if state is None or state in NOT_BEGUN)
