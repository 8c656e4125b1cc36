"""How pages write money, moments in the store's time zone, states, and masked codes and addresses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from zoneinfo import ZoneInfo

from babel.dates import format_datetime, format_timedelta
from babel.numbers import format_decimal
from flask import Flask
from markupsafe import Markup

from tillroll.campaign.codes.standing import StandingFacts
from tillroll.campaign.codes.standing_words import say_standing
from tillroll.campaign.frozen.recipient import mask_code, mask_email
from tillroll.campaign.sentences.causes import say_consent_source, say_suppression
from tillroll.campaign.sentences.tier_words import say_figure
from tillroll.campaign.sentences.verdicts import say_measure, say_rule
from tillroll.campaign.states import RunState
from tillroll.campaign.text.counts import count_of
from tillroll.campaign.text.money import say_money
from tillroll.campaign.text.percent import say_percent
from tillroll.campaign.text.units import spell_duration
from tillroll.campaign.text.zones import UTC_NAME, zone_of
from tillroll.campaign.timing.moments import say_both_times, say_local, say_minutes
from tillroll.ledger.faults.sentences import say_fault
from tillroll.web.support import request_context

RUN_LABELS = {
    RunState.PLANNING: "Planning",
    RunState.WAITING: "Awaiting approval",
    RunState.APPROVED: "Approved",
    RunState.MINTING: "Creating codes",
    RunState.SENDING: "Sending",
    RunState.TRACKING: "Tracking orders",
    RunState.DONE: "Done",
    RunState.REJECTED: "Rejected",
    RunState.REFUSED: "Refused by a guardrail",
    RunState.EXPIRED: "Expired",
    RunState.SKIPPED: "Skipped",
    RunState.HALTED: "Halted",
}
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "a Mac"),
    ("Linux", "Linux"),
)


def money(amount: Decimal | None, currency: str) -> str:
    """Return an amount with its currency; None is unlimited."""
    return "unlimited" if amount is None else say_money(amount, currency)


def number(value: int) -> str:
    """Return a count with separators between the thousands."""
    return format_decimal(value, locale="en")


def _zone() -> ZoneInfo:
    """Return the store's time zone."""
    store = request_context.current_store()
    return zone_of(store.timezone if store is not None else UTC_NAME)


def moment(at: datetime | None, style: str = "EEE d MMM y, HH:mm") -> Markup:
    """Return a moment in the store's time zone, with UTC as a tooltip."""
    if at is None:
        return Markup("–")
    local = at.astimezone(_zone())
    text = f"{format_datetime(local, style, locale='en')} {local.tzname()}"
    utc = at.astimezone(UTC)
    return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(
        utc.isoformat(), f"{utc:%Y-%m-%d %H:%M:%S}", text
    )


def both_moments(at: datetime, zone: ZoneInfo) -> Markup:
    """Return a moment in the store's time zone and in UTC: `Mon 23 Nov 2026, 10:00 CET (09:00 UTC)`."""
    local, utc = say_both_times(at, zone)
    return Markup('<time datetime="{}">{}</time> <span class="muted">({})</span>').format(
        at.astimezone(UTC).isoformat(), local, utc
    )


def iso_moment(at: str) -> Markup:
    """Return a moment that a plan keeps as ISO text."""
    return moment(datetime.fromisoformat(at), "EEE d MMM, HH:mm")


def away(at: datetime) -> str:
    """Return how far a moment is from now: `in 2 days`, `3 minutes ago`, `just now`."""
    distance = at - request_context.now()
    if abs(distance) < timedelta(seconds=1):
        return "just now"
    return format_timedelta(distance, add_direction=True, locale="en")


def browser_name(agent: str) -> str:
    """Return a browser's description of itself in few words, like `Firefox on Windows`. Chrome calls itself Safari too."""
    browser = next((name for mark, name in _BROWSERS if mark in agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in agent), "")
    if browser and system:
        return f"{browser} on {system}"
    return browser or (f"A browser on {system}" if system else "An unknown browser")


def standing(facts: StandingFacts) -> str:
    """Return what a code is worth now, in the store's time zone."""
    return say_standing(facts, now=request_context.now(), say_moment=partial(say_local, zone=_zone()))


def set_up(app: Flask) -> None:
    """Register these functions as filters of an app's templates."""
    app.jinja_env.filters.update(
        money=money,
        number=number,
        counted=count_of,
        moment=moment,
        both_moments=both_moments,
        lasting=say_minutes,
        lasting_for=lambda time: say_minutes(round(time.total_seconds() / 60)),
        browser=browser_name,
        iso_moment=iso_moment,
        away=away,
        masked_code=mask_code,
        fault_words=say_fault,
        masked_email=mask_email,
        measure=say_measure,
        percent=say_percent,
        rule_words=say_rule,
        standing=standing,
        tier_figure=say_figure,
        days_and_hours=spell_duration,
        suppression=say_suppression,
        consent_source=say_consent_source,
        run_label=lambda state: RUN_LABELS[RunState(state)],
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
