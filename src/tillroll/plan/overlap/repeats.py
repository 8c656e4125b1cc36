"""Count who of a run's audience got a code of its campaign before, and who would get one again at its next slot."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.segments.after_sending import leaves_out_its_own
from tillroll.campaign.states import MessageState
from tillroll.campaign.text.money import smallest_unit
from tillroll.campaign.timing.schedule import slots
from tillroll.ledger.engine import reading, streaming
from tillroll.ledger.queries.predicates import came_into_store
from tillroll.ledger.tables import campaigns, codes, messages, recipients, runs
from tillroll.ledger.tables.types import UtcDateTime
from tillroll.plan.audience.query import AudienceRequest
from tillroll.plan.audience.reader import recipient_ids
from tillroll.plan.audience.subject import Subject
from tillroll.plan.verdicts.again import Repeats

_MAY_HAVE_LEFT = (MessageState.SENDING, MessageState.SENT, MessageState.UNKNOWN)
_FARTHEST = timedelta(days=400)  # a later slot is no repetition


NO_REPEATS = Repeats()


def count_repeats(engine: Engine, subject: Subject, audience: array[int], *, key: bytes) -> Repeats:
    """Count the repetitions for an audience, the ids of its recipients in ascending order. `key` is that of the splits.

    A campaign without codes may write to the same people as often as it likes, and one of events has `again:`.
    """
    campaign = subject.campaign
    if not audience or subject.makes_pool or campaign.offer is None or campaign.when.on is not None:
        return NO_REPEATS
    with reading(engine) as connection:
        before, latest = _got_before(connection, subject, audience)
        next_at = _next_slot(connection, subject)
        next_time = 0
        if next_at is not None and not _leaves_out(subject, next_at):
            request = AudienceRequest(
                store_id=subject.store.id,
                revision=subject.revision,
                unit=smallest_unit(subject.store.currency),
                key=key,
                now=next_at,
            )
            next_time = count_common(audience, recipient_ids(connection, request, drawn=audience))
    if next_at is None or not next_time:
        return Repeats(before=before, latest=latest)
    gap = next_at - subject.slot_at
    return Repeats(before=before, latest=latest, next_time=next_time, next_at=next_at, gap=gap)


def _got_before(
    connection: Connection, subject: Subject, audience: array[int]
) -> tuple[int, datetime | None]:
    """Return how many of the audience were sent a code of this campaign, and when the last code of it left.

    If another program sends the codes, one counts from the moment when it was drawn: no e-mail of ours tells more.
    """
    earlier = sa.select(runs.c.id).where(
        runs.c.store_id == subject.store.id,
        runs.c.campaign == subject.revision.name,
        runs.c.id != subject.run_id,
    )
    run_ids = list(connection.scalars(earlier))
    told = bool(subject.revision.codes_sent_by)
    given = _told(run_ids) if told else _sent(run_ids)
    moment = codes.c.reserved_at if told else sa.func.coalesce(messages.c.sent_at, messages.c.sending_at)
    latest_at = sa.func.max(moment, type_=UtcDateTime())
    latest: datetime | None = connection.scalar(sa.select(latest_at).where(*given))
    if latest is None:
        return 0, None
    holder = codes.c.recipient_id if told else messages.c.recipient_id
    people = (
        sa.select(recipients.c.customer_id)
        .distinct()
        .join_from(recipients, holder.table, holder == recipients.c.id)
        .where(*given)
        .order_by(recipients.c.customer_id)
    )
    with streaming(connection, people) as rows:
        count = count_common(audience, rows.scalars())
    return count, latest if count else None


def _sent(run_ids: list[int]) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the conditions for e-mails of these runs that left with a code, or may have."""
    return (
        messages.c.run_id.in_(run_ids),
        messages.c.state.in_(_MAY_HAVE_LEFT),
        messages.c.code_id.is_not(None),
    )


def _told(run_ids: list[int]) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the conditions for codes of these runs that another program was told of."""
    return (
        codes.c.run_id.in_(run_ids),
        codes.c.recipient_id.is_not(None),
        came_into_store(),
    )


def _next_slot(connection: Connection, subject: Subject) -> datetime | None:
    """Return when the campaign is due again after this run; None if it isn't, or not within a year or so."""
    when = subject.revision.campaign.when
    if subject.run_id == 0 and when.at is not None:
        return None  # its only run is the one that is previewed
    where = (campaigns.c.store_id == subject.store.id, campaigns.c.name == subject.revision.name)
    first_seen = connection.scalar(sa.select(campaigns.c.first_seen_at).where(*where)) or subject.slot_at
    coming = slots(
        when,
        zone=when.zone(subject.store.timezone),
        first_seen=first_seen,
        after=subject.slot_at,
        until=subject.slot_at + _FARTHEST,
    )
    return next((slot.at for slot in coming), None)


def _leaves_out(subject: Subject, next_at: datetime) -> bool:
    who, segments = subject.revision.campaign.who, subject.revision.segments
    gap = next_at - subject.slot_at
    if subject.revision.codes_sent_by:
        return False  # `got_code` and `got_email` ask for e-mails of ours, and there are none
    return leaves_out_its_own(who, segments, campaign=subject.revision.name, gap=gap)


def count_common(ids: array[int], others: Iterator[int]) -> int:
    """Return how many ids two ascending sequences share."""
    count = index = 0
    for other in others:
        while index < len(ids) and ids[index] < other:
            index += 1
        if index == len(ids):
            break
        count += ids[index] == other
    return count
