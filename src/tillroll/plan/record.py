"""What the campaign files say, written to the ledger: every version once, and which one is in force.

A changed file sends back what was planned but not begun: an approval is for a digest, and that digest is gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign import Book, Revision
from tillroll.campaign.language.models import Status
from tillroll.campaign.states import EntryState
from tillroll.ledger import audit
from tillroll.ledger.engine import insert_if_new, writing
from tillroll.ledger.plans import load_revision
from tillroll.ledger.tables import campaigns, entries, revisions
from tillroll.plan.record_lists import record_lists
from tillroll.plan.send_back import send_back


def record_book(engine: Engine, *, store_id: int, book: Book, now: datetime) -> None:
    """Bring the ledger's campaigns in line with the files. Harmless to repeat."""
    record_lists(engine, store_id=store_id, book=book)
    with writing(engine) as connection:
        known = {
            row.name: row
            for row in connection.execute(sa.select(campaigns).where(campaigns.c.store_id == store_id))
        }
        for name in sorted(book.revisions.keys() | book.faulty | known.keys()):
            revision = book.revisions.get(name)
            revision_id = _record_revision(connection, store_id, revision, now) if revision else None
            faults = [finding.render() for finding in book.findings] if name in book.faulty else None
            gone = revision is None and name not in book.faulty
            _record_campaign(connection, store_id, name, known.get(name), revision_id, faults, gone, now)


def _record_revision(connection: Connection, store_id: int, revision: Revision, now: datetime) -> int:
    row = {
        "store_id": store_id,
        "campaign": revision.name,
        "digest": revision.digest,
        "title": revision.campaign.title,
        "status": revision.campaign.status.value,
        "files": dict(revision.files),
        "read_at": now,
    }
    if insert_if_new(connection, revisions, row):
        audit.record(
            connection,
            at=now,
            actor="loop",
            action="campaign.read",
            subject=f"campaign {revision.name}",
            body={"digest": revision.digest, "status": row["status"]},
        )
    where = (
        revisions.c.store_id == store_id,
        revisions.c.campaign == revision.name,
        revisions.c.digest == revision.digest,
    )
    return int(connection.scalars(sa.select(revisions.c.id).where(*where)).one())


def _record_campaign(
    connection: Connection,
    store_id: int,
    name: str,
    before: sa.Row[Any] | None,
    revision_id: int | None,
    faults: list[str] | None,
    gone: bool,
    now: datetime,
) -> None:
    if before is None:
        connection.execute(
            sa.insert(campaigns).values(
                store_id=store_id,
                name=name,
                revision_id=revision_id,
                findings=faults,
                first_seen_at=now,
                considered_until=now,
            )
        )
        return
    gone_at = (before.gone_at or now) if gone else None
    if (before.revision_id, before.findings, before.gone_at) == (revision_id, faults, gone_at):
        return
    was, status = (_status(connection, one) for one in (before.revision_id, revision_id))
    values: dict[str, Any] = {"revision_id": revision_id, "findings": faults, "gone_at": gone_at}
    if was == Status.DRAFT and status == Status.ACTIVE and _waits_for_events(connection, revision_id):
        # it begins now: nothing that happened while it was being written is its business
        values |= {"first_seen_at": now, "considered_until": now}
    connection.execute(sa.update(campaigns).where(campaigns.c.id == before.id).values(values))
    if before.revision_id != revision_id:
        send_back(connection, store_id=store_id, campaign=name, revision_id=revision_id, gone=gone, now=now)
    _tell_entries(connection, store_id, name, status, gone=gone)


def _status(connection: Connection, revision_id: int | None) -> str | None:
    """What a revision's file says of it; none while the files have faults or are gone."""
    found: str | None = connection.scalar(sa.select(revisions.c.status).where(revisions.c.id == revision_id))
    return found


def _waits_for_events(connection: Connection, revision_id: int | None) -> bool:
    return revision_id is not None and load_revision(connection, revision_id).campaign.when.on is not None


def _tell_entries(
    connection: Connection, store_id: int, name: str, status: str | None, *, gone: bool
) -> None:
    """Who waits for a step of a campaign that doesn't act now is told why; nobody is lost."""
    if status == Status.ACTIVE:
        reason = ""
    elif status is not None:
        reason = f"the campaign is {status}"
    else:
        reason = "the campaign's file is gone" if gone else "the campaign's files have faults"
    waiting = (entries.c.store_id == store_id, entries.c.state == EntryState.WAITING)
    connection.execute(sa.update(entries).where(*waiting, entries.c.campaign == name).values(reason=reason))


@dataclass(frozen=True, kw_only=True)
class Active:
    """An active campaign as it stands."""

    row: sa.Row[Any]
    name: str
    revision: Revision


def active_campaigns(connection: Connection, store_id: int) -> list[Active]:
    """The campaigns that the loop acts on: sound, there, `status: active`, and not halted."""
    query = (
        sa.select(campaigns)
        .join(revisions, revisions.c.id == campaigns.c.revision_id)
        .where(
            campaigns.c.store_id == store_id,
            campaigns.c.halted_at.is_(None),
            revisions.c.status == Status.ACTIVE,
        )
        .order_by(campaigns.c.name)
    )
    return [
        Active(row=row, name=row.name, revision=load_revision(connection, row.revision_id))
        for row in connection.execute(query)
    ]


def current_revision(connection: Connection, store_id: int, name: str) -> tuple[int, Revision] | None:
    """The revision in force of a campaign, or None while its files have faults or are gone."""
    where = (campaigns.c.store_id == store_id, campaigns.c.name == name)
    revision_id = connection.scalar(sa.select(campaigns.c.revision_id).where(*where))
    return None if revision_id is None else (revision_id, load_revision(connection, revision_id))
