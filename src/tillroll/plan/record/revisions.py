"""Record the campaign files in the ledger: every version once, and which version is in force.

A changed file sends back the runs that were planned but have not begun: an approval is for a digest, which is void then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign import Book, Revision
from tillroll.campaign.language.models import Status
from tillroll.campaign.states import ItemKind, Stage
from tillroll.ledger import audit
from tillroll.ledger.engine import insert_if_new, reading
from tillroll.ledger.faults.boundary import concerns_everybody, contained
from tillroll.ledger.faults.pieces import write_pieces
from tillroll.ledger.faults.rows import FaultyItem, resting_items
from tillroll.ledger.limits.kept import bars_of, record_limits
from tillroll.ledger.queries.entries import note_inactive
from tillroll.ledger.queries.plans import load_revision
from tillroll.ledger.records import CampaignRecord
from tillroll.ledger.tables import campaigns, revisions
from tillroll.plan.record.lists import record_lists
from tillroll.plan.record.send_back import send_back


def record_book(engine: Engine, *, store_id: int, book: Book, now: datetime) -> bool:
    """Bring the ledger's campaigns in line with the files. Safe to repeat. Returns whether all of them are.

    A campaign that fails is recorded and tried again; until then its runs must not begin (`unrecorded_campaigns`).
    """
    record_lists(engine, store_id=store_id, book=book)
    with reading(engine) as connection:
        rows = connection.execute(sa.select(campaigns).where(campaigns.c.store_id == store_id)).all()
        records = {row.name: CampaignRecord.from_row(row) for row in rows}
        resting = unrecorded_campaigns(connection, store_id, now)
    names = sorted((book.revisions.keys() | book.faulty | records.keys()) - resting)

    def write(connection: Connection, some: Sequence[str]) -> None:
        for name in some:
            revision = book.revisions.get(name)
            revision_id = _record_revision(connection, store_id, revision, now) if revision else None
            faults = [finding.render() for finding in book.findings] if name in book.faulty else None
            gone = revision is None and name not in book.faulty
            _record_campaign(connection, store_id, name, records.get(name), revision_id, faults, gone, now)
        readable = {name: book.revisions[name] for name in some if name in book.revisions}
        record_limits(connection, store_id, {name: bars_of(one) for name, one in readable.items()})

    failed = write_pieces(
        engine, names, write, name=lambda name: campaign_item(store_id, name), stage=Stage.FILES, now=now
    )
    return not failed and not resting


def unrecorded_campaigns(connection: Connection, store_id: int, now: datetime) -> frozenset[str]:
    """Return the campaigns of which the ledger may not know the newest version, because recording it failed."""
    return resting_items(connection, store_id, ItemKind.CAMPAIGN, Stage.FILES, now=now)


def _record_revision(connection: Connection, store_id: int, revision: Revision, now: datetime) -> int:
    """Write a version unless it is there; return its id."""
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
    before: CampaignRecord | None,
    revision_id: int | None,
    faults: list[str] | None,
    gone: bool,
    now: datetime,
) -> None:
    """Write which version of a campaign is in force, or why none is, and what follows for its runs and entries."""
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
    was, status = (_status(connection, each) for each in (before.revision_id, revision_id))
    values: dict[str, Any] = {"revision_id": revision_id, "findings": faults, "gone_at": gone_at}
    if was == Status.DRAFT and status == Status.ACTIVE and _waits_for_events(connection, revision_id):
        # it begins now: what happened while it was a draft does not count
        values |= {"first_seen_at": now, "considered_until": now}
    connection.execute(sa.update(campaigns).where(campaigns.c.id == before.id).values(values))
    if before.revision_id != revision_id:
        send_back(connection, store_id=store_id, campaign=name, revision_id=revision_id, gone=gone, now=now)
    note_inactive(connection, store_id=store_id, campaign=name, reason=_why_inactive(status, gone=gone))


def _status(connection: Connection, revision_id: int | None) -> str | None:
    """Return the status in a revision's file; None while the files have faults or are gone."""
    status: str | None = connection.scalar(sa.select(revisions.c.status).where(revisions.c.id == revision_id))
    return status


def _waits_for_events(connection: Connection, revision_id: int | None) -> bool:
    return revision_id is not None and load_revision(connection, revision_id).campaign.when.on is not None


def _why_inactive(status: str | None, *, gone: bool) -> str:
    """Return why a campaign does not act now; empty when it does."""
    if status == Status.ACTIVE:
        return ""
    if status is not None:
        return f"the campaign is {status}"
    return "the campaign's file is gone" if gone else "the campaign's files have faults"


@dataclass(frozen=True, kw_only=True)
class ActiveCampaign:
    """A campaign that the loop acts on, with the version in force."""

    record: CampaignRecord
    name: str
    revision: Revision


def active_campaigns(connection: Connection, store_id: int) -> list[ActiveCampaign]:
    """Return the campaigns that the worker acts on: with faultless files and `status: active`, and not halted.

    One that can't be read is an error; a loop whose campaigns are neighbours asks for `readable_campaigns`.
    """
    return [_active(connection, record) for record in _active_records(connection, store_id)]


def readable_campaigns(engine: Engine, store_id: int, *, stage: Stage, now: datetime) -> list[ActiveCampaign]:
    """Return the active campaigns without those that can't be read, which is recorded, or that rest in this stage."""
    active = []
    with reading(engine) as connection:
        stages = (Stage.FILES, stage)
        resting = resting_items(connection, store_id, ItemKind.CAMPAIGN, *stages, now=now)
        records = _active_records(connection, store_id)
        for record in (record for record in records if record.name not in resting):
            with contained(engine, campaign_item(store_id, record.name), stage=Stage.FILES, now=now):
                active.append(_active(connection, record))
    return active


def without_broken(connection: Connection, store_id: int) -> Iterator[ActiveCampaign]:
    """Yield the active campaigns that can be read. Others are left out and not recorded: nobody acts on the answer itself."""
    for record in _active_records(connection, store_id):
        try:
            active = _active(connection, record)
        except Exception as fault:
            if concerns_everybody(fault):
                raise
            continue
        yield active


def campaign_item(store_id: int, name: str) -> FaultyItem:
    """Return what a fault calls a campaign."""
    return FaultyItem(store_id=store_id, kind=ItemKind.CAMPAIGN, name=name, campaign=name)


def _active(connection: Connection, record: CampaignRecord) -> ActiveCampaign:
    assert record.revision_id is not None  # noqa: S101 - the query asks for campaigns with one
    revision = load_revision(connection, record.revision_id)
    return ActiveCampaign(record=record, name=record.name, revision=revision)


def _active_records(connection: Connection, store_id: int) -> list[CampaignRecord]:
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
    return [CampaignRecord.from_row(row) for row in connection.execute(query)]


def current_revision(connection: Connection, store_id: int, name: str) -> tuple[int, Revision] | None:
    """Return the revision in force of a campaign, with its id; None while its files have faults or are gone."""
    where = (campaigns.c.store_id == store_id, campaigns.c.name == name)
    revision_id = connection.scalar(sa.select(campaigns.c.revision_id).where(*where))
    return None if revision_id is None else (revision_id, load_revision(connection, revision_id))
