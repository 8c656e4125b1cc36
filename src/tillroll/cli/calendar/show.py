"""The calendar on the terminal: the weeks, then campaigns that wait for events, then what will not run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tillroll.campaign.text.counts import count_of
from tillroll.campaign.text.money import say_money
from tillroll.flows.frequency import say_often
from tillroll.ledger.records import Store
from tillroll.outlook.coming import (
    AwaitedCampaign,
    CalendarForecast,
    CostRange,
    ForecastWindow,
    NoRun,
    UpcomingRun,
    Week,
)
from tillroll.outlook.upcoming import ForecastInput

_MOMENTS_SHOWN = 3  # of one campaign and reason; the others are counted


@dataclass(frozen=True, kw_only=True)
class _Widths:
    """The widths of the columns, the same for all weeks."""

    campaign: int
    people: int
    worst: int
    expected: int


def show_forecast(
    console: Console,
    forecast: CalendarForecast,
    forecast_input: ForecastInput,
    store: Store,
    window: ForecastWindow,
) -> None:
    """Print the whole calendar."""
    first, last = (moment.astimezone(window.zone).date() for moment in (window.start, window.until))
    name = store.name or f"store {store.ecwid_id}"
    console.print(Text.assemble((name, "bold"), f"  ·  {_days(first, last)}  ·  times in {store.timezone}"))
    if forecast_input.one_in > 1:
        note = f"Reach and e-mails a person are estimated from a sample of 1 in {forecast_input.one_in:,} customers."
        console.print(Text(note, style="dim"), soft_wrap=True)
    widths = _widths(forecast.runs, store.currency)
    for place, week in enumerate(forecast.weeks):
        _show_week(console, week, forecast.runs, window.zone, store.currency, widths, heads=place == 0)
    if not forecast.weeks:
        console.print(Text("\nNothing is scheduled in these days."))
    if forecast.awaited:
        console.print(Text("\nWhenever an event happens", style="bold"))
        _show_awaited(console, forecast.awaited, store.currency)
    if forecast.not_coming:
        console.print(Text("\nNot running in these days", style="bold"))
        _show_missing(console, forecast.not_coming, window.zone)


def _widths(runs: Sequence[UpcomingRun], currency: str) -> _Widths:
    return _Widths(
        campaign=max((len(run.campaign) for run in runs), default=0),
        people=max([len("people"), *(len(f"{run.people:,}") for run in runs)]),
        worst=max([len("worst case"), *(len(_worst(run.money, currency)) for run in runs)]),
        expected=max([len("expected"), *(len(_expected(run.money, currency)) for run in runs)]),
    )


def _show_week(
    console: Console,
    week: Week,
    runs: Sequence[UpcomingRun],
    zone: ZoneInfo,
    currency: str,
    widths: _Widths,
    *,
    heads: bool,
) -> None:
    figures = [count_of(week.runs, "run"), count_of(week.emails, "e-mail")]
    if week.runs:
        figures.append(_say_costs(week.money, currency))
    console.print(
        Text.assemble("\n", (_days(week.first, week.last), "bold"), f"   {' · '.join(figures)}"),
        soft_wrap=True,
    )
    if heads:
        console.print(_line(widths, "", "", "people", "worst case", "expected", "", style="dim"))
    for run in runs:
        if not week.first <= run.begins.astimezone(zone).date() <= week.last:
            continue
        moment, money = f"{run.begins.astimezone(zone):%a %d %b %H:%M}", run.money
        costs = (_worst(money, currency), _expected(money, currency)) if run.gives else ("no codes", "")
        console.print(_line(widths, moment, run.campaign, f"{run.people:,}", *costs, run.gives or run.title))
        for note in run.notes:
            console.print(Padding(Text(note, style="yellow"), (0, 0, 0, 20)))
    if pressure := say_pressure(week):
        console.print(Padding(Text(pressure, style="yellow" if week.over_limit else "cyan"), (0, 0, 0, 2)))


def _line(widths: _Widths, *cells: str, style: str = "") -> Padding:
    """Return one run in the columns of all weeks."""
    table = Table.grid(padding=(0, 2))
    table.add_column(width=16, style=style)
    table.add_column(width=widths.campaign, style=style or "bold", no_wrap=True)
    for width in (widths.people, widths.worst, widths.expected):
        table.add_column(width=width, style=style, justify="right", no_wrap=True)
    table.add_column(style=style)
    table.add_row(*(Text(cell) for cell in cells))
    return Padding(table, (0, 0, 0, 2))


def say_pressure(week: Week) -> str:
    """Return `34 people get 2 e-mails this week, 5 get 3; …`; empty while nobody gets several, or too many."""
    crowded = {times: people for times, people in week.pressure.items() if times > 1 or week.over_limit}
    if not crowded:
        return ""
    (times, people), *more = crowded.items()
    parts = [f"{count_of(people, 'person gets', 'people get')} {count_of(times, 'e-mail')} this week"]
    parts += [f"{people:,} get{'s' if people == 1 else ''} {times}" for times, people in more]
    outcome = "they are left out, or their e-mails wait"
    exceeds = f"; for {week.over_limit:,} of them that is more than the guardrails allow: {outcome}"
    return ", ".join(parts) + (exceeds if week.over_limit else "")


def _show_awaited(console: Console, awaited: Sequence[AwaitedCampaign], currency: str) -> None:
    table = _indented_table()
    for campaign in awaited:
        often = f"{say_often(campaign.a_day)} ({campaign.basis})"
        table.add_row(campaign.name, Text(f"{campaign.waits_for}: {often}"))
        people = count_of(campaign.people, "person", "people")
        each = f"each time {people}; " if campaign.people != 1 else ""
        emails = f"{each}up to {count_of(campaign.emails_a_week, 'e-mail')} a week"
        costs = f", {_say_costs(campaign.money_a_week, currency)} a week: {campaign.gives}"
        table.add_row("", Text(emails + (costs if campaign.gives else "")))
    console.print(Padding(table, (0, 0, 0, 2)))


def _show_missing(console: Console, missing: Sequence[NoRun], zone: ZoneInfo) -> None:
    table = _indented_table()
    for campaign, reason in _grouped(missing, zone):
        table.add_row(campaign, Text(reason))
    console.print(Padding(table, (0, 0, 0, 2)))


def _indented_table() -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    return table


def _grouped(missing: Sequence[NoRun], zone: ZoneInfo) -> Iterator[tuple[str, str]]:
    """Yield what will not run, once for each campaign and reason, with the first moments of it."""
    groups: dict[tuple[str, str], list[str]] = {}
    for slot in missing:
        moments = groups.setdefault((slot.campaign, slot.why), [])
        if slot.at is not None:
            moments.append(f"{slot.at.astimezone(zone):%a %d %b %Y %H:%M}")
    for (campaign, why), moments in sorted(groups.items()):
        more = f" and {len(moments) - _MOMENTS_SHOWN} more" if len(moments) > _MOMENTS_SHOWN else ""
        yield campaign, f"{', '.join(moments[:_MOMENTS_SHOWN])}{more} – {why}" if moments else why


def say_run(run: UpcomingRun, currency: str, zone: ZoneInfo) -> str:
    """Return one run in a few lines for a calendar program: when, whom it reaches, what it gives and costs, notes."""
    lines = [
        f"{run.campaign}: {run.at.astimezone(zone):%a %d %b %Y %H:%M} ({zone.key})",
        f"{count_of(run.people, 'person', 'people')}, as of now",
        f"{run.gives}: {_say_costs(run.money, currency)}" if run.gives else "An e-mail without a code",
        *(f"{note[:1].upper()}{note[1:]}" for note in run.notes),
    ]
    return "\n".join(lines)


def _say_costs(money: CostRange, currency: str) -> str:
    """Return `worst case €5,000.00, expected €21.50`."""
    return f"worst case {_worst(money, currency)}, expected {_expected(money, currency)}"


def _worst(money: CostRange, currency: str) -> str:
    return "unlimited" if money.worst is None else say_money(money.worst, currency)


def _expected(money: CostRange, currency: str) -> str:
    return "not known" if money.expected is None else say_money(money.expected, currency)


def _days(first: date, last: date) -> str:
    """Return `23 to 29 November 2026`, with the month and year once where both days share them."""
    start = f"{first.day}"
    if (first.year, first.month) != (last.year, last.month):
        start += f" {first:%B}"
    if first.year != last.year:
        start += f" {first:%Y}"
    return f"{start} to {last.day} {last:%B %Y}"
