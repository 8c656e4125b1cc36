"""`tillroll calendar`: what the schedules will do, week by week, with reach, pressure and money."""

from __future__ import annotations

import sys
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
import sqlalchemy as sa
from rich.text import Text

from tillroll.campaign import read_book
from tillroll.campaign.text.units import parse_day
from tillroll.cli.calendar_show import say_run, show_forecast
from tillroll.cli.opening import services
from tillroll.cli.show import out, say_json
from tillroll.cli.stores import for_store, the_store
from tillroll.errors import Refused
from tillroll.ledger.engine import reading
from tillroll.plan.calendar.coming import Forecast, Money, Window
from tillroll.plan.calendar.forecast import forecast, start_of
from tillroll.plan.calendar.ics import to_ics
from tillroll.plan.calendar.upcoming import Upcoming, upcoming

_FARTHEST = timedelta(days=3_660)


def _day(_context: click.Context, _parameter: click.Parameter, text: str | None) -> date | None:
    try:
        return None if text is None else parse_day(text)
    except ValueError as fault:
        raise click.BadParameter(str(fault)) from None


@click.command()
@click.option("--days", type=click.IntRange(1, 366), default=60, show_default=True, help="How many days.")
@click.option(
    "--from", "first", metavar="DAY", callback=_day, help="The first day, like 2026-12-01; else today."
)
@click.option(
    "--ics",
    "target",
    type=click.Path(dir_okay=False, path_type=Path, allow_dash=True),
    metavar="FILE",
    help="Write a file for calendar programs instead; - is stdout.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object; docs/calendar.md says what is in it.")
@for_store
def calendar(days: int, first: date | None, target: Path | None, as_json: bool) -> None:
    """Play the campaigns' schedules forward: which runs come, whom they reach, what each week asks of people and money.

    Times are the store's. Reach is counted as of now; whoever gets several e-mails in a week is counted too. Nothing is written
    to the ledger or the store.

    \b
    Example:
      tillroll calendar
      tillroll calendar --days 14 --from 2026-12-01
      tillroll calendar --ics campaigns.ics
      tillroll calendar --json | jq '.weeks[].pressure'
    """
    if target is not None and as_json:
        raise click.UsageError("Give --ics or --json, not both.")
    with services() as parts:
        with reading(parts.engine) as connection:
            store = the_store(connection)
        book = read_book(parts.settings.folder, environment=parts.settings.environment, store=store.ecwid_id)
        if store.customers_at is None:
            raise Refused(
                "The store's customers haven't been read yet.",
                hint="Start the worker once: tillroll worker (or up).",
            )
        window = _window(store, parts.clock.now(), days, first)
        known = upcoming(parts.engine, store=store, book=book, now=window.now)
    found = forecast(
        known.scheduled, known.awaited, known.overlaps, window, asides=known.asides, limit=known.limit
    )
    if target is not None:
        _write_ics(found, store, window, target)
    elif as_json:
        say_json(to_json(found, known, store, window))
    else:
        show_forecast(out(), found, known, store, window)


def _window(store: sa.Row[Any], now: datetime, days: int, first: date | None) -> Window:
    zone = ZoneInfo(store.timezone)
    today = now.astimezone(zone).date()
    day = first or today
    if day < today:
        raise Refused(
            f"{day} is past.",
            hint="The calendar looks ahead; what was is in `tillroll status` and on the pages.",
        )
    if day - today > _FARTHEST:
        raise Refused(f"{day} is more than ten years away.", hint="Give a nearer day.")
    until = start_of(day + timedelta(days=days), zone) - timedelta(microseconds=1)
    return Window(zone=zone, now=now, start=max(now, start_of(day, zone)), until=until)


def _write_ics(found: Forecast, store: sa.Row[Any], window: Window, target: Path) -> None:
    content = to_ics(
        found,
        store=store.name,
        store_id=store.ecwid_id,
        zone=store.timezone,
        now=window.now,
        say=lambda run: say_run(run, store.currency, window.zone),
    )
    if str(target) == "-":
        sys.stdout.buffer.write(content)
        return
    try:
        target.write_bytes(content)
    except OSError as fault:
        raise Refused(f"{target} can't be written: {fault.strerror}.") from fault
    runs = "1 run" if len(found.runs) == 1 else f"{len(found.runs)} runs"
    out().print(
        Text.assemble(("✓ ", "green"), f"{target}: {runs}; import it again whenever the plans change")
    )


def to_json(found: Forecast, known: Upcoming, store: sa.Row[Any], window: Window) -> dict[str, Any]:
    """What `--json` prints: docs/calendar.md explains it key by key."""
    return {
        "store": {"id": store.ecwid_id, "name": store.name},
        "timezone": store.timezone,
        "currency": store.currency,
        "from": _iso(window.start),
        "until": _iso(window.until),
        "one_in": known.one_in,
        "runs": [
            {
                "campaign": run.campaign,
                "title": run.title,
                "slot": run.key,
                "at": _iso(run.at),
                "local": run.at.astimezone(window.zone).isoformat(),
                "begins": _iso(run.begins),
                "emails_from": _iso(run.leaves),
                "reminds": _iso(run.reminds),
                "people": run.people,
                "gives": run.gives,
                **_money(run.money),
                "notes": list(run.notes),
            }
            for run in found.runs
        ],
        "events": [
            {
                "campaign": one.name,
                "title": one.title,
                "waits_for": one.waits_for,
                "gives": one.gives,
                "a_day": str(one.a_day),
                "basis": one.basis,
                "people": one.people,
                "emails": one.emails,
                "emails_a_week": one.emails_a_week,
                "a_week": _money(one.money_a_week),
            }
            for one in found.awaited
        ],
        "weeks": [
            {
                "from": week.first,
                "until": week.last,
                "runs": week.runs,
                "emails": week.emails,
                **_money(week.money),
                "pressure": week.pressure,
                "over_limit": week.over,
            }
            for week in found.weeks
        ],
        "not": [
            {"campaign": one.campaign, "slot": one.key, "at": _iso(one.at), "why": one.why}
            for one in found.not_coming
        ],
    }


def _money(money: Money) -> dict[str, str | None]:
    """Amounts as text, so that no program's binary numbers touch them; null: without bound, or not to be told."""
    return {
        "worst_case": None if money.worst is None else str(money.worst),
        "expected": None if money.expected is None else str(money.expected),
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
