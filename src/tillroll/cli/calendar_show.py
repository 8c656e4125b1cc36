"""The calendar for a reader at a terminal: weeks, then what has no moment of its own, then what will not happen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tillroll.campaign.sentences.offers import say_money
from tillroll.plan.calendar.coming import Awaited, Coming, Forecast, Money, NotComing, Week, Window
from tillroll.plan.calendar.upcoming import Upcoming
from tillroll.plan.events.usual import say_often

_PIPED = 1_000  # columns for a reader that has none of its own
_NAMED = 3  # moments of one campaign that are told; the others are counted


@dataclass(frozen=True, kw_only=True)
class _Widths:
    """The columns of all weeks alike, so that the eye can run down them."""

    campaign: int
    people: int
    worst: int
    expected: int


def show_forecast(
    console: Console, found: Forecast, known: Upcoming, store: sa.Row[Any], window: Window
) -> None:
    """All of it, week by week."""
    first, last = (moment.astimezone(window.zone).date() for moment in (window.start, window.until))
    name = store.name or f"store {store.ecwid_id}"
    console.print(
        Text.assemble((name, "bold"), f"  ·  {_days(first, last)}  ·  by the clock of {store.timezone}")
    )
    if known.one_in > 1:
        said = f"Of {known.one_in} customers one was looked at: who is reached, and how often, is told from that."
        console.print(Text(said, style="dim"), soft_wrap=True)
    widths = _widths(found.runs, store.currency)
    for place, week in enumerate(found.weeks):
        _show_week(console, week, found.runs, window.zone, store.currency, widths, heads=place == 0)
    if not found.weeks:
        console.print(Text("\nNo run begins by the clock in these days."))
    if found.awaited:
        console.print(Text("\nWhenever it happens", style="bold"))
        _show_awaited(console, found.awaited, store.currency)
    if found.not_coming:
        console.print(Text("\nNot in these days", style="bold"))
        _show_missing(console, found.not_coming, window.zone)


def _widths(runs: Sequence[Coming], currency: str) -> _Widths:
    return _Widths(
        campaign=max((len(run.campaign) for run in runs), default=0),
        people=max([len("people"), *(len(f"{run.people:,}") for run in runs)]),
        worst=max([len("worst case"), *(len(_worst(run.money, currency)) for run in runs)]),
        expected=max([len("expected"), *(len(_expected(run.money, currency)) for run in runs)]),
    )


def _show_week(
    console: Console,
    week: Week,
    runs: Sequence[Coming],
    zone: ZoneInfo,
    currency: str,
    widths: _Widths,
    *,
    heads: bool,
) -> None:
    figures = [_so_many(week.runs, "run"), _so_many(week.emails, "e-mail")]
    if week.runs:
        figures.append(say_costs(week.money, currency))
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
    if said := say_pressure(week):
        console.print(Padding(Text(said, style="yellow" if week.over else "cyan"), (0, 0, 0, 2)))


def _line(widths: _Widths, *cells: str, style: str = "") -> Padding:
    """One run, in the columns of all."""
    table = Table.grid(padding=(0, 2))
    table.add_column(width=16, style=style)
    table.add_column(width=widths.campaign, style=style or "bold", no_wrap=True)
    for width in (widths.people, widths.worst, widths.expected):
        table.add_column(width=width, style=style, justify="right", no_wrap=True)
    table.add_column(style=style)
    table.add_row(*(Text(cell) for cell in cells))
    return Padding(table, (0, 0, 0, 2))


def say_pressure(week: Week) -> str:
    """`34 people get 2 e-mails in this week, 5 get 3; ...`; empty while nobody gets too many, or more than one."""
    told = {times: people for times, people in week.pressure.items() if times > 1 or week.over}
    if not told:
        return ""
    (times, people), *more = told.items()
    parts = [f"{_so_many(people, 'person gets', 'people get')} {_so_many(times, 'e-mail')} in this week"]
    parts += [f"{people:,} get{'s' if people == 1 else ''} {times}" for times, people in more]
    over = f"; for {week.over:,} that is more than the guardrails allow: they are left out, or theirs wait"
    return ", ".join(parts) + (over if week.over else "")


def _show_awaited(console: Console, awaited: Sequence[Awaited], currency: str) -> None:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for one in awaited:
        table.add_row(one.name, Text(f"{one.waits_for}: {say_often(one.a_day)} ({one.basis})"))
        each = f"each time {_so_many(one.people, 'person', 'people')}; " if one.people != 1 else ""
        emails = f"{each}up to {_so_many(one.emails_a_week, 'e-mail')} a week"
        costs = f", {say_costs(one.money_a_week, currency)} a week: {one.gives}" if one.gives else ""
        table.add_row("", Text(emails + costs))
    console.print(Padding(table, (0, 0, 0, 2)))


def _show_missing(console: Console, missing: Sequence[NotComing], zone: ZoneInfo) -> None:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for campaign, said in _grouped(missing, zone):
        table.add_row(campaign, Text(said))
    console.print(Padding(table, (0, 0, 0, 2)))


def _grouped(missing: Sequence[NotComing], zone: ZoneInfo) -> Iterator[tuple[str, str]]:
    """What doesn't happen, once for each campaign and reason."""
    groups: dict[tuple[str, str], list[str]] = {}
    for one in missing:
        moments = groups.setdefault((one.campaign, one.why), [])
        if one.at is not None:
            moments.append(f"{one.at.astimezone(zone):%a %d %b %Y %H:%M}")
    for (campaign, why), moments in sorted(groups.items()):
        more = f" and {len(moments) - _NAMED} more" if len(moments) > _NAMED else ""
        yield campaign, f"{', '.join(moments[:_NAMED])}{more} – {why}" if moments else why


def say_run(run: Coming, currency: str, zone: ZoneInfo) -> str:
    """One run for a calendar program: whom it reaches, what it gives and costs, and what is odd about it."""
    said = [
        f"{run.campaign}: {run.at.astimezone(zone):%a %d %b %Y %H:%M} ({zone.key})",
        f"{_so_many(run.people, 'person', 'people')}, as of now",
        f"{run.gives}: {say_costs(run.money, currency)}" if run.gives else "An e-mail without a code",
        *(f"{note[:1].upper()}{note[1:]}" for note in run.notes),
    ]
    return "\n".join(said)


def say_costs(money: Money, currency: str) -> str:
    """`worst case €5,000.00, expected €21.50`."""
    return f"worst case {_worst(money, currency)}, expected {_expected(money, currency)}"


def _worst(money: Money, currency: str) -> str:
    return "without bound" if money.worst is None else say_money(money.worst, currency)


def _expected(money: Money, currency: str) -> str:
    return "not known" if money.expected is None else say_money(money.expected, currency)


def _so_many(number: int, one: str, several: str = "") -> str:
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def _days(first: date, last: date) -> str:
    """`23 to 29 November 2026`, with what both have in common said once."""
    start = f"{first.day}"
    if (first.year, first.month) != (last.year, last.month):
        start += f" {first:%B}"
    if first.year != last.year:
        start += f" {first:%Y}"
    return f"{start} to {last.day} {last:%B %Y}"
