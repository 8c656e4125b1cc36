"""Compare a run's day with the blackout days of the calendar."""

from __future__ import annotations

from datetime import date

from tillroll.campaign.frozen.proposal import Verdict, VerdictLevel
from tillroll.campaign.language.calendar import Calendar


def calendar_verdicts(calendar: Calendar, day: date, *, by_event: bool) -> tuple[Verdict, ...]:
    """Check whether a run may begin on its slot's day. A run of an event may, but its e-mails wait."""
    if not calendar.blackout:
        return ()
    if not calendar.is_blackout(day):
        return (
            Verdict(
                rule="blackout", level=VerdictLevel.PASS, measured=day.isoformat(), limit="no blackout day"
            ),
        )
    text = f"{day:%d %B %Y} is a blackout day of rules/calendar.yaml"
    level = VerdictLevel.WARN if by_event else VerdictLevel.REFUSE
    if by_event:
        text += "; its e-mail waits until it is over"
    return (
        Verdict(rule="blackout", level=level, measured=day.isoformat(), limit="no blackout day", text=text),
    )
