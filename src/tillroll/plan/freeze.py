"""Read a plan's audience and freeze it under the plan, in pieces.

Crash points: recipients are written in pieces before the plan has a digest and before the run refers to it. *Some recipients, no
digest*, after `write_piece`: a process that dies there leaves a plan without a digest, which nobody can approve, and which is
deleted once another plan of the run is in force.
"""

from __future__ import annotations

from array import array
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.frozen.proposal import RECIPIENT_FIELDS, AudienceDigest
from tillroll.campaign.text.money import smallest_unit
from tillroll.ledger.bulk.rows import add_many
from tillroll.ledger.bulk.statistics import refresh_statistics
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.tables import approvals, plans, recipients
from tillroll.ledger.tables import held_back as held
from tillroll.plan.audience.people import people_of
from tillroll.plan.audience.query import AudienceRequest
from tillroll.plan.audience.reader import PIECE, read_segment, recipients_of_piece
from tillroll.plan.audience.select import RecipientFilter, Selection, select_recipients
from tillroll.plan.audience.subject import Subject
from tillroll.plan.overlap.overlaps import OverlapCounter

_WRITTEN = (*RECIPIENT_FIELDS, "arm", "value")
_written = itemgetter(*_WRITTEN)
_DELETED = 20_000  # recipients of one transaction
_GIVEN_UP = timedelta(hours=1)  # after so long, no process is still making a plan that has no digest


class Overtaken(Exception):
    """Another process has put its plan in force, or has moved the run: this plan is obsolete."""


def split_key(ecwid_id: int) -> bytes:
    """Return the key that splits a store's customers into arms and control group. It is no secret: anyone may recompute them."""
    return f"tillroll holdout of store {ecwid_id}".encode()


def delete_stale_plans(
    engine: Engine, run_id: int, now: datetime, *, keep: int | None = None
) -> Iterator[None]:
    """Delete the plans of a run that nobody decided on, some of their recipients at a time; yields between the pieces.

    Without `keep`, a plan that another process may still be making is spared. With `keep`, the plan in force, all others go.
    """
    decided = sa.select(approvals.c.plan_id).where(approvals.c.run_id == run_id)
    stale = [plans.c.run_id == run_id, plans.c.id.not_in(decided)]
    if keep is None:
        stale.append(sa.or_(plans.c.digest != "", plans.c.made_at < now - _GIVEN_UP))
    else:
        stale.append(plans.c.id != keep)
    with reading(engine) as connection:
        plan_ids = list(connection.scalars(sa.select(plans.c.id).where(*stale)))
    for plan_id in plan_ids:
        while not _delete_piece(engine, plan_id, stale):
            yield


def _delete_piece(engine: Engine, plan_id: int, stale: list[sa.ColumnElement[bool]]) -> bool:
    """Delete some of a plan's recipients, and with the last of them the plan; return whether the plan is gone."""
    some = sa.select(recipients.c.id).where(recipients.c.plan_id == plan_id).limit(_DELETED)
    with writing(engine) as connection:
        still_stale = sa.select(plans.c.id).where(plans.c.id == plan_id, *stale).with_for_update()
        if connection.scalar(still_stale) is None:
            return True
        gone = connection.execute(sa.delete(recipients).where(recipients.c.id.in_(some))).rowcount
        if gone == _DELETED:
            return False
        connection.execute(sa.delete(held).where(held.c.plan_id == plan_id))
        connection.execute(sa.delete(plans).where(plans.c.id == plan_id))
    return True


def recipients_of(
    engine: Engine, subject: Subject, selection: Selection, now: datetime
) -> Iterator[dict[str, Any]]:
    """Yield the recipients of a run, reading them over one connection; what it counts goes into `selection`."""
    if subject.makes_pool:
        return
    with reading(engine) as connection:
        yield from select_recipients(connection, _request(subject, now), selection)


def _request(subject: Subject, now: datetime) -> AudienceRequest:
    return AudienceRequest(
        store_id=subject.store.id,
        revision=subject.revision,
        step=subject.step,
        only=subject.only,
        facts=subject.facts or {},
        unit=smallest_unit(subject.store.currency),
        key=split_key(subject.store.ecwid_id),
        now=now,
    )


def _pieces(
    engine: Engine, subject: Subject, selection: Selection, now: datetime
) -> Iterator[list[dict[str, Any]]]:
    """Yield the recipients a piece at a time, with no connection open in between; all at once for one customer or a pool."""
    if subject.only is not None or subject.makes_pool:
        yield list(recipients_of(engine, subject, selection, now))
        return
    request = _request(subject, now)
    with reading(engine) as connection:
        recipient_filter = RecipientFilter(request, selection, people_of(connection, request))
    yield []
    with reading(engine) as connection:
        waiting = read_segment(connection, request)
    yield []
    while waiting:
        with reading(engine) as connection:
            piece = list(recipients_of_piece(connection, recipient_filter, waiting.popleft()))
        yield piece


@dataclass(frozen=True, kw_only=True)
class ReadAudience:
    """An audience that has been read to the end."""

    selection: Selection
    digest: str
    overlaps: OverlapCounter


def overlap_counter(engine: Engine, subject: Subject, *, today: datetime) -> OverlapCounter:
    """Return the counter of a run's overlaps with other campaigns; `today` is the real time, even of a preview."""
    return OverlapCounter(engine=engine, subject=subject, key=split_key(subject.store.ecwid_id), today=today)


def freeze_audience(
    engine: Engine, subject: Subject, now: datetime
) -> Generator[None, None, tuple[int, ReadAudience]]:
    """Write the recipients of a new plan that has no digest yet; yields between the pieces and returns the plan's id.

    Raises `Overtaken` if another process deleted the plan meanwhile.
    """
    plan_id = _begin_plan(engine, subject, now)
    selection, digest = Selection(), AudienceDigest()
    overlaps = overlap_counter(engine, subject, today=now)
    for piece in _pieces(engine, subject, selection, now):
        for recipient in piece:
            digest.add_recipient(recipient)
            overlaps.take(recipient["customer_id"])
        if piece or selection.held_back or selection.held_everywhere:
            write_piece(engine, plan_id, piece, selection)
            selection.held_back, selection.held_everywhere = array("q"), array("q")
        yield
    if selection.count > PIECE:
        refresh_statistics(engine, recipients)
    for _ in overlaps.count_due():
        yield
    return plan_id, ReadAudience(selection=selection, digest=digest.hex(), overlaps=overlaps)


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


def write_piece(
    engine: Engine, plan_id: int, piece: Sequence[Mapping[str, Any]], selection: Selection
) -> None:
    """Write some recipients, and the control groups' part of `selection`, of a plan that has no digest yet: one with a digest
    never changes.

    Raises `Overtaken` if the plan was deleted or finished.
    """
    with writing(engine) as connection:
        unfinished = (plans.c.id == plan_id, plans.c.digest == "")
        if connection.scalar(sa.select(plans.c.id).where(*unfinished).with_for_update()) is None:
            raise Overtaken
        same = {"plan_id": plan_id}
        _add(connection, recipients, _WRITTEN, list(map(_written, piece)), same)
        for everywhere, numbers in ((False, selection.held_back), (True, selection.held_everywhere)):
            _add(
                connection,
                held,
                ("customer_id", "everywhere"),
                [(each, everywhere) for each in numbers],
                same,
            )


def _add(
    connection: Connection,
    table: sa.Table,
    columns: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
    same: Mapping[str, Any],
) -> None:
    """Insert rows of a plan, each customer's once."""
    if add_many(connection, table, columns, rows, same=same) != len(rows):
        raise AssertionError(f"a customer is in the {table.name} of a plan twice")
