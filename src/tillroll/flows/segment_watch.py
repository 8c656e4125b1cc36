"""Watch the segments that campaigns wait for: who is in them is kept, and compared once an hour with who is in them then.

A segment that is new, or whose file or lists have changed, is only kept: nobody entered or left it. Crash points: none between:
what changed and who is in the segment are one transaction.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign import Revision
from tillroll.campaign.digest import RunningDigest
from tillroll.campaign.figures.batched import batched
from tillroll.ledger.engine import reading, upsert, writing
from tillroll.ledger.records import Store
from tillroll.ledger.tables import customers, segment_changes, segment_looks, segment_members
from tillroll.plan.segments.answerable import reasons_unanswered
from tillroll.plan.segments.query import SegmentQuery
from tillroll.plan.segments.question import ask

_IN_A_STATEMENT = 500


def watch_segment(engine: Engine, store: Store, revision: Revision, name: str, now: datetime) -> None:
    """Note who entered and left a segment since the last look; at most once an hour. What the mirror can't answer waits."""
    digest = _digest(revision, name)
    of_segment = (segment_looks.c.store_id == store.id, segment_looks.c.segment == name)
    with reading(engine) as connection:
        last = connection.execute(sa.select(segment_looks).where(*of_segment)).first()
        is_known = last is not None and last.digest == digest
        if last is not None and is_known and _hour(last.looked_at) == _hour(now):
            return
    with writing(engine) as connection:
        ids = _ids(connection, store, revision, name, now)
        if ids is None:
            return
        if is_known:
            _note_changes(connection, store.id, name, ids, now)
        else:
            _keep(connection, store.id, name, ids)
        look = {"store_id": store.id, "segment": name, "digest": digest, "looked_at": now}
        upsert(connection, segment_looks, [look])


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _digest(revision: Revision, name: str) -> str:
    """Return a digest of the segment's conditions and of the lists it may use."""
    digest = RunningDigest()
    digest.add([json.dumps(revision.segments[name].model_dump(mode="json", by_alias=True), sort_keys=True)])
    digest.add(sorted(each.digest for each in revision.lists.values()))
    return digest.hex()


def _ids(
    connection: Connection, store: Store, revision: Revision, name: str, now: datetime
) -> sa.Select[int] | None:
    """Return the query for the customers in the segment; None if the mirror can't answer it yet."""
    segment = revision.segments[name]
    question = ask(connection, store_id=store.id, segments=[segment], lists=revision.lists, now=now)
    if reasons_unanswered(connection, store, [segment], question):
        return None
    query = SegmentQuery(question)
    is_inside = query.matches(segment)
    return sa.select(customers.c.customer_id).select_from(query.source).where(query.scope, is_inside)


def _keep(connection: Connection, store_id: int, name: str, ids: sa.Select[int]) -> None:
    """Keep who is in the segment now, whoever was in it before."""
    members = segment_members.c
    connection.execute(
        sa.delete(segment_members).where(members.store_id == store_id, members.segment == name)
    )
    inside = ids.subquery("inside")
    rows = sa.select(sa.literal(store_id), sa.literal(name), next(iter(inside.c)))
    columns = ["store_id", "segment", "customer_id"]
    connection.execute(sa.insert(segment_members).from_select(columns, rows))


def _note_changes(
    connection: Connection, store_id: int, name: str, ids: sa.Select[int], now: datetime
) -> None:
    members = segment_members.c
    kept = sa.select(members.customer_id).where(members.store_id == store_id, members.segment == name)
    still_there = sa.exists().where(
        customers.c.store_id == store_id, customers.c.customer_id == members.customer_id
    )
    gone = kept.where(members.customer_id.not_in(ids), still_there)
    entered: list[int] = sorted(connection.scalars(ids.where(customers.c.customer_id.not_in(kept))).all())
    left: list[int] = sorted(connection.scalars(gone).all())
    _write(connection, store_id, name, entered, now, entered=True)
    _write(connection, store_id, name, left, now, entered=False)
    for some in batched(entered, _IN_A_STATEMENT):
        rows = [{"store_id": store_id, "segment": name, "customer_id": customer_id} for customer_id in some]
        connection.execute(sa.insert(segment_members), rows)
    for some in batched(left, _IN_A_STATEMENT):
        where = (members.store_id == store_id, members.segment == name, members.customer_id.in_(some))
        connection.execute(sa.delete(segment_members).where(*where))


def _write(
    connection: Connection, store_id: int, name: str, ids: Iterable[int], now: datetime, *, entered: bool
) -> None:
    for some in batched(ids, _IN_A_STATEMENT):
        row = {"store_id": store_id, "segment": name, "entered": entered, "at": now}
        rows = [{**row, "customer_id": customer_id} for customer_id in some]
        connection.execute(sa.insert(segment_changes), rows)
