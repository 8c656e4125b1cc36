"""How many of a run's messages may leave now: by the campaign's rate, a new sender's limit, and the pace of each mail domain.

They are counted twice: before messages are built, so that few are built in vain, and in the transaction that claims them, in
which nobody else counts. So several senders never use a place twice, nor write at the same time to a person who may get one more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.language.sender import rate_of_domain
from tillroll.campaign.states import RunState
from tillroll.campaign.text.units import Rate
from tillroll.campaign.timing.pace import EvenPace
from tillroll.ledger.queries.exposure import left_lately
from tillroll.ledger.records import Run
from tillroll.ledger.sender.alone import count_alone
from tillroll.ledger.sender.days import allowed_today, next_day
from tillroll.ledger.sender.domains import moments_of, write_moments
from tillroll.ledger.tables import messages, recipients, runs
from tillroll.rendering.mime import Outgoing
from tillroll.send.context import Sending
from tillroll.send.same_person import others_of


@dataclass(frozen=True, kw_only=True)
class FreePlaces:
    """How many messages may leave now; if none, also when one may."""

    count: int
    next_at: datetime


def free_places(connection: Connection, sending: Sending, now: datetime, most: int) -> FreePlaces:
    """Return how many messages may leave now, up to `most`, whatever their domains."""
    rate, ramp = sending.message.send.rate, sending.revision.guardrails.ramp_up
    places = FreePlaces(count=most, next_at=now)
    if rate is not None:
        places = _smaller(places, count_allowed_by_rate(connection, sending.run, rate, now))
    if ramp is not None:
        allowed = allowed_today(connection, sending.context.transport.name, ramp, now)
        if allowed is not None:
            places = _smaller(places, FreePlaces(count=allowed, next_at=now if allowed else next_day(now)))
    return places


def _smaller(one: FreePlaces, other: FreePlaces) -> FreePlaces:
    return FreePlaces(count=min(one.count, other.count), next_at=max(one.next_at, other.next_at))


def count_allowed_by_rate(connection: Connection, run: Run, rate: Rate, now: datetime) -> FreePlaces:
    """Return how many messages the campaign's rate allows now; if none, also when it allows one again."""
    since = now - timedelta(seconds=rate.seconds)
    recent = sa.or_(runs.c.state == RunState.SENDING, runs.c.id == run.id, runs.c.changed_at > since)
    of_campaign = (runs.c.store_id == run.store_id, runs.c.campaign == run.campaign, recent)
    query = (
        sa.select(messages.c.sending_at)
        .where(messages.c.run_id.in_(sa.select(runs.c.id).where(*of_campaign)), messages.c.sending_at > since)
        .order_by(messages.c.sending_at.desc())
        .limit(rate.count)
    )
    claimed_at = list(connection.scalars(query))
    if len(claimed_at) < rate.count:
        return FreePlaces(count=rate.count - len(claimed_at), next_at=now)
    return FreePlaces(count=0, next_at=claimed_at[-1] + timedelta(seconds=rate.seconds))


def is_counted(sending: Sending) -> bool:
    """Return whether messages of this run are counted as they leave."""
    rails = sending.revision.guardrails
    limits = (sending.message.send.rate, rails.ramp_up, rails.messages_per_person_per_week)
    return bool(rails.per_domain) or any(limit is not None for limit in limits)


def take_places(
    connection: Connection, sending: Sending, emails: Sequence[Outgoing], now: datetime
) -> Sequence[Outgoing]:
    """Return those of the e-mails for which there is a place, and take it: in the transaction of their claim, as the first."""
    if not emails or not is_counted(sending):
        return emails
    count_alone(connection)
    emails = emails[: free_places(connection, sending, now, len(emails)).count]
    emails = _within_the_week(connection, sending, emails, now)
    return _paced(connection, sending, emails, now)


def _within_the_week(
    connection: Connection, sending: Sending, emails: Sequence[Outgoing], now: datetime
) -> Sequence[Outgoing]:
    """Leave out people who got their last e-mail of the week from another run, after their message was looked at."""
    limit = sending.revision.guardrails.messages_per_person_per_week
    if limit is None or not emails:
        return emails
    count = left_lately(
        sa.func.count(), store_id=sending.run.store_id, customer=recipients.c.customer_id, now=now
    )
    query = (
        sa.select(messages.c.id, recipients.c.customer_id, count.label("week_count"))
        .join(recipients, recipients.c.id == messages.c.recipient_id)
        .where(messages.c.id.in_([email.message_id for email in emails]))
    )
    rows = connection.execute(query).all()
    others = others_of(connection, sending, [row.customer_id for row in rows], now)
    over = {
        row.id
        for row in rows
        if row.week_count + (others[row.customer_id].week_count if row.customer_id in others else 0) >= limit
    }
    return [email for email in emails if email.message_id not in over]


def _paced(
    connection: Connection, sending: Sending, emails: Sequence[Outgoing], now: datetime
) -> Sequence[Outgoing]:
    """Keep as many e-mails to each domain as it has places for, and note that they leave."""
    paces = _paces(sending, (email.to for email in emails))
    if not paces:
        return emails
    transport = sending.context.transport.name
    made_up_at = moments_of(connection, transport, paces.keys())
    room = {name: pace.allowed(made_up_at.get(name, now), now) for name, pace in paces.items()}
    kept, taken = list[Outgoing](), Counter[str]()
    for email in emails:
        name = domain_of(email.to)
        if name not in paces or taken[name] < room[name]:
            kept.append(email)
            taken[name] += name in paces
    after = {
        name: paces[name].after(made_up_at.get(name, now), now, count)
        for name, count in taken.items()
        if count
    }
    write_moments(connection, transport, after, now)
    return kept


def _paces(sending: Sending, addresses: Iterable[str]) -> Mapping[str, EvenPace]:
    """Return the pace of each domain among these addresses that has one."""
    rates = sending.revision.guardrails.per_domain
    if not rates:
        return {}
    found = {name: rate_of_domain(rates, name) for name in map(domain_of, addresses)}
    return {name: EvenPace.of(rate) for name, rate in found.items() if rate is not None}


def domain_of(address: str) -> str:
    """Return the domain of an address."""
    return address.rpartition("@")[2].lower()


@dataclass(frozen=True, kw_only=True)
class Line:
    """Which of some messages wait for a place at their domain, and until when."""

    waits: Mapping[int, datetime]  # by message
    ends: Mapping[str, datetime]  # by domain: where the run's line ends now


NO_LINE = Line(waits={}, ends={})


def line_up(
    connection: Connection, sending: Sending, rows: Sequence[sa.Row[tuple[int, str]]], now: datetime
) -> Line:
    """Return which messages wait because their domain has no place: each until its turn at the domain's pace.

    A run's lines are its own: if it is halted, nobody waits behind it. A row has `message_id` and `email`.
    """
    paces = _paces(sending, (row.email for row in rows))
    if not paces:
        return NO_LINE
    transport = sending.context.transport.name
    made_up_at = moments_of(connection, transport, paces.keys())
    room = {name: pace.allowed(made_up_at.get(name, now), now) for name, pace in paces.items()}
    ends = dict(moments_of(connection, transport, paces.keys(), sending.run.id))
    waits, longer = dict[int, datetime](), dict[str, datetime]()
    for row in rows:
        name = domain_of(row.email)
        if name not in paces:
            continue
        if room[name] > 0:
            room[name] -= 1
            continue
        end = max(ends.get(name, now), made_up_at.get(name, now), now) + paces[name].apart
        waits[row.message_id] = ends[name] = longer[name] = end
    return Line(waits=waits, ends=longer)
