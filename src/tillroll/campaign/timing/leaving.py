"""When the last e-mail of a run leaves: by its rate, a new sender's limit, the pace of mail domains, and its readers' clocks.

It is the earliest moment: other runs may use the same places, and quiet hours lie between.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta

from tillroll.campaign.frozen.parts import Leaving
from tillroll.campaign.frozen.revision import Revision
from tillroll.campaign.language.message import MessageSettings
from tillroll.campaign.language.sender import rate_of_domain
from tillroll.campaign.text.counts import count_of
from tillroll.campaign.timing.pace import EvenPace
from tillroll.campaign.timing.places import Residence
from tillroll.campaign.timing.quiet import QuietTimes

_LONG = timedelta(hours=1)


def last_mail(
    revision: Revision,
    message: MessageSettings,
    leaving: Leaving,
    quiet: QuietTimes,
    *,
    first: datetime,
    messages: int,
) -> datetime:
    """Return when the last e-mail leaves at the earliest, if the first leaves at `first`."""
    rate = message.send.rate
    moments = [first, last_day_begins(leaving, first)]
    if rate is not None:
        moments.append(first + timedelta(seconds=rate.seconds) * (messages / rate.count))
    moments += [first + length for _, length in _slow_domains(revision, leaving)]
    moments += [quiet.opens(first, Residence(country)) for country in leaving.countries]
    return max(moments).replace(microsecond=0)


def last_day_begins(leaving: Leaving, first: datetime) -> datetime:
    """Return when the last of the days begins on which a new sender may send the run's e-mails."""
    if len(leaving.days) < 2:
        return first
    day = first.astimezone(UTC).date() + timedelta(days=len(leaving.days) - 1)
    return datetime.combine(day, time(0), UTC)


def leaving_notes(
    revision: Revision, leaving: Leaving, quiet: QuietTimes, *, first: datetime
) -> Iterator[str]:
    """Yield what makes e-mails leave later than the first."""
    elsewhere = sum(
        count for country, count in leaving.countries.items() if quiet.differs(Residence(country), first)
    )
    if elsewhere:
        live = "lives" if elsewhere == 1 else "live"
        yield (
            f"{count_of(elsewhere, 'recipient')} {live} in other time zones: no e-mail leaves to them while it is quiet there "
            f"({quiet.hours})."
        )
    if len(leaving.days) > 1:
        shares = ", ".join(f"{share:,}" for share in leaving.days[:5])
        more = ", …" if len(leaving.days) > 5 else ""
        yield (
            f"A new sender's limit (ramp_up in rules/guardrails.yaml) spreads the e-mails over {len(leaving.days)} days: "
            f"{shares}{more}."
        )
    for domain, length in _slow_domains(revision, leaving):
        if length >= _LONG:
            hours = count_of(round(length / timedelta(hours=1)), "hour")
            yield f"The e-mails to {domain} take about {hours} (per_domain in rules/guardrails.yaml)."


def _slow_domains(revision: Revision, leaving: Leaving) -> Iterator[tuple[str, timedelta]]:
    """Yield how long the e-mails to each mail domain with a rate take."""
    for domain, count in leaving.domains.items():
        rate = rate_of_domain(revision.guardrails.per_domain, domain)
        if rate is not None:
            yield domain, count * EvenPace.of(rate).apart
