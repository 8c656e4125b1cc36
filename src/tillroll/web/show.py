"""How things are written: money, moments in the store's zone, masked codes and addresses, states in words."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel.dates import format_datetime, format_timedelta
from babel.numbers import format_decimal
from flask import Flask
from markupsafe import Markup

from tillroll.campaign.frozen.recipient import masked_email
from tillroll.campaign.sentences.offers import say_money
from tillroll.campaign.sentences.verdicts import measure, rule_words
from tillroll.campaign.states import RunState
from tillroll.campaign.timing.moments import say_minutes, say_moment
from tillroll.web import here

RUN_WORDS = {
    RunState.PLANNING: "Planning",
    RunState.WAITING: "Waiting for approval",
    RunState.APPROVED: "Approved",
    RunState.MINTING: "Making codes",
    RunState.SENDING: "Sending",
    RunState.TRACKING: "Sent, watching orders",
    RunState.DONE: "Done",
    RunState.REJECTED: "Rejected",
    RunState.REFUSED: "Refused by a guardrail",
    RunState.EXPIRED: "Expired",
    RunState.SKIPPED: "Skipped",
    RunState.HALTED: "Halted",
}
_DOTS = "•" * 6


def money(amount: Decimal | None, currency: str) -> str:
    """An amount with its currency; an unbounded one says so."""
    return "without bound" if amount is None else say_money(amount, currency)


def number(value: int) -> str:
    """A count with its thousands apart."""
    return format_decimal(value, locale="en")


def zone() -> ZoneInfo:
    """The store's zone."""
    found = here.store()
    return ZoneInfo(found.timezone) if found is not None else ZoneInfo("UTC")


def moment(at: datetime | None, style: str = "EEE d MMM y, HH:mm") -> Markup:
    """A moment by the store's clock, its zone named, and UTC for who points at it."""
    if at is None:
        return Markup("–")
    local = at.astimezone(zone())
    text = f"{format_datetime(local, style, locale='en')} {local.tzname()}"
    utc = at.astimezone(UTC)
    return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(
        utc.isoformat(), f"{utc:%Y-%m-%d %H:%M:%S}", text
    )


def both_moments(at: datetime, zone: ZoneInfo) -> Markup:
    """A moment by the store's clock, and in UTC beside it: `Mon 23 Nov 2026, 10:00 CET (09:00 UTC)`."""
    here_, _, there = say_moment(at, zone).partition(" (")
    return Markup('<time datetime="{}">{}</time> <span class="muted">({}</span>').format(
        at.astimezone(UTC).isoformat(), here_, there
    )


def iso_moment(at: str) -> Markup:
    """A moment that a plan keeps as text."""
    return moment(datetime.fromisoformat(at), "EEE d MMM, HH:mm")


def away(at: datetime) -> str:
    """How far a moment is from now: `in 2 days`, `3 minutes ago`."""
    return format_timedelta(at - here.now(), add_direction=True, locale="en")


def masked_code(code: str, prefix: str = "") -> str:
    """A code as others may see it: its prefix and its last two signs. A code in clear is money."""
    known = prefix if prefix and code.startswith(prefix) else ""
    return f"{known}{_DOTS}{code[-2:]}"


def set_up(app: Flask) -> None:
    """Make these the filters of an app's templates."""
    app.jinja_env.filters.update(
        money=money,
        number=number,
        moment=moment,
        both_moments=both_moments,
        lasting=say_minutes,
        iso_moment=iso_moment,
        away=away,
        masked_code=masked_code,
        masked_email=masked_email,
        measure=measure,
        rule_words=rule_words,
        run_words=lambda state: RUN_WORDS[RunState(state)],
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
