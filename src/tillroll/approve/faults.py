"""Having an item tried again that was set aside after faults. The decision and its audit row are one transaction."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.approve.change import require_may_decide
from tillroll.approve.decide import Person
from tillroll.campaign.states import RUN_FINAL, FaultState, ItemKind, MessageState, RunState
from tillroll.errors import Conflict
from tillroll.ledger import audit
from tillroll.ledger.engine import writing
from tillroll.ledger.faults.rows import load_fault, release
from tillroll.ledger.queries.runs import load_run, move_run
from tillroll.ledger.records import ItemFault
from tillroll.ledger.tables import faults, messages, runs


def try_again(engine: Engine, *, fault_id: int, person: Person, now: datetime) -> ItemFault:
    """Have the item of a fault tried again, and return the fault as it was.

    A message that failed before it was handed over may go again; one that may have left stays as it is. Raises `NotFound`,
    `NotAllowed`, and `Conflict` if it was released already or its run is over.
    """
    with writing(engine) as connection:
        fault = load_fault(connection, fault_id)
        require_may_decide(person, fault.store_id, f"have {fault.reference} tried again")
        if fault.state is FaultState.RELEASED:
            raise Conflict(f"{fault.reference} was released already.", hint="See: tillroll faults")
        if fault.run_id is not None:
            run = load_run(connection, fault.run_id)
            if run.state in RUN_FINAL:
                raise Conflict(f"Run {run.id} is {run.state}, so nothing of it is tried again.")
        if fault.kind is ItemKind.MESSAGE and fault.run_id is not None:
            _reopen_message(connection, int(fault.item), fault.run_id, now)
        release(connection, faults.c.id == fault.id, by=person.email)
        body = {"reference": fault.reference, "stage": fault.stage.value, "error": fault.error}
        subject = f"{fault.kind.value} {fault.item}"
        audit.record(
            connection, at=now, actor=person.email, action="fault.released", subject=subject, body=body
        )
    return fault


def _reopen_message(connection: Connection, message_id: int, run_id: int, now: datetime) -> None:
    """Make a failed message ready again, and let its run send once more. It never left, so it can't leave twice."""
    failed = (messages.c.id == message_id, messages.c.state == MessageState.FAILED)
    ready = {"state": MessageState.READY, "reason": "", "not_before": None, "changed_at": now}
    kind = connection.scalar(sa.select(messages.c.kind).where(messages.c.id == message_id))
    connection.execute(sa.update(messages).where(*failed).values(ready))
    if kind == "offer":
        move_run(connection, run_id, was={RunState.TRACKING}, to=RunState.SENDING, now=now)
    else:  # reminders leave while the run is tracked
        wake = {"not_before": None, "changed_at": now}
        connection.execute(sa.update(runs).where(runs.c.id == run_id).values(wake))
