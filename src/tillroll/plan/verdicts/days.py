"""A run's day, held against the blackout days of the calendar."""

from __future__ import annotations

from datetime import date

from tillroll.campaign.frozen.proposal import Level, Verdict
from tillroll.campaign.language.calendar import Calendar


def calendar_verdicts(calendar: Calendar, day: date, *, by_event: bool) -> tuple[Verdict, ...]:
    """Whether a run may begin on its slot's day; what an event set off goes on, and its e-mails wait."""
    if not calendar.blackout:
        return ()
    if not calendar.blacked_out(day):
        return (
            Verdict(rule="blackout", level=Level.PASS, measured=day.isoformat(), limit="no blackout day"),
        )
    text = f"{day:%d %B %Y} is a blackout day of rules/calendar.yaml"
    level = Level.WARN if by_event else Level.REFUSE
    if by_event:
        text += "; its e-mail waits until it is over"
    return (
        Verdict(rule="blackout", level=level, measured=day.isoformat(), limit="no blackout day", text=text),
    )
