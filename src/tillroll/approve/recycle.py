"""Recycling the codes of a halted run that reached nobody: those of a pool go back to it, the others wait for the next run.

The decision, its audit row and what it does are one transaction. A code is given to somebody else only if nobody can have seen
it: no e-mail with it left or may have left, nobody was shown it in clear, and no order used it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.approve.agree import AgreementTopic, approvers_for_runs, record_agreement
from tillroll.approve.change import require_may_decide
from tillroll.approve.decide import Person
from tillroll.campaign.figures.batched import batched
from tillroll.campaign.states import (
    CHANGE_OPEN,
    CODE_IN_STORE,
    ChangeKind,
    ChangeState,
    CodeCause,
    CodeState,
    MessageState,
    RunState,
)
from tillroll.errors import Conflict, Refused
from tillroll.ledger import audit
from tillroll.ledger.causes import code_cause
from tillroll.ledger.engine import lock_store_row, writing
from tillroll.ledger.queries.agreements import PendingAgreement
from tillroll.ledger.queries.changes import Scope, add_change, add_parts
from tillroll.ledger.queries.predicates import was_used
from tillroll.ledger.queries.runs import load_run
from tillroll.ledger.records import Run
from tillroll.ledger.tables import changes, codes, messages, recipients, runs

_UNSENT = (MessageState.READY, MessageState.HELD)
_PIECE = 500


class UnseenCode(NamedTuple):
    """A code of a run that nobody can have seen. A tuple, since a run may have a hundred thousand."""

    code_id: int
    recipient_id: int


def recycle(
    engine: Engine, *, run_id: int, person: Person, note: str, now: datetime
) -> int | PendingAgreement:
    """Take back the codes of a halted run that reached nobody. Returns how many.

    If the run is restarted, its recipients get other codes. Codes of a pool work again, which takes as many approvers as their
    plan took: returns the pending agreement while approvers are missing. Raises `Conflict` and `Refused`.
    """
    with writing(engine) as connection:
        run = load_run(connection, run_id)
        require_may_decide(person, run.store_id, f"recycle the codes of run {run_id}")
        lock_store_row(connection, run.store_id)
        if run.state is not RunState.HALTED:
            raise Conflict(f"Run {run_id} is {run.state}, not halted.", hint=f"Run: tillroll halt {run_id}")
        if _is_being_paused(connection, run):
            raise Refused(
                f"The codes of run {run_id} are still being paused.", hint="See: tillroll codes changes"
            )
        unseen = _unseen_codes(connection, run)
        if not unseen:
            raise Refused(f"Run {run_id} has no code that reached nobody.")
        pending = _agree(connection, run, unseen, person, note, now)
        if pending is not None:
            return pending
        for piece in batched(unseen, _PIECE):
            _take_back(connection, run, piece, now)
        _return_to_pools(connection, run, unseen, person, now)
        connection.execute(sa.update(runs).where(runs.c.id == run_id).values(reserved_to=0))
        body, subject = {"codes": len(unseen), "note": note}, f"run {run_id}"
        audit.record(
            connection, at=now, actor=person.email, action="codes.recycled", subject=subject, body=body
        )
    return len(unseen)


def _agree(
    connection: Connection,
    run: Run,
    unseen: Sequence[UnseenCode],
    person: Person,
    note: str,
    now: datetime,
) -> PendingAgreement | None:
    """Record that a person agrees; None once enough people have for the pools whose codes are switched on again."""
    makers: set[int] = set()
    for ids in _ids_of(unseen):
        of_pools = sa.select(codes.c.run_id).where(codes.c.id.in_(ids), codes.c.run_id != run.id)
        makers |= set(connection.scalars(of_pools.distinct()))
    scope = Scope(store_id=run.store_id, campaign=run.campaign, run_id=run.id)
    since = f"halted {run.finished_at.isoformat() if run.finished_at else None}"
    needed = approvers_for_runs(connection, makers)
    topic = AgreementTopic(scope=scope, kind="recycle", since=since, needed=needed)
    return record_agreement(connection, topic, person=person, note=note, now=now)


def _ids_of(unseen: Sequence[UnseenCode]) -> Iterator[list[int]]:
    for piece in batched(unseen, _PIECE):
        yield [code.code_id for code in piece]


def _is_being_paused(connection: Connection, run: Run) -> bool:
    of_campaign = sa.and_(changes.c.run_id.is_(None), changes.c.campaign == run.campaign)
    of_run = (changes.c.store_id == run.store_id, sa.or_(changes.c.run_id == run.id, of_campaign))
    open_ = changes.c.state.in_(sorted(CHANGE_OPEN))
    return connection.execute(sa.select(changes.c.id).where(*of_run, open_)).first() is not None


def _unseen_codes(connection: Connection, run: Run) -> list[UnseenCode]:
    """Return the codes of the run's recipients that nobody can have seen."""
    maker = runs.alias("maker")
    left = sa.exists().where(
        messages.c.recipient_id == recipients.c.id,
        sa.or_(messages.c.state.not_in(_UNSENT), messages.c.attempts > 0),
    )
    shown = sa.exists().where(maker.c.id == codes.c.run_id, maker.c.revealed_at.is_not(None))
    query = (
        sa.select(codes.c.id, codes.c.recipient_id)
        .join(recipients, recipients.c.id == codes.c.recipient_id)
        .where(recipients.c.plan_id == run.plan_id, codes.c.state.in_(sorted(CODE_IN_STORE)))
        .where(codes.c.cause != CodeCause.SWITCHED_OFF_IN_STORE, ~left, ~shown, ~was_used())
    )
    return [UnseenCode(*row) for row in connection.execute(query.order_by(codes.c.id))]


def _return_to_pools(
    connection: Connection, run: Run, unseen: Sequence[UnseenCode], person: Person, now: datetime
) -> None:
    """Have the codes of pools switched on, so that they can be handed out again, unless their pool is halted."""
    by_maker: dict[int, list[Any]] = {}  # bulk: rows of codes, as `add_parts` takes them
    for ids in _ids_of(unseen):
        paused = (codes.c.id.in_(ids), codes.c.state == CodeState.PAUSED)
        of_pools = (codes.c.run_id != run.id, runs.c.state != RunState.HALTED)
        query = sa.select(codes).join(runs, runs.c.id == codes.c.run_id).where(*paused, *of_pools)
        for row in connection.execute(query):
            by_maker.setdefault(row.run_id, []).append(row)
    for maker, rows in sorted(by_maker.items()):
        change_id = add_change(
            connection,
            Scope(store_id=run.store_id, campaign=run.campaign, run_id=maker),
            ChangeKind.RESUME,
            person=person.email,
            note=f"back to the pool from run {run.id}",
            now=now,
            state=ChangeState.WORKING,
        )
        add_parts(connection, change_id, rows, action="update", now=now)


def _take_back(connection: Connection, run: Run, piece: Sequence[UnseenCode], now: datetime) -> None:
    """Take codes from their recipients, and remove the e-mails that would have shown them: a restart writes them anew."""
    of_them = (
        messages.c.recipient_id.in_([code.recipient_id for code in piece]),
        messages.c.run_id == run.id,
    )
    connection.execute(sa.delete(messages).where(*of_them, messages.c.state.in_(_UNSENT)))
    taken = codes.c.id.in_([code.code_id for code in piece])
    unassigned = {"recipient_id": None, "handed_at": None, "changed_at": now}
    connection.execute(sa.update(codes).where(taken).values(unassigned))
    made_here = (taken, codes.c.run_id == run.id, codes.c.state == CodeState.PAUSED)
    connection.execute(sa.update(codes).where(*made_here).values(code_cause(CodeCause.LEFT_OVER)))
