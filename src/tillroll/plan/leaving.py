"""What decides when a run's e-mails leave, as it was when the plan was made, and whether that is in time for the codes."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.engine import Engine

from tillroll.campaign.frozen.parts import Leaving, Verdict, VerdictLevel
from tillroll.campaign.text.counts import count_of
from tillroll.campaign.text.zones import zone_of
from tillroll.campaign.timing.leaving import last_mail
from tillroll.campaign.timing.moments import say_moment
from tillroll.campaign.timing.quiet import quiet_times
from tillroll.campaign.timing.ramp import daily_shares
from tillroll.campaign.timing.validity import validity
from tillroll.ledger.engine import reading
from tillroll.ledger.sender.days import best_day, left_today, note_past_days
from tillroll.plan.audience.select import Selection
from tillroll.plan.audience.subject import Subject

_MOST_DOMAINS, _FEWEST_PEOPLE = 20, 10
"""Domains that are kept with a plan, and how many recipients each has: a domain of few may be a person's own."""


def leaving_on(
    engine: Engine, subject: Subject, selection: Selection, *, transport: str, now: datetime
) -> Leaving | None:
    """Return what decides when the e-mails leave; None: they leave as fast as they can."""
    message, rails = subject.campaign.message, subject.revision.guardrails
    if message is None or subject.makes_pool:
        return None
    days: tuple[int, ...] = ()
    if rails.ramp_up is not None:
        note_past_days(engine, transport, now)
        with reading(engine) as connection:
            best, today = best_day(connection, transport, now), left_today(connection, transport, now)
        shares = daily_shares(rails.ramp_up, best=best, left_today=today, messages=selection.count)
        days = tuple(shares)
    domains = {name: count for name, count in selection.domains.items() if count >= _FEWEST_PEOPLE}
    most = sorted(domains, key=lambda name: (-domains[name], name))[:_MOST_DOMAINS]
    leaving = Leaving(
        countries=dict(sorted(selection.countries.items())) if message.send.quiet_hours else {},
        domains={name: domains[name] for name in most} if rails.per_domain else {},
        days=days,
    )
    return leaving if leaving != Leaving() else None


def leaving_verdicts(
    subject: Subject, leaving: Leaving | None, count: int, now: datetime
) -> tuple[Verdict, ...]:
    """Check whether the last e-mail leaves before its code expires."""
    message = subject.campaign.message
    if message is None or subject.makes_pool:
        return ()
    leaving = leaving or Leaving()
    zone = zone_of(subject.store.timezone)
    quiet = quiet_times(subject.revision, message.send, zone)
    last = last_mail(subject.revision, message, leaving, quiet, first=quiet.opens(now), messages=count)
    ends = [validity(offer.valid, zone, now)[1] for offer in subject.offers.values() if offer is not None]
    end = min(ends, default=None)
    days = count_of(max(1, (last - now).days + 1), "day")
    if end is None or last < end:
        if not leaving.days and not leaving.domains:
            return ()
        limit = "before the codes expire" if end is not None else ""
        return (Verdict(rule="last_email", level=VerdictLevel.PASS, measured=days, limit=limit),)
    text = (
        f"the last e-mail leaves on {say_moment(last, zone)} at the earliest, when its code has expired: e-mails that come too "
        "late are not sent. Let the codes work longer, or write to fewer people (who.limit)"
    )
    return (
        Verdict(
            rule="last_email",
            level=VerdictLevel.WARN,
            measured=days,
            limit=f"until {say_moment(end, zone)}",
            text=text,
        ),
    )


def told_verdicts(subject: Subject, now: datetime) -> tuple[Verdict, ...]:
    """Check that codes which another program sends work when it is told of them: it is told as soon as they are in the store."""
    program = subject.revision.codes_sent_by
    if not program:
        return ()
    zone, begins = zone_of(subject.store.timezone), max(now, subject.slot_at)
    starts = [
        validity(offer.valid, zone, begins)[0] for offer in subject.offers.values() if offer is not None
    ]
    start = max(starts, default=begins)
    if start <= begins:
        return ()
    text = (
        f"the codes only work from {say_moment(start, zone)}, but {program} is told of them when they are made, and would send "
        "them before. Begin the campaign then (when: {at: …}), or leave out valid.from"
    )
    return (
        Verdict(
            rule="told_early",
            level=VerdictLevel.REFUSE,
            measured=say_moment(start, zone),
            limit=f"until {say_moment(begins, zone)}",
            text=text,
        ),
    )
