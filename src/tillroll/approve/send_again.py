"""Sending e-mails of a run again that failed, or whose outcome nobody knows, because a person says so.

E-mails that failed surely did not leave, so one approver is enough. One that is unknown may have left, and its recipient may get
a second one: that takes as many approvers as the run's plan did. The decision, its audit row and the e-mails are one transaction.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.approve.agree import AgreementTopic, approvers_for_runs, record_agreement
from tillroll.approve.change import require_may_decide
from tillroll.approve.decide import Person
from tillroll.campaign.states import ItemKind, MessageState, RunState, WireState
from tillroll.errors import Conflict
from tillroll.ledger import audit
from tillroll.ledger.engine import lock_store_row, writing
from tillroll.ledger.faults.rows import release
from tillroll.ledger.queries.agreements import PendingAgreement
from tillroll.ledger.queries.changes import Scope
from tillroll.ledger.queries.runs import load_run, move_run
from tillroll.ledger.records import Run
from tillroll.ledger.tables import faults, messages, runs

AGAIN = frozenset({MessageState.FAILED, MessageState.UNKNOWN})
"""States whose e-mails can be sent again."""

_RUNS = frozenset({RunState.SENDING, RunState.TRACKING})
"""States in which a run's e-mails can leave."""


@dataclass(frozen=True, kw_only=True)
class SentAgain:
    """What came of it."""

    count: int  # e-mails that are tried again


def send_again(
    engine: Engine, *, run_id: int, state: MessageState, person: Person, note: str, now: datetime
) -> SentAgain | PendingAgreement:
    """Have a run's e-mails that failed, or are unknown, tried again. Whether each may still go is decided when it leaves.

    Returns the pending agreement while approvers are missing. Raises `Conflict` if there are none, or the run is in no state to
    send. Safe to repeat: e-mails that wait already are left alone.
    """
    if state not in AGAIN:
        raise ValueError(f"e-mails that are {state} are not sent again")
    with writing(engine) as connection:
        run = load_run(connection, run_id)
        require_may_decide(person, run.store_id, f"send e-mails of run {run_id} again")
        lock_store_row(connection, run.store_id)
        run = load_run(connection, run_id)
        if run.state not in _RUNS:
            raise Conflict(
                f"Run {run_id} is {run.state}, so none of its e-mails leaves.",
                hint="Restart it first, if it is halted.",
            )
        last = connection.scalar(sa.select(sa.func.max(messages.c.id)).where(*_where(run, state)))
        if last is None:
            raise Conflict(f"Run {run_id} has no e-mail that is {state}.")
        if state is MessageState.UNKNOWN:
            scope = Scope(store_id=run.store_id, campaign=run.campaign, run_id=run_id)
            needed = approvers_for_runs(connection, [run_id])
            topic = AgreementTopic(scope=scope, kind="again", since=f"up to e-mail {last}", needed=needed)
            pending = record_agreement(connection, topic, person=person, note=note, now=now)
            if pending is not None:
                return pending
        count = _make_ready(connection, run, state, person, now)
        body = {"state": state.value, "count": count, "note": note}
        audit.record(
            connection, at=now, actor=person.email, action="send.again", subject=f"run {run_id}", body=body
        )
    return SentAgain(count=count)


def _where(run: Run, state: MessageState) -> tuple[sa.ColumnElement[bool], ...]:
    return messages.c.run_id == run.id, messages.c.state == state


def _make_ready(connection: Connection, run: Run, state: MessageState, person: Person, now: datetime) -> int:
    where = _where(run, state)
    items = sa.select(sa.cast(messages.c.id, sa.Text)).where(*where)
    release(
        connection,
        faults.c.run_id == run.id,
        faults.c.kind == ItemKind.MESSAGE,
        faults.c.item.in_(items),
        by=person.email,
    )
    untried = {"attempts": 0, "wire": WireState.UNMARKED, "owner": 0, "sending_at": None}
    return queue_again(connection, run, where, now=now, **untried)


def queue_again(
    connection: Connection, run: Run, where: Collection[sa.ColumnElement[bool]], *, now: datetime, **also: Any
) -> int:
    """Make the chosen e-mails ready, and wake the run: it sends again if one is an offer. Returns how many there were.

    `where` chooses among the run's e-mails. `also`: more columns to set.
    """
    chosen = (messages.c.run_id == run.id, *where)
    kinds = set(connection.scalars(sa.select(messages.c.kind).where(*chosen).distinct()))
    ready = {"state": MessageState.READY, "reason": "", "not_before": None, "changed_at": now, **also}
    count = connection.execute(sa.update(messages).where(*chosen).values(ready)).rowcount
    if "offer" in kinds:
        move_run(connection, run.id, was={RunState.TRACKING}, to=RunState.SENDING, now=now)
    wake = {"not_before": None, "changed_at": now}
    connection.execute(sa.update(runs).where(runs.c.id == run.id, runs.c.state.in_(_RUNS)).values(wake))
    return int(count)
