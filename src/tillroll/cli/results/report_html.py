"""What campaigns have brought as one HTML file to share or print: it contains everything it shows and loads nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from babel.numbers import format_decimal

from tillroll.campaign.text.counts import count_of
from tillroll.campaign.text.money import say_money
from tillroll.campaign.text.zones import zone_of
from tillroll.campaign.timing.moments import say_moment
from tillroll.cli.results.report_groups import group_title
from tillroll.cli.results.report_words import say_rate, say_time
from tillroll.ledger.records import Store
from tillroll.rendering.jinja.packaged import packaged_template
from tillroll.track.results.breakdown.collect import Groups
from tillroll.track.results.breakdown.groups import CodesLeft, GroupBy, GroupResult
from tillroll.track.results.effect.sentences import say_effect, say_people
from tillroll.track.results.report import CampaignReport
from tillroll.track.results.sums import Earnings
from tillroll.web.support.charts import BarChart, bar_chart

_WEEK = timedelta(days=7)
_MOST_WEEKS = 104  # of a chart; the table has all
_HEADINGS = {
    GroupBy.WEEK: "Week of",
    GroupBy.ARM: "Arm",
    GroupBy.LANGUAGE: "Language",
    GroupBy.SEGMENT: "Segment",
}


@dataclass(frozen=True, kw_only=True)
class ReportChart:
    """A chart with its words."""

    caption: str
    bars: BarChart
    top: str  # the figure of the upper line
    first: str  # what the first bar stands for
    last: str


@dataclass(frozen=True, kw_only=True)
class RangeScale:
    """Where a share lies on a line from 0 to 100."""

    most: float

    def at(self, share: float) -> float:
        """Return the place."""
        return round(100 * share / self.most, 2) if self.most else 0.0


@dataclass(frozen=True, kw_only=True)
class GroupRow:
    """A line of a table."""

    title: str
    group: GroupResult


@dataclass(frozen=True, kw_only=True)
class GroupTable:
    """The groups of one kind."""

    caption: str
    heading: str
    rows: tuple[GroupRow, ...]
    scale: RangeScale


@dataclass(frozen=True, kw_only=True)
class CampaignSection:
    """One campaign of the file."""

    report: CampaignReport
    sentence: str  # what it changed
    people: str  # who is compared; empty: nobody yet
    weeks: ReportChart | None
    tables: tuple[GroupTable, ...]


def report_as_html(found: Sequence[tuple[CampaignReport, Groups]], store: Store, *, made_at: datetime) -> str:
    """Return the file's text. All text of files and the store is escaped."""
    zone, currency = zone_of(store.timezone), store.currency
    sections = [_section(report, groups, store) for report, groups in found]
    return packaged_template("tillroll.cli", "report.html.j2").render(
        shop=store.name or f"store {store.ecwid_id}",
        made_at=made_at,
        campaigns=sections,
        overview=_overview([report for report, _ in found], currency),
        total=sum((_earned(report) for report, _ in found), Earnings()),
        money=lambda amount: "–" if amount is None else say_money(amount, currency),
        moment=lambda at: say_moment(at, zone),
        number=lambda value: format_decimal(value, locale="en"),
        counted=count_of,
        rate=lambda rate: "–" if rate is None else say_rate(rate),
        lasting=lambda median: "–" if median is None else say_time(median),
        live=lambda codes: _live(codes, currency),
    )


def _section(report: CampaignReport, groups: Groups, store: Store) -> CampaignSection:
    effect = report.effect
    return CampaignSection(
        report=report,
        sentence=say_effect(effect, currency=store.currency, zone=zone_of(store.timezone)),
        people=say_people(effect) if effect.effect.orders is not None else "",
        weeks=_weeks(groups[GroupBy.WEEK], store.currency),
        tables=tuple(_tables(groups)),
    )


def _tables(groups: Mapping[GroupBy, Sequence[GroupResult]]) -> Iterator[GroupTable]:
    """Yield the tables: of the weeks always, of the others where there are several groups."""
    for by, heading in _HEADINGS.items():
        found = groups[by]
        if not found or (len(found) == 1 and by is not GroupBy.WEEK):
            continue
        yield GroupTable(
            caption=f"By {by.value}",
            heading=heading,
            rows=tuple(
                GroupRow(title=each.name if by is GroupBy.WEEK else group_title(by, each), group=each)
                for each in found
            ),
            scale=RangeScale(
                most=max((each.rate.high for each in found if each.rate is not None), default=0)
            ),
        )


def _weeks(weeks: Sequence[GroupResult], currency: str) -> ReportChart | None:
    """Return a chart of what was ordered with the codes of each week's runs; None if that is nothing."""
    if not any(week.orders for week in weeks):
        return None
    ordered = {date.fromisoformat(week.name): week.revenue for week in weeks}
    first, last = min(ordered), max(ordered)
    first = max(first, last - (_MOST_WEEKS - 1) * _WEEK)
    mondays = [first + number * _WEEK for number in range((last - first) // _WEEK + 1)]
    amounts = [max(ordered.get(monday, Decimal(0)), Decimal(0)) for monday in mondays]
    labels = [
        f"Week of {monday:%-d %B %Y}: {say_money(amount, currency)}"
        for monday, amount in zip(mondays, amounts, strict=True)
    ]
    bars = bar_chart(list(zip(labels, amounts, strict=True)))
    return ReportChart(
        caption="Ordered with the codes of each week's runs",
        bars=bars,
        top=say_money(bars.top, currency),
        first=f"{first:%-d %B %Y}",
        last=f"{last:%-d %B %Y}" if last != first else "",
    )


def _overview(reports: Sequence[CampaignReport], currency: str) -> ReportChart | None:
    """Return a chart of the campaigns, the largest first; None if nothing was ordered, or there is one campaign."""
    ranked = sorted(reports, key=lambda report: (-report.revenue, report.campaign))
    if len(ranked) < 2 or not any(report.revenue > 0 for report in ranked):
        return None
    bars = bar_chart(
        [
            (f"{each.title}: {say_money(each.revenue, currency)}", max(each.revenue, Decimal(0)))
            for each in ranked
        ]
    )
    return ReportChart(
        caption="Ordered with the codes of each campaign",
        bars=bars,
        top=say_money(bars.top, currency),
        first=ranked[0].title,
        last=ranked[-1].title,
    )


def _earned(report: CampaignReport) -> Earnings:
    return Earnings(orders=report.orders, revenue=report.revenue, discount=report.discount)


def _live(codes: CodesLeft, currency: str) -> str:
    if not codes.live:
        return "–"
    most = "no limit" if codes.exposure is None else f"≤ {say_money(codes.exposure, currency)}"
    return f"{codes.live:,} ({most})"
