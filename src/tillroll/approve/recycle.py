"""Codes of a halted run that never reached anybody become nobody's again: a pool's go back to it, others wait for the next run.

The word, its audit row and what it does are one transaction. Only what nobody can have seen is given to somebody else: no e-mail
with it left or may have left, nobody was shown it in clear, and no order used it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.approve.agree import Matter, agree, people_for
from tillroll.approve.change import needed_role
from tillroll.approve.decide import Person
from tillroll.campaign.states import (
    CHANGE_OPEN,
    CODE_IN_STORE,
    LEFT_OVER,
    SWITCHED_OFF_THERE,
    ChangeKind,
    ChangeState,
    CodeState,
    MessageState,
    RunState,
)
from tillroll.errors import Conflict, Refused
from tillroll.ledger import audit
from tillroll.ledger.agreements import Agreed
from tillroll.ledger.changes import Scope, add_change, add_parts
from tillroll.ledger.engine import take_turn, writing
from tillroll.ledger.runs import load_run
from tillroll.ledger.tables import audit as audit_rows
from tillroll.ledger.tables import changes, codes, messages, recipients, redemptions, runs

_UNSENT = (MessageState.READY, MessageState.HELD)
_PIECE = 500


def recycle(engine: Engine, *, run_id: int, person: Person, note: str, now: datetime) -> int | Agreed:
    """Take back the codes of a halted run that reached nobody; how many. If it is restarted, its people get others.

    Codes of a pool work again then: who has agreed so far, if it takes more people.
    """
    with writing(engine) as connection:
        needed_role(person, f"recycle the codes of run {run_id}")
        run = load_run(connection, run_id)
        take_turn(connection, run.store_id)
        if run.state != RunState.HALTED:
            raise Conflict(f"Run {run_id} is {run.state}, not halted.", hint=f"Run: tillroll halt {run_id}")
        if _being_paused(connection, run):
            raise Refused(
                f"The codes of run {run_id} are still being paused.", hint="See: tillroll codes changes"
            )
        found = _reached_nobody(connection, run)
        if not found:
            raise Refused(f"Run {run_id} has no code that reached nobody.")
        if (waits := _agree(connection, run, found, person, note, now)) is not None:
            return waits
        for start in range(0, len(found), _PIECE):
            _take_back(connection, run, found[start : start + _PIECE], now)
        _back_to_pools(connection, run, [row.id for row in found], person, now)
        connection.execute(sa.update(runs).where(runs.c.id == run_id).values(reserved_to=0))
        body = {"codes": len(found), "note": note}
        audit.record(
            connection,
            at=now,
            actor=person.email,
            action="codes.recycled",
            subject=f"run {run_id}",
            body=body,
        )
    return len(found)


def _agree(
    connection: Connection,
    run: sa.Row[Any],
    found: list[sa.Row[Any]],
    person: Person,
    note: str,
    now: datetime,
) -> Agreed | None:
    """A person's word; None once there are enough for the pools whose codes are switched on again."""
    makers: set[int] = set()
    for start in range(0, len(found), _PIECE):
        ids = [row.id for row in found[start : start + _PIECE]]
        foreign = sa.select(codes.c.run_id).where(codes.c.id.in_(ids), codes.c.run_id != run.id)
        makers |= set(connection.scalars(foreign.distinct()))
    scope = Scope(store_id=run.store_id, campaign=run.campaign, run_id=run.id)
    since = f"halted {run.finished_at.isoformat()}"
    matter = Matter(scope=scope, kind="recycle", since=since, needed=people_for(connection, makers))
    return agree(connection, matter, person=person, note=note, now=now)


def _being_paused(connection: Connection, run: sa.Row[Any]) -> bool:
    whole = sa.and_(changes.c.run_id.is_(None), changes.c.campaign == run.campaign)
    its = (changes.c.store_id == run.store_id, sa.or_(changes.c.run_id == run.id, whole))
    open_ = changes.c.state.in_(sorted(CHANGE_OPEN))
    return connection.execute(sa.select(changes.c.id).where(*its, open_)).first() is not None


def _reached_nobody(connection: Connection, run: sa.Row[Any]) -> list[sa.Row[Any]]:
    """The codes that the run's people have and that nobody can have seen: id and whose."""
    left = sa.exists().where(
        messages.c.recipient_id == recipients.c.id,
        sa.or_(messages.c.state.not_in(_UNSENT), messages.c.attempts > 0),
    )
    shown = sa.exists().where(
        audit_rows.c.action == "codes.revealed",
        audit_rows.c.subject == sa.literal("run ") + sa.cast(codes.c.run_id, sa.Text),
    )
    used = sa.exists().where(redemptions.c.code_id == codes.c.id)
    query = (
        sa.select(codes.c.id, codes.c.recipient_id)
        .join(recipients, recipients.c.id == codes.c.recipient_id)
        .where(recipients.c.plan_id == run.plan_id, codes.c.state.in_(sorted(CODE_IN_STORE)))
        .where(codes.c.reason != SWITCHED_OFF_THERE, ~left, ~shown, ~used)
    )
    return list(connection.execute(query.order_by(codes.c.id)))


def _back_to_pools(
    connection: Connection, run: sa.Row[Any], ids: list[int], person: Person, now: datetime
) -> None:
    """Have the codes of pools switched on again, so that they can be handed out; not those of a pool that is halted."""
    found: list[sa.Row[Any]] = []
    for start in range(0, len(ids), _PIECE):
        its = (codes.c.id.in_(ids[start : start + _PIECE]), codes.c.state == CodeState.PAUSED)
        pools = (codes.c.run_id != run.id, runs.c.state != RunState.HALTED)
        query = sa.select(codes).join(runs, runs.c.id == codes.c.run_id).where(*its, *pools)
        found += connection.execute(query).all()
    for maker in sorted({row.run_id for row in found}):
        scope = Scope(store_id=run.store_id, campaign=run.campaign, run_id=maker)
        note = f"back to the pool from run {run.id}"
        change_id = add_change(
            connection,
            scope,
            ChangeKind.RESUME,
            person=person.email,
            note=note,
            now=now,
            state=ChangeState.WORKING,
        )
        mine = [row for row in found if row.run_id == maker]
        add_parts(connection, change_id, mine, action="update", now=now)


def _take_back(connection: Connection, run: sa.Row[Any], found: list[sa.Row[Any]], now: datetime) -> None:
    """The codes are nobody's, and the e-mails that would have shown them are written anew if the run goes on."""
    unsent = (messages.c.recipient_id.in_([row.recipient_id for row in found]), messages.c.run_id == run.id)
    connection.execute(sa.delete(messages).where(*unsent, messages.c.state.in_(_UNSENT)))
    nobodys = {"recipient_id": None, "handed_at": None, "changed_at": now}
    its = codes.c.id.in_([row.id for row in found])
    connection.execute(sa.update(codes).where(its).values(nobodys))
    made_here = (its, codes.c.run_id == run.id, codes.c.state == CodeState.PAUSED)
    connection.execute(sa.update(codes).where(*made_here).values(reason=LEFT_OVER))
