"""Reading a plan's audience and freezing it under the plan, in pieces.

Crash points: recipients are written in pieces before the plan has a digest and before the run refers to it. *Some recipients, no
digest*, after `write_piece`: a process that dies there leaves a plan without digest, which nobody can approve, and which is
cleared away behind the plan that comes to stand.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tillroll.campaign.frozen.proposal import AudienceDigest
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.statistics import has_grown
from tillroll.ledger.tables import approvals, plans, recipients
from tillroll.plan.audience import Asked, Choosing, Selection, select_recipients
from tillroll.plan.chosen import PIECE, choose, recipients_of_piece
from tillroll.plan.crossing.crossings import Crossings
from tillroll.plan.subject import Subject

_CLEARED = 20_000  # recipients of one transaction
_GIVEN_UP = timedelta(hours=1)  # nobody is at a plan without digest any more that is so old


class Overtaken(Exception):
    """Another process has put its plan in force, or the run has moved on: this one is for nobody."""


def split_key(ecwid_id: int) -> bytes:
    """The key of the store's splits. It is no secret: anyone may recompute who was kept back, and who is in which arm."""
    return f"tillroll holdout of store {ecwid_id}".encode()


def clear_away(engine: Engine, run_id: int, now: datetime, *, keep: int | None = None) -> Iterator[None]:
    """Remove plans of this run that nobody was ever shown or decided on, a piece of their recipients at a time.

    What another process may be making is left to it: whoever is first puts its plan in force, and keeps that alone.
    """
    decided = sa.select(approvals.c.plan_id).where(approvals.c.run_id == run_id)
    stale = [plans.c.run_id == run_id, plans.c.id.not_in(decided)]
    if keep is None:
        stale.append(sa.or_(plans.c.digest != "", plans.c.made_at < now - _GIVEN_UP))
    else:
        stale.append(plans.c.id != keep)
    with reading(engine) as connection:
        found = list(connection.scalars(sa.select(plans.c.id).where(*stale)))
    for plan_id in found:
        while not _clear_piece(engine, plan_id, stale):
            yield


def _clear_piece(engine: Engine, plan_id: int, stale: list[sa.ColumnElement[bool]]) -> bool:
    """Remove some of a plan's recipients, and with the last of them the plan; whether it is gone."""
    some = sa.select(recipients.c.id).where(recipients.c.plan_id == plan_id).limit(_CLEARED)
    with writing(engine) as connection:
        still = sa.select(plans.c.id).where(plans.c.id == plan_id, *stale).with_for_update()
        if connection.scalar(still) is None:
            return True
        gone = connection.execute(sa.delete(recipients).where(recipients.c.id.in_(some))).rowcount
        if gone == _CLEARED:
            return False
        connection.execute(sa.delete(plans).where(plans.c.id == plan_id))
    return True


def recipients_of(
    engine: Engine, subject: Subject, selection: Selection, now: datetime
) -> Iterator[dict[str, Any]]:
    """The recipients one after the other, in one go."""
    if subject.makes_pool:
        return
    with reading(engine) as connection:
        yield from select_recipients(connection, _asked(subject, now), selection)


def _asked(subject: Subject, now: datetime) -> Asked:
    return Asked(
        store_id=subject.store.id,
        revision=subject.revision,
        step=subject.step,
        only=subject.only,
        facts=subject.facts or {},
        key=split_key(subject.store.ecwid_id),
        now=now,
    )


def _pieces(
    engine: Engine, subject: Subject, selection: Selection, now: datetime
) -> Iterator[list[dict[str, Any]]]:
    """The recipients a piece at a time, with nothing held in between; of one customer's run in one go."""
    if subject.only is not None or subject.makes_pool:
        yield list(recipients_of(engine, subject, selection, now))
        return
    asked = _asked(subject, now)
    choosing = Choosing(asked, selection)
    with reading(engine) as connection:
        waiting = choose(connection, asked)
    yield []
    while waiting:
        with reading(engine) as connection:
            found = list(recipients_of_piece(connection, choosing, waiting.popleft()))
        yield found


@dataclass(frozen=True, kw_only=True)
class Read:
    """An audience that has been read to its end."""

    selection: Selection
    digest: str
    crossings: Crossings


def crossings_of(engine: Engine, subject: Subject, *, today: datetime) -> Crossings:
    """What counts whom else a subject's audience hears from."""
    return Crossings(engine=engine, subject=subject, key=split_key(subject.store.ecwid_id), today=today)


def freeze_audience(
    engine: Engine, subject: Subject, now: datetime
) -> Generator[None, None, tuple[int, Read]]:
    """Write the recipients under a plan row that has no digest yet; yields between pieces. Raises `Overtaken`."""
    plan_id = _begin_plan(engine, subject, now)
    selection, digest = Selection(), AudienceDigest()
    crossings = crossings_of(engine, subject, today=now)
    for piece in _pieces(engine, subject, selection, now):
        for recipient in piece:
            digest.add_recipient(recipient)
            crossings.take(recipient["customer_id"])
        if piece:
            write_piece(engine, plan_id, piece)
        yield
    if selection.count > PIECE:
        has_grown(engine, recipients)
    for _ in crossings.count_due():
        yield
    return plan_id, Read(selection=selection, digest=digest.hex(), crossings=crossings)


def _begin_plan(engine: Engine, subject: Subject, now: datetime) -> int:
    row = {
        "run_id": subject.run_id,
        "revision_id": subject.revision_id,
        "digest": "",
        "body": {},
        "currency": subject.store.currency,
        "made_at": now,
        "expires_at": now + subject.revision.campaign.approval.expires,
    }
    with writing(engine) as connection:
        return int(connection.execute(sa.insert(plans).values(row).returning(plans.c.id)).scalar_one())


def write_piece(engine: Engine, plan_id: int, piece: Sequence[Mapping[str, Any]]) -> None:
    """Write some recipients, if the plan is still there and has no digest: what has one never changes."""
    with writing(engine) as connection:
        unfinished = (plans.c.id == plan_id, plans.c.digest == "")
        if connection.scalar(sa.select(plans.c.id).where(*unfinished).with_for_update()) is None:
            raise Overtaken
        connection.execute(sa.insert(recipients), [{**one, "plan_id": plan_id} for one in piece])
