"""`tillroll calendar`: what the schedules will do, week by week, with reach, e-mails a person, and money."""

from __future__ import annotations

import sys
from datetime import date, datetime, timedelta
from pathlib import Path

import click
from rich.text import Text

from tillroll.campaign.text.counts import count_of
from tillroll.campaign.text.units import parse_day
from tillroll.campaign.text.zones import zone_of
from tillroll.cli.calendar.json_output import forecast_json
from tillroll.cli.calendar.show import say_run, show_forecast
from tillroll.cli.support.opening import open_services, read_campaigns, require_customers
from tillroll.cli.support.output import out, print_json, write_file
from tillroll.cli.support.stores import chosen_store, for_store
from tillroll.errors import Refused
from tillroll.ledger.records import Store
from tillroll.outlook.coming import CalendarForecast, ForecastWindow
from tillroll.outlook.forecast import forecast, start_of
from tillroll.outlook.ics import to_ics
from tillroll.outlook.upcoming import read_forecast_input

_FARTHEST = timedelta(days=3_660)


def _day(_context: click.Context, _parameter: click.Parameter, text: str | None) -> date | None:
    try:
        return None if text is None else parse_day(text)
    except ValueError as fault:
        raise click.BadParameter(str(fault)) from None


@click.command()
@click.option("--days", type=click.IntRange(1, 366), default=60, show_default=True, help="How many days.")
@click.option(
    "--from", "first", metavar="DAY", callback=_day, help="The first day, like 2026-12-01. Default: today."
)
@click.option(
    "--ics",
    "target",
    type=click.Path(dir_okay=False, path_type=Path, allow_dash=True),
    metavar="FILE",
    help="Write a file for calendar programs instead; - is stdout.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object; docs/calendar.md describes its keys."
)
@for_store
def calendar(days: int, first: date | None, target: Path | None, as_json: bool) -> None:
    """Show the upcoming runs of all campaigns: when they start, whom they reach, what each week costs.

    Times are the store's. Reach is estimated from today's customers. It also shows how many customers get several e-mails in
    a week. Nothing is written to the ledger or the store.

    \b
    Example:
      tillroll calendar
      tillroll calendar --days 14 --from 2026-12-01
      tillroll calendar --ics campaigns.ics
      tillroll calendar --json | jq '.weeks[].pressure'
    """
    if target is not None and as_json:
        raise click.UsageError("Give --ics or --json, not both.")
    with open_services() as services:
        store = chosen_store(services)
        book = read_campaigns(services, store)
        require_customers(store)
        window = _window(store, services.clock.now(), days, first)
        forecast_input = read_forecast_input(services.engine, store=store, book=book, now=window.now)
    result = forecast(
        forecast_input.scheduled,
        forecast_input.awaited,
        forecast_input.overlaps,
        window,
        asides=forecast_input.asides,
        limit=forecast_input.limit,
    )
    if target is not None:
        _write_ics(result, store, window, target)
    elif as_json:
        print_json(forecast_json(result, forecast_input, store, window))
    else:
        show_forecast(out(), result, forecast_input, store, window)


def _window(store: Store, now: datetime, days: int, first: date | None) -> ForecastWindow:
    """Return the days to show, in the store's time zone. Raises `Refused` for past days and far ones."""
    zone = zone_of(store.timezone)
    today = now.astimezone(zone).date()
    day = first or today
    if day < today:
        raise Refused(
            f"{day} is in the past.",
            hint="The calendar shows upcoming days; `tillroll status` and the pages show past runs.",
        )
    if day - today > _FARTHEST:
        raise Refused(f"{day} is more than ten years away.", hint="Give an earlier day.")
    until = start_of(day + timedelta(days=days), zone) - timedelta(microseconds=1)
    return ForecastWindow(zone=zone, now=now, start=max(now, start_of(day, zone)), until=until)


def _write_ics(result: CalendarForecast, store: Store, window: ForecastWindow, target: Path) -> None:
    content = to_ics(
        result,
        store=store.name,
        store_id=store.ecwid_id,
        zone=store.timezone,
        now=window.now,
        say=lambda run: say_run(run, store.currency, window.zone),
    )
    if str(target) == "-":
        sys.stdout.buffer.write(content)
        return
    write_file(target, content)
    runs = count_of(len(result.runs), "run")
    out().print(
        Text.assemble(
            ("✓ ", "green"), f"{target}: {runs}. It doesn't update itself: import it again after changes."
        )
    )
